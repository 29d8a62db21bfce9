package scenarios_test

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/settings"
	"binderhub-smoke/smoke/state"
)

// trial is one run of the engine against the shared deployment with one thing changed.
type trial struct {
	ingress  func(*fixtures.Ingress)  // a change of the healthy one
	binder   func(*binderhub.Config)  // a BinderHub with settings of its own
	upstream string                   // the address of one that runs
	sick     string                   // runs on the borrowed server, in this mode
	target   func(*smoke.Target)      // what the user says of the target
	known    *state.State             // of earlier runs
	budgets  map[string]time.Duration // of steps that would wait longer than a test may
	grace    time.Duration            // for launches that have not ended, 10 s unless given
	observer smoke.Observer           // is told of the run; may be nil
	run      []string                 // scenarios and steps, with what they need
}

// expectation is what one step must come to.
type expectation struct {
	step    string // scenario/step
	verdict smoke.Verdict
	says    string // in the step's reason
}

// against runs the trial.
func (c trial) against(t *testing.T, d *fixtures.Deployment) smoke.TargetResult {
	t.Helper()
	target := loopback(t, d)
	target.Scenarios = c.run
	var changes []func(*fixtures.Ingress)
	upstream := c.upstream
	switch {
	case c.binder != nil:
		upstream = binderHub(t, d, c.binder)
	case c.sick != "":
		p := borrow(t, d)
		put(t, d, p.launchedServer, smokeMode, c.sick)
		upstream, target.Skip = p.address, []string{"clean-up"}
	}
	changes = append(changes, func(in *fixtures.Ingress) { in.Binder.Upstream = upstream })
	if c.ingress != nil {
		changes = append(changes, c.ingress)
	}
	if c.ingress != nil || upstream != "" {
		ingress(t, d, changes...)
	}
	if c.target != nil {
		c.target(&target)
	}
	return engine(t, target, patience{budgets: c.budgets, grace: cmp.Or(c.grace, 10*time.Second), observer: c.observer}, c.known)
}

// loopback is the deployment as a target, with nothing in it that takes long or is not asked for.
func loopback(t testing.TB, d *fixtures.Deployment) smoke.Target {
	t.Helper()
	loaded, err := settings.Load(settings.Source{Dir: t.TempDir(), IDs: scenarios.Names()})
	require.NoError(t, err)
	require.NoError(t, loaded.Loopback(d.BinderURL, d.HubURL, d.CAFile, d.Resolve))
	target := loaded.Settings.Targets[0]
	require.Empty(t, target.Metadata, "nothing here may ask the metadata address")
	target.Idle, target.Repeat = 0, 6
	return target
}

// patience is how long things may take: a test cannot wait a minute for what never comes.
type patience struct {
	budgets  map[string]time.Duration // of steps, instead of their own
	grace    time.Duration            // for a launch that has not ended
	observer smoke.Observer           // is told of the run; may be nil
}

// engine runs the suite against one target.
func engine(t *testing.T, target smoke.Target, p patience, known *state.State) smoke.TargetResult {
	t.Helper()
	var observers []smoke.Observer
	if p.observer != nil {
		observers = append(observers, p.observer)
	}
	run, err := smoke.Start(context.Background(), smoke.Options{
		Settings: smoke.Settings{Targets: []smoke.Target{target}, Timeout: 3 * time.Minute, Grace: p.grace, Out: t.TempDir()},
		Version:  smoke.Version, Scenarios: p.hurry(scenarios.All(known)), Observers: observers,
	})
	require.NoError(t, err)
	defer run.Close()
	return run.Wait().Targets[0]
}

// hurry gives the steps their budgets.
func (p patience) hurry(all func(*smoke.TargetRun) []smoke.Scenario) func(*smoke.TargetRun) []smoke.Scenario {
	return func(r *smoke.TargetRun) []smoke.Scenario {
		list := all(r)
		for _, sc := range list {
			for i, st := range sc.Steps {
				if b, ok := p.budgets[sc.Name+"/"+st.Name]; ok {
					sc.Steps[i].Budget = b
				}
			}
		}
		return list
	}
}

// check holds what a step came to against what is expected. What is wrong must be named for a person who was not there.
func (e expectation) check(t *testing.T, r smoke.TargetResult) {
	t.Helper()
	st := step(t, r, e.step)
	require.Equal(t, e.verdict, st.Verdict, "%s: %s\n%s", e.step, st.Reason, overview(r))
	require.Contains(t, st.Reason, e.says)
	if e.verdict == smoke.Failed {
		requireNamed(t, r, e.step, st)
	}
	if e.verdict == smoke.Inconclusive {
		require.Equal(t, diagnose.Inconclusive, findingOf(t, r, e.step).Severity)
	}
}

// requireNamed wants a failed step to name URL, expected, got and hop, within a second of its proof.
func requireNamed(t *testing.T, r smoke.TargetResult, id string, st smoke.StepResult) {
	t.Helper()
	require.Regexp(t, `at https?://\S+ expected .+, got .+`, st.Reason)
	f := findingOf(t, r, id)
	t.Logf("%s: %s (%s, hop %s)\n%s", id, st.Reason, f.Cause, f.Hop, f.Summary)
	require.NotEmpty(t, f.Hop)
	require.NotEmpty(t, f.Summary)
	require.NotEmpty(t, f.Remedy)
	require.Equal(t, diagnose.Fail, f.Severity)
	require.NotNil(t, st.ProvedAt)
	require.Less(t, time.Duration(*st.FailedAt-*st.ProvedAt), time.Second)
}

// findingOf is the finding that explains a step.
func findingOf(t *testing.T, r smoke.TargetResult, id string) diagnose.Finding {
	t.Helper()
	scenario, name, _ := strings.Cut(id, "/")
	f, ok := diagnose.Of(r.Findings, scenario, name)
	require.True(t, ok, "no finding explains %s\n%s", id, overview(r))
	return f
}

// requireWarning wants a step to have passed with a warning that says this.
func requireWarning(t *testing.T, r smoke.TargetResult, id, says string) {
	t.Helper()
	st := step(t, r, id)
	require.Equal(t, smoke.Pass, st.Verdict, "%s: %s\n%s", id, st.Reason, overview(r))
	f := findingOf(t, r, id)
	require.Equal(t, diagnose.Warn, f.Severity)
	require.Contains(t, st.Reason, says)
	t.Logf("%s: %s (%s)\n%s", id, st.Reason, f.Cause, f.Summary)
}

// overview is every step that did not simply pass, for a test that failed.
func overview(r smoke.TargetResult) string {
	var b strings.Builder
	for _, sc := range r.Scenarios {
		for _, st := range sc.Steps {
			if st.Verdict != smoke.Pass && !strings.HasPrefix(st.Reason, "not asked for") {
				b.WriteString("  " + sc.Name + "/" + st.Name + " " + string(st.Verdict) + ": " + st.Reason + "\n")
			}
		}
	}
	return b.String()
}

// endings notes what each step came to when it ended.
type endings struct {
	mu    sync.Mutex
	steps map[string]smoke.StepResult
}

func (e *endings) Observe(event smoke.Event) {
	if event.Kind == smoke.StepEnded {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.steps[event.Scenario+"/"+event.Step] = *event.Result
	}
}

func (e *endings) ended(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.steps[id]
	return ok
}
