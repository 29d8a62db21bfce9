package state

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	binder = &url.URL{Scheme: "https", Host: "binder.example.org", Path: "/"}
	hub    = &url.URL{Scheme: "https", Host: "hub.example.org", Path: "/"}
	noon   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
)

func open(t *testing.T, dir string) *State {
	t.Helper()
	s, warnings, err := Open(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, warnings)
	return s
}

func TestAFreshStateKnowsNothing(t *testing.T) {
	target := open(t, filepath.Join(t.TempDir(), "a", "b")).Target(binder)
	assert.Nil(t, target.Hub())
	assert.Nil(t, target.Canary())
	assert.Nil(t, target.Channel())
	assert.Zero(t, target.Success())
	assert.Empty(t, target.Launches(time.Time{}))
}

func TestStateOutlivesTheRun(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir).Target(binder)
	require.NoError(t, target.SetHub(t.Context(), hub))
	require.NoError(t, target.SetCanary(t.Context(), Check{"fail", noon, "r1"}))
	require.NoError(t, target.SetChannel(t.Context(), Check{"pass", noon, "r1"}))
	require.NoError(t, target.SetSuccess(t.Context(), noon))
	require.NoError(t, target.AddLaunch(t.Context(), Launch{"gh/o/r/HEAD", noon}))
	require.NoError(t, target.AddLaunch(t.Context(), Launch{"gh/o/r/HEAD", noon.Add(time.Hour)}))

	again := open(t, dir).Target(binder)
	assert.Equal(t, hub, again.Hub())
	assert.Equal(t, &Check{"fail", noon, "r1"}, again.Canary())
	assert.Equal(t, &Check{"pass", noon, "r1"}, again.Channel())
	assert.Equal(t, noon, again.Success())
	assert.Len(t, again.Launches(time.Time{}), 2)
	assert.Equal(t, []Launch{{"gh/o/r/HEAD", noon.Add(time.Hour)}}, again.Launches(noon.Add(time.Minute)))
	assert.Nil(t, open(t, dir).Target(hub).Hub(), "another target is another record")
}

func TestOldLaunchesAreForgotten(t *testing.T) {
	target := open(t, t.TempDir()).Target(binder)
	require.NoError(t, target.AddLaunch(t.Context(), Launch{"old", noon}))
	require.NoError(t, target.AddLaunch(t.Context(), Launch{"new", noon.Add(8 * 24 * time.Hour)}))
	require.Len(t, target.Launches(time.Time{}), 1)
	assert.Equal(t, "new", target.Launches(time.Time{})[0].Repository)
}

func TestRunsDoNotLoseEachOthersChanges(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		s := open(t, dir)
		all.Go(func() {
			u := &url.URL{Scheme: "https", Host: fmt.Sprintf("b%d.example.org", i)}
			for range 3 {
				assert.NoError(t, s.Target(u).AddLaunch(t.Context(), Launch{"gh/o/r/HEAD", noon}))
			}
		})
	}
	all.Wait()
	s := open(t, dir)
	for i := range 8 {
		assert.Len(t, s.Target(&url.URL{Scheme: "https", Host: fmt.Sprintf("b%d.example.org", i)}).Launches(time.Time{}), 3)
	}
}

func TestADamagedStateBeginsAnew(t *testing.T) {
	for name, content := range map[string]string{
		"cut":        `{"version":1,"targets":{"https://b`,
		"empty":      ``,
		"other type": `{"version":1,"targets":[]}`,
		"version":    `{"version":2,"targets":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte(content), 0o600))
			s, warnings, err := Open(t.Context(), dir)
			require.NoError(t, err)
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0], "state.json.damaged")
			kept, err := os.ReadFile(filepath.Join(dir, "state.json.damaged"))
			require.NoError(t, err)
			assert.Equal(t, content, string(kept))
			require.NoError(t, s.Target(binder).SetHub(t.Context(), hub))
			assert.Equal(t, hub, open(t, dir).Target(binder).Hub())
		})
	}
}

func TestDamageDuringARunCostsNothing(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir).Target(binder)
	require.NoError(t, target.SetHub(t.Context(), hub))
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte("{"), 0o600))
	require.NoError(t, target.SetCanary(t.Context(), Check{Verdict: "pass", At: noon}))
	assert.Equal(t, hub, open(t, dir).Target(binder).Hub())
}

func TestNullTargetsAreNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte(`{"version":1,"targets":{"https://binder.example.org/":null}}`), 0o600))
	target := open(t, dir).Target(binder)
	assert.Nil(t, target.Hub())
	require.NoError(t, target.SetHub(t.Context(), hub))
}

func TestTheWaitForTheLockEndsAndNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir) // leaves its name in the lock
	lock := flock.New(filepath.Join(dir, lockName))
	require.NoError(t, lock.Lock())
	defer lock.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Target(binder).SetHub(ctx, hub)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), fmt.Sprintf("in use by another run (process %d since ", os.Getpid()))
}

func TestChangesThatWaitAreWrittenTogether(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	lock := flock.New(filepath.Join(dir, lockName))
	require.NoError(t, lock.Lock())
	ended := make(chan error)
	for i := range 100 {
		go func() {
			ended <- s.Target(&url.URL{Scheme: "https", Host: fmt.Sprintf("b%d.example.org", i), Path: "/"}).SetHub(t.Context(), hub)
		}()
	}
	for waiting := 0; waiting < 100; runtime.Gosched() {
		s.queue.Lock()
		waiting = len(s.queued)
		s.queue.Unlock()
	}
	require.NoError(t, lock.Close())
	require.NoError(t, <-ended)
	assert.Len(t, open(t, dir).data.Targets, 100, "the first has written what all waited for")
	for range 99 {
		require.NoError(t, <-ended)
	}
}

func TestTheFileIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	target := open(t, dir).Target(binder)
	require.NoError(t, target.SetHub(t.Context(), hub))
	old, err := os.Open(filepath.Join(dir, fileName))
	require.NoError(t, err)
	defer old.Close()
	before, err := old.Stat()
	require.NoError(t, err)
	require.NoError(t, target.SetCanary(t.Context(), Check{Verdict: "pass", At: noon}))
	after, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	assert.False(t, os.SameFile(before, after), "a reader of the old file keeps it whole")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing temporary is left")
}

func TestAnUnusableDirectoryIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, _, err := Open(t.Context(), file)
	require.ErrorContains(t, err, "state directory")
}
