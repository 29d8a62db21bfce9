package evidence_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/reporttest"
	"binderhub-smoke/smoke/wire"
)

func TestReadIsWhatTheDirectoryHolds(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	e := evidence.Read(dir, r, 0)
	assert.Empty(t, e.Missing)
	assert.Equal(t, reporttest.Began, e.Started)
	assert.Len(t, e.Exchanges, 11)
	require.Len(t, e.Marks, 1, "the engine's own notes say nothing new")
	assert.Equal(t, "console error", e.Marks[0].Kind)
	assert.Equal(t, "notebook", e.Marks[0].Scenario)
	assert.Equal(t, 900*time.Millisecond, e.Marks[0].At)
}

func TestReadOfAKilledRun(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	path := filepath.Join(dir, "targets", reporttest.Name, evidence.TimelineName)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b[:len(b)-20], 0o644))
	e := evidence.Read(dir, r, 0)
	assert.Empty(t, e.Missing, "a last line that is half is passed over")
	assert.Len(t, e.Exchanges, 11)

	require.NoError(t, os.WriteFile(path, []byte("{\n{\n"), 0o644))
	assert.Contains(t, evidence.Read(dir, r, 0).Missing, "the recording is not complete")
	require.NoError(t, os.Remove(path))
	assert.Contains(t, evidence.Read(dir, r, 0).Missing, "there is no recording")
}

func TestASoakShowsTheRoundThatDecided(t *testing.T) {
	r := smoke.Result{Verdict: smoke.Failed, Rounds: []smoke.Round{
		{Verdict: smoke.Pass, Directory: "rounds/1"}, {Verdict: smoke.Failed, Directory: "rounds/2"}, {Verdict: smoke.Inconclusive, Directory: "rounds/3"},
	}}
	assert.Equal(t, "rounds/2", evidence.Round(r))
	assert.Empty(t, evidence.Round(smoke.Result{}))
}

func TestPhasesAddUp(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	x := &wire.Exchange{
		Client: wire.Browser, Open: wire.Open{At: ms(100)}, TCP: []wire.TCP{{Seconds: wire.Seconds(ms(30)), At: ms(150)}},
		TLS: &wire.TLS{Seconds: wire.Seconds(ms(20)), At: ms(150)}, Request: &wire.Request{At: ms(151)}, Response: &wire.Response{At: ms(180)}, Close: &wire.Close{At: ms(200)},
	}
	assert.Equal(t, evidence.Phases{Blocked: ms(21), TCP: ms(10), TLS: ms(20), Wait: ms(29), Receive: ms(20)}, evidence.PhasesOf(x), "a browser's connection has the handshake in it")
	x.TLS.Seconds = wire.Seconds(ms(500))
	p := evidence.PhasesOf(x)
	assert.Equal(t, ms(100), p.Blocked+p.DNS+p.TCP+p.TLS+p.Wait+p.Receive, "also when a clock is wrong")
}
