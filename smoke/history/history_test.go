package history

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/state"
	"binderhub-smoke/smoke/wire"
)

func sec(f float64) wire.Seconds { return wire.Seconds(f * float64(time.Second)) }

// run is a run of the target that took so long to launch and so long for the rest, by an ingress of a name.
func run(launch, rest float64, ingress string) Entry {
	return Entry{
		Schema: schema, Target: "https://b.test/", Settings: "s", Verdict: smoke.Pass,
		Steps: map[string]wire.Seconds{"launch/build": sec(launch / 3), "launch/spawn": sec(2 * launch / 3), "server/login": sec(rest), "kernel/start": sec(rest), "terminal/open": sec(rest)},
		Route: []Host{{"hub", []Hop{{Hop: diagnose.HopIngress, Names: []string{ingress}}, {Hop: diagnose.HopHub, Names: []string{"JupyterHub"}, Version: "5.0"}}}},
	}
}

func runs(n int, launch float64) (all []Entry) {
	for i := range n {
		all = append(all, run(launch+float64(i%3)/10, 1, "envoy"))
	}
	return all
}

func TestASlowLaunchIsTold(t *testing.T) {
	assert.Equal(t, []string{"launch 3.1 × the median of 20 runs (31.3 s, before: 10.1 s)"}, Changes(run(31.31, 1, "envoy"), runs(25, 10)))
}

func TestNoFalseAlarms(t *testing.T) {
	assert.Empty(t, Changes(run(11, 1.4, "envoy"), runs(20, 10)), "as ever")
	assert.Empty(t, Changes(run(60, 1, "envoy"), runs(enough-1, 10)), "too few runs")
	assert.Empty(t, Changes(run(19, 1, "envoy"), runs(20, 10)), "not twice the median")
	assert.Empty(t, Changes(run(1, 0.1, "envoy"), append(runs(20, 0.3), run(1, 0.1, "envoy"))), "too little to matter")
	assert.Empty(t, Changes(run(31, 1, "envoy"), append(runs(20, 10), run(28, 1, "envoy"))), "one before was nearly as slow")
	cached := run(40, 1, "envoy")
	cached.Built = true
	assert.Empty(t, Changes(cached, runs(20, 10)), "this one built an image")
	other := run(40, 1, "envoy")
	other.Settings = "another"
	assert.Empty(t, Changes(other, runs(20, 10)), "other settings")
	failed := run(40, 1, "envoy")
	delete(failed.Steps, "launch/spawn")
	assert.Empty(t, Changes(failed, runs(20, 10)), "a step of it did not pass")
}

func TestASlowMachineIsOneWarning(t *testing.T) {
	told := Changes(run(40, 9, "envoy"), runs(20, 10))
	require.Len(t, told, 1)
	assert.Contains(t, told[0], "4 of 4 scenarios took more than 2 × their median of earlier runs, most of all")
}

func TestAnotherIngressIsToldOnce(t *testing.T) {
	before := runs(1, 10)
	told := Changes(run(10, 1, "nginx/1.27"), before)
	assert.Equal(t, []string{"the ingress of the hub host now answers as nginx/1.27, before: envoy"}, told, "one run before is enough")
	assert.Empty(t, Changes(run(10, 1, "nginx/1.27"), append(before, run(10, 1, "nginx/1.27"))), "it was told")
	assert.Empty(t, Changes(run(10, 1, "envoy"), append(before, run(10, 1, "nginx/1.27"))), "two in turn are no news")
	back := runs(1, 10)
	for range enough {
		back = append(back, run(10, 1, "nginx/1.27"))
	}
	assert.NotEmpty(t, Changes(run(10, 1, "envoy"), back), "it came back after long")
}

func TestAVersionThatIsNotAlwaysToldIsNoNews(t *testing.T) {
	assert.Empty(t, Changes(run(10, 1, "nginx/1.27"), []Entry{run(10, 1, "nginx")}))
	assert.Empty(t, Changes(run(10, 1, "nginx"), []Entry{run(10, 1, "nginx/1.27")}))
	assert.NotEmpty(t, Changes(run(10, 1, "nginx/1.28"), []Entry{run(10, 1, "nginx/1.27")}))
}

func TestAnotherVersionIsTold(t *testing.T) {
	now := run(10, 1, "envoy")
	now.Route[0].Hops[1].Version = "5.4"
	assert.Equal(t, []string{"the hub of the hub host now has version 5.4, before: 5.0"}, Changes(now, runs(3, 10)))
	now.Route[0].Hops[1].Version = ""
	assert.Empty(t, Changes(now, runs(3, 10)), "a version that was not seen says nothing")
}

// result is a target's result in a run.
func result(launch float64, ingress string) smoke.TargetResult {
	return smoke.TargetResult{
		Name: "a", Verdict: smoke.Pass,
		Scenarios: []smoke.ScenarioResult{{Name: "launch", Steps: []smoke.StepResult{
			{Name: "build", Verdict: smoke.Pass, Seconds: sec(launch)}, {Name: "route", Verdict: smoke.Failed, Seconds: sec(9)}}}},
		Route: []diagnose.Route{{Host: "hub", Hops: []diagnose.RouteHop{{Hop: diagnose.HopIngress, Name: ingress, Adds: []string{"X-Jupyterhub-Version: 5.0"}}}}},
	}
}

// round plays one run with a book of its own, and returns what it tells.
func round(t *testing.T, dir string, r smoke.TargetResult) []string {
	t.Helper()
	known, _, err := state.Open(t.Context(), dir)
	require.NoError(t, err)
	b := Open(known, smoke.Settings{Targets: []smoke.Target{{Name: "a", Binder: &url.URL{Scheme: "https", Host: "b.test", Path: "/"}}}})
	told := b.Changes(r)
	median, n := b.Earlier("a", "launch", "build")
	if len(told) > 0 {
		told = append(told, fmt.Sprint(median, n))
	}
	b.Observe(smoke.Event{Kind: smoke.TargetEnded, Target: "a", Snapshot: func() smoke.Result {
		return smoke.Result{RunID: "r", SuiteVersion: "v", Targets: []smoke.TargetResult{r}}
	}})
	require.NoError(t, b.Err())
	return told
}

func TestTheNextRunSaysWhatChanged(t *testing.T) {
	dir := t.TempDir()
	for range 6 {
		assert.Empty(t, round(t, dir, result(10, "envoy")))
	}
	assert.Equal(t, []string{
		"the ingress of the hub host now answers as nginx/1.27, before: envoy", "launch 3.1 × the median of 6 runs (31.0 s, before: 10.0 s)", "10s 6",
	}, round(t, dir, result(31, "nginx/1.27")))
	b, err := os.ReadFile(filepath.Join(dir, "history.ndjson"))
	require.NoError(t, err)
	assert.Equal(t, 7, strings.Count(string(b), "\n"))
	assert.Contains(t, string(b), `"steps":{"launch/build":31}`)
	assert.Contains(t, string(b), `"version":"5.0"`)
}

func TestADamagedHistoryIsNoReasonNotToRun(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "history.ndjson"), []byte("{\"schema\":1,\"tar"), 0o644))
	assert.Empty(t, round(t, dir, result(10, "envoy")))
	assert.NotEmpty(t, round(t, dir, result(10, "nginx")), "the half line did not take the next one with it")
}

func TestAHistoryKeepsTheLatestOfEachTarget(t *testing.T) {
	var lines [][]byte
	for i := range 3 * kept {
		lines = append(lines, fmt.Appendf(nil, `{"schema":1,"target":"t%d","settings":"s","run":"%d"}`, i%2, i))
	}
	short := keep(append(lines, []byte("{"), []byte(`{"schema":2}`)))
	require.Len(t, short, 2*kept)
	assert.Contains(t, string(short[0]), `"50"`)
	assert.Contains(t, string(short[len(short)-1]), `"149"`)
}
