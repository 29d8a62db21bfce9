package smoke_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// busy is a suite of several concurrent scenarios with steps of every ending.
func busy(*smoke.TargetRun) []smoke.Scenario {
	return []smoke.Scenario{
		scenario("a", passes("x"), gives("y", broken()), passes("z"), always(passes("tidy"))),
		needing(scenario("b", cell("x")), "a/x"),
		needing(scenario("c", passes("x")), "a"),
		scenario("d", gives("x", smoke.Skip("http")), sleeps("y", time.Second)),
		last(scenario("clean-up", always(passes("x")))),
	}
}

func TestEventsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := recorder{t: t}
		run(t, busy, watched(&seen), func(o *smoke.Options) {
			o.Settings.Targets, o.Settings.Concurrency = append(o.Settings.Targets, target("u")), 2
		})
		checkEvents(t, &seen)
	})
}

// checkEvents holds a run's events against the order that Event promises.
func checkEvents(t *testing.T, seen *recorder) {
	require.NotEmpty(t, seen.events)
	final := seen.states[len(seen.states)-1]
	ended, over := map[string]smoke.Verdict{}, map[string]bool{}
	for i, e := range seen.events {
		id := e.Target + "/" + e.Scenario + "/" + e.Step
		switch e.Kind {
		case smoke.RunStarted:
			require.Zero(t, i)
		case smoke.StepStarted:
			require.NotContains(t, ended, id)
		case smoke.StepEnded:
			require.NotContains(t, ended, id, "a step ends once")
			require.False(t, over[e.Target], "after the target's end")
			ended[id] = e.Result.Verdict
		case smoke.TargetEnded:
			require.False(t, over[e.Target])
			over[e.Target] = true
		case smoke.RunEnded:
			require.Equal(t, len(seen.events)-1, i)
		}
		checkState(t, seen.states[i], ended, over, e.Kind == smoke.RunEnded)
	}
	require.Len(t, over, len(final.Targets))
}

// checkState holds a snapshot against what had ended when it was taken.
func checkState(t *testing.T, r smoke.Result, ended map[string]smoke.Verdict, over map[string]bool, final bool) {
	good := func(v smoke.Verdict) bool { return v == smoke.Pass || v == smoke.Flaky || v == smoke.Skipped }
	require.False(t, good(r.Verdict) && !final, "the run has not ended and shows %s", r.Verdict)
	require.Equal(t, final, r.Ended != smoke.EndedRunning)
	for _, tr := range r.Targets {
		require.False(t, good(tr.Verdict) && !over[tr.Name] && !final, "%s has not ended and shows %s", tr.Name, tr.Verdict)
		for _, sc := range tr.Scenarios {
			for _, st := range sc.Steps {
				v, has := ended[tr.Name+"/"+sc.Name+"/"+st.Name]
				if has {
					require.Equal(t, v, st.Verdict)
				}
				require.False(t, final && st.Verdict == smoke.Running)
			}
		}
	}
}

func TestARunPassesWhenItHasEnded(t *testing.T) {
	seen := recorder{t: t}
	run(t, of(scenario("a", cell("x"))), watched(&seen))
	var shown [][2]smoke.Verdict // of the run and of the target
	for _, s := range seen.states {
		shown = append(shown, [2]smoke.Verdict{s.Verdict, s.Targets[0].Verdict})
	}
	const running, pass = smoke.Running, smoke.Pass
	assert.Equal(t, [][2]smoke.Verdict{{running, running}, {running, running}, {running, running}, {running, pass}, {pass, pass}}, shown)
}

func TestAStepsEndIsToldBeforeAnybodyGoesOn(t *testing.T) {
	seen := recorder{t: t}
	run(t, busy, watched(&seen))
	ended := map[string]bool{}
	for _, e := range seen.events {
		switch {
		case e.Kind == smoke.StepEnded:
			ended[e.Scenario+"/"+e.Step] = true
		case e.Kind == smoke.StepStarted && e.Scenario == "b":
			assert.True(t, ended["a/x"])
		}
	}
}

func TestASnapshotIsACopy(t *testing.T) {
	seen := recorder{t: t}
	r := start(t, t.Context(), busy, watched(&seen))
	defer r.Close()
	final := r.Wait()
	for i := range seen.states {
		for k := range seen.states[i].Targets {
			tr := &seen.states[i].Targets[k]
			tr.Notes, tr.Scenarios[0].Steps[0].Verdict = append(tr.Notes, "mine"), "mine"
			for f := range tr.Findings {
				tr.Findings[f].Key = "mine"
			}
		}
	}
	assert.Equal(t, final, r.Snapshot())
}

func TestTheTimelineIsWrittenBeforeAStepsEndIsTold(t *testing.T) {
	var lines int
	out := ""
	run(t, of(scenario("a", gives("x", broken()))), watched(watch(func(e smoke.Event) {
		if e.Kind == smoke.StepEnded {
			b, err := os.ReadFile(filepath.Join(out, "targets", "t", "timeline.ndjson"))
			require.NoError(t, err)
			lines = strings.Count(string(b), "\n")
		}
	})), func(o *smoke.Options) { out = o.Settings.Out })
	assert.Equal(t, 2, lines, "what the timeline is of, and how the step ended")
}

func TestWaitReturnsWhatTheReportShows(t *testing.T) {
	r := start(t, t.Context(), busy)
	defer r.Close()
	for _, sc := range r.Targets()[0].Scenarios() {
		for _, st := range sc.Steps() {
			got := st.Wait()
			assert.Equal(t, result(t, r.Wait(), sc.Name()+"/"+st.Name()), got)
		}
	}
}
