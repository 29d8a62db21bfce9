package smoke_test

import (
	"context"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// suite constructs scenarios, as the suite's own All does.
type suite func(*smoke.TargetRun) []smoke.Scenario

func of(scenarios ...smoke.Scenario) suite {
	return func(*smoke.TargetRun) []smoke.Scenario { return scenarios }
}

// options are those of a run of one target named "t", without a limit.
func options(t *testing.T, s suite, change ...func(*smoke.Options)) smoke.Options {
	o := smoke.Options{
		Settings:  smoke.Settings{Out: t.TempDir(), Concurrency: 1, Grace: 2 * time.Second, Targets: []smoke.Target{target("t")}},
		Scenarios: s,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func target(name string) smoke.Target {
	return smoke.Target{Name: name, Binder: &url.URL{Scheme: "https", Host: name + ".example.org", Path: "/"}}
}

func start(t *testing.T, ctx context.Context, s suite, change ...func(*smoke.Options)) *smoke.Run {
	t.Helper()
	run, err := smoke.Start(ctx, options(t, s, change...))
	require.NoError(t, err)
	return run
}

// run runs a suite to its end.
func run(t *testing.T, s suite, change ...func(*smoke.Options)) smoke.Result {
	t.Helper()
	r := start(t, context.Background(), s, change...)
	defer r.Close()
	return r.Wait()
}

func only(ids ...string) func(*smoke.Options) {
	return func(o *smoke.Options) { o.Settings.Targets[0].Scenarios = ids }
}

func skip(ids ...string) func(*smoke.Options) {
	return func(o *smoke.Options) { o.Settings.Targets[0].Skip = ids }
}

func watched(by smoke.Observer) func(*smoke.Options) {
	return func(o *smoke.Options) { o.Observers = append(o.Observers, by) }
}

func scenario(name string, steps ...smoke.Step) smoke.Scenario {
	return smoke.Scenario{Name: name, Proves: name + " works", Steps: steps}
}

func (s suite) and(more ...smoke.Scenario) suite {
	return func(t *smoke.TargetRun) []smoke.Scenario { return slices.Concat(s(t), more) }
}

// needing adds needs to a scenario.
func needing(sc smoke.Scenario, needs ...string) smoke.Scenario {
	sc.Needs = needs
	return sc
}

func last(sc smoke.Scenario) smoke.Scenario {
	sc.Last = true
	return sc
}

func step(name string, do func(context.Context) error) smoke.Step {
	return smoke.Step{Name: name, Budget: time.Minute, Do: do}
}

// gives is a step that returns an error, or passes when it is nil.
func gives(name string, err error) smoke.Step {
	return step(name, func(context.Context) error { return err })
}

func passes(name string) smoke.Step { return gives(name, nil) }

// cell is a step in which a cell runs: without one, nothing passes.
func cell(name string) smoke.Step {
	st := passes(name)
	st.Cell = true
	return st
}

func independent(st smoke.Step, after ...string) smoke.Step {
	st.Independent, st.After = true, after
	return st
}

func always(st smoke.Step) smoke.Step {
	st.Always = true
	return st
}

func settling(st smoke.Step, after string, decide func(smoke.Verdict, error) error) smoke.Step {
	st.Independent = true
	st.Settle = &smoke.Settle{After: after, Decide: func(_ context.Context, v smoke.Verdict, fault error) error { return decide(v, fault) }}
	return st
}

// waits is a step that ends with its context only.
func waits(name string) smoke.Step {
	return step(name, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
}

// sleeps is a step that passes after a time.
func sleeps(name string, d time.Duration) smoke.Step {
	return step(name, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	})
}

// broken is what a deployment that answers wrongly gives.
func broken() error {
	return &wire.Fault{Subject: "The page", Symptom: wire.Status, Want: "200", Got: "502"}
}

// untestable is what keeps us from testing.
func untestable() error {
	return &wire.Fault{Subject: "The browser", Symptom: wire.Unavailable, Want: "a browser", Got: "none", Inconclusive: true}
}

// verdicts is the verdict of every step of the only target.
func verdicts(r smoke.Result) map[string]smoke.Verdict {
	found := map[string]smoke.Verdict{}
	for _, sc := range r.Targets[0].Scenarios {
		for _, st := range sc.Steps {
			found[sc.Name+"/"+st.Name] = st.Verdict
		}
	}
	return found
}

func result(t *testing.T, r smoke.Result, id string) smoke.StepResult {
	t.Helper()
	for _, sc := range r.Targets[0].Scenarios {
		for _, st := range sc.Steps {
			if sc.Name+"/"+st.Name == id {
				return st
			}
		}
	}
	require.Fail(t, "no such step", id)
	return smoke.StepResult{}
}

// recorder keeps the events of a run, and what the run looked like at each.
type recorder struct {
	t      *testing.T
	busy   atomic.Bool
	events []smoke.Event
	states []smoke.Result
}

func (r *recorder) Observe(e smoke.Event) {
	if !r.busy.CompareAndSwap(false, true) {
		r.t.Error("two events at a time")
	}
	r.events, r.states = append(r.events, e), append(r.states, e.Snapshot())
	r.busy.Store(false)
}

// watch is an observer that is a function.
type watch func(smoke.Event)

func (w watch) Observe(e smoke.Event) { w(e) }
