package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// followed is a file that follows a run, in a directory with nothing else.
type followed struct {
	*File
	t       *testing.T
	written int           // times that the file was encoded
	takes   time.Duration // to encode it
	now     smoke.Verdict
}

// follow begins a run.
func follow(t *testing.T) *followed {
	t.Helper()
	f := waiting(t)
	f.tell(smoke.RunStarted)
	return f
}

// waiting is a run that has not begun.
func waiting(t *testing.T) *followed {
	t.Helper()
	f := &followed{t: t, now: smoke.Running}
	var err error
	f.File, err = newFile(filepath.Join(t.TempDir(), "out"), "report.json", func(r smoke.Result) ([]byte, error) {
		f.written++
		time.Sleep(f.takes)
		return Encode(r)
	})
	require.NoError(t, err)
	return f
}

func (f *followed) tell(kind smoke.EventKind) {
	now := f.now
	f.Observe(smoke.Event{Kind: kind, Result: &smoke.StepResult{}, Snapshot: func() smoke.Result { return oneStep(now) }})
}

// ended has a step end with a verdict.
func (f *followed) ended(v smoke.Verdict) {
	f.now = v
	f.tell(smoke.StepEnded)
}

// verdict reads the file, whole.
func (f *followed) verdict() smoke.Verdict {
	f.t.Helper()
	b, err := os.ReadFile(f.path)
	require.NoError(f.t, err)
	var r smoke.Result
	require.NoError(f.t, json.Unmarshal(b, &r))
	return r.Targets[0].Scenarios[0].Steps[0].Verdict
}

func TestTheFileFollowsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t)
		assert.Equal(t, smoke.Running, f.verdict(), "it is there before the first step, and is no pass")
		open, err := os.Open(f.path)
		require.NoError(t, err)
		defer open.Close()
		f.ended(smoke.Pass)
		synctest.Wait()
		assert.Equal(t, smoke.Pass, f.verdict(), "nothing else has to happen")

		var before smoke.Result
		require.NoError(t, json.NewDecoder(open).Decode(&before), "whoever reads the old file reads it whole")
		assert.Equal(t, smoke.Running, before.Targets[0].Scenarios[0].Steps[0].Verdict)
		f.now = smoke.Failed
		f.tell(smoke.RunEnded)
		assert.Equal(t, smoke.Failed, f.verdict(), "the end does not wait")
		require.NoError(t, f.Err())
		entries, err := os.ReadDir(filepath.Dir(f.path))
		require.NoError(t, err)
		assert.Len(t, entries, 1)
	})
}

func TestWhatIsSupersededIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t)
		f.takes = 10 * time.Millisecond // of the clock of synctest: only what takes time supersedes anything
		for range 1000 {
			f.ended(smoke.Running)
		}
		f.ended(smoke.Inconclusive)
		synctest.Wait()
		time.Sleep(maxRest)
		synctest.Wait()
		assert.Equal(t, smoke.Inconclusive, f.verdict(), "the newest is")
		assert.LessOrEqual(t, f.written, 4, "the first, one of the many at once, and one after its rest")
		f.tell(smoke.RunEnded)
	})
}

func TestASoakThatWaitsToBeginHasAFile(t *testing.T) {
	f := waiting(t)
	f.tell(smoke.Waiting)
	assert.Equal(t, smoke.Running, f.verdict())
	f.now = smoke.Inconclusive
	f.tell(smoke.RunEnded)
	assert.Equal(t, smoke.Inconclusive, f.verdict(), "and it may end before it begins")
}

func TestTheLastRunsFileIsNotThisRuns(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	require.NoError(t, os.WriteFile(path, []byte("another run's"), 0o600))
	_, err := NewJSON(dir)
	require.NoError(t, err)
	assert.NoFileExists(t, path)
}

func TestAFailedWriteIsKnownAfterTheRun(t *testing.T) {
	f := follow(t)
	require.NoError(t, os.RemoveAll(filepath.Dir(f.path)))
	f.tell(smoke.RunEnded)
	require.ErrorContains(t, f.Err(), "cannot be written")
}
