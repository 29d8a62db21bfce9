package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/settings"
	"binderhub-smoke/smoke/wire"
)

// A soak with real launches: its rounds follow one another, and the one that would exceed the hour's launches is put off.
func TestASoakKeepsToItsLaunchBudget(t *testing.T) {
	long(t)
	d := deploy(t, fixtures.Config{})
	dir := t.TempDir()
	loaded, err := settings.Load(settings.Source{Dir: dir, IDs: scenarios.Names(), Args: []string{
		"--mode=soak", "--launches=4", "--idle=0", "--out=" + filepath.Join(dir, "smoke-report"), "--state=" + filepath.Join(dir, "state"),
	}})
	require.NoError(t, err)
	require.NoError(t, loaded.Loopback(d.BinderURL, d.HubURL, d.CAFile, d.Resolve))
	loaded.Settings.Soak = []time.Duration{0, time.Second, 2 * time.Second} // shorter than anybody may ask for

	reader, writer := io.Pipe()
	p := &program{stdout: writer, stderr: io.Discard, environ: os.Environ(), stop: newInterrupt(t.Context(), io.Discard)}
	ended := make(chan int)
	go func() {
		code := p.test(loaded.Settings)
		_ = writer.Close()
		ended <- code
	}()
	putOff := false
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		if strings.Contains(lines.Text(), "the budget is 4 launches an hour") {
			putOff = true
			assert.Contains(t, lines.Text(), "round 3 of 3 begins at ")
			p.stop.got(syscall.SIGTERM)
		}
	}
	require.Equal(t, 143, <-ended)
	require.True(t, putOff)
	s := &suite{dir: dir}
	r := s.result(t)
	require.Equal(t, smoke.EndedSignal, r.Ended)
	require.Len(t, r.Rounds, 2)
	for _, round := range r.Rounds {
		assert.Equal(t, smoke.Pass, round.Verdict)
		assert.Equal(t, smoke.Pass, s.resultIn(t, round.Directory).Verdict)
	}
	require.Equal(t, 4, launchesAsked(t, d), "two a round")
	require.Empty(t, running(t, d))
}

// Two programs that share a state directory do not launch at once on the same BinderHub.
func TestTwoProgramsTakeTurnsToLaunch(t *testing.T) {
	long(t)
	d := deploy(t, fixtures.Config{})
	state := "SMOKE_STATE=" + t.TempDir()
	first, second := newSuite(t, d, state, "SMOKE_SCENARIOS=kernel,clean-up"), newSuite(t, d, state, "SMOKE_SCENARIOS=kernel,clean-up")
	var code int
	var r smoke.Result
	ended := make(chan struct{})
	codeOfFirst, resultOfFirst := first.when(t, "launch/build", func() {
		go func() {
			defer close(ended)
			code, r = second.run(t)
		}()
	})
	<-ended
	require.Equal(t, 0, codeOfFirst)
	require.Equal(t, 0, code)
	require.Equal(t, smoke.Pass, r.Verdict)
	over := resultOfFirst.Started.Add(time.Duration(resultOfFirst.Seconds))
	require.WithinRange(t, second.launched(t), over.Add(-time.Second), over.Add(2*time.Minute), "the first was over at %s", over)
	require.Equal(t, 2, launchesAsked(t, d))
}

// launched is when a run asked for its first launch.
func (s *suite) launched(t *testing.T) time.Time {
	t.Helper()
	r := s.result(t)
	file, err := os.Open(filepath.Join(s.dir, "smoke-report", "targets", r.Targets[0].Name, timelineName))
	require.NoError(t, err)
	defer file.Close()
	rec, err := wire.ReadRecording(file)
	require.NoError(t, err)
	for _, x := range wire.Fold(slices.Values(rec.Records)) {
		if strings.Contains(x.Open.URL, "/build/") {
			return r.Started.Add(x.Open.At)
		}
	}
	require.Fail(t, "there was no launch")
	return time.Time{}
}
