package smoke

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// TargetRun is one target of a run. Scenarios are constructed from it: it holds what they share with the engine.
type TargetRun struct {
	Target   Target
	Timeline *wire.Timeline
	Meter    *wire.Meter   // time in which the raw clients wait for bytes
	RunID    string        // of this run, in every User-Agent
	Version  string        // of the suite
	Dir      string        // directory of this target's evidence
	Grace    time.Duration // how long to wait for an unfinished launch after an interrupt
	Headed   bool          // the browser is to be shown
	Browser  string        // address of a browser that runs elsewhere; empty: one is started

	run       *Run
	scenarios []*ScenarioRun
	choice    choice
	raw       rawTime // time in which raw scenarios run
	sink      *os.File
	atEnd     []func()

	probing    probing
	readyAsk   func(context.Context) error // nil: nobody can ask
	diagnosing sync.Mutex                  // a diagnosis of more records replaces one of fewer, never the other way round

	// guarded by the run's lock
	phase        phase
	readiness    *Readiness // nil: it was not waited for
	notes        []string
	changes      []string // from earlier runs
	leaked       []Leak
	findings     []diagnose.Finding
	routes       []diagnose.Route
	launchPhases []diagnose.Phase // once the target has ended
}

// phase is how far a target has come.
type phase int

const (
	under    phase = iota // not begun, or under way
	complete              // ended as it should
	cut                   // ended because the run was interrupted
)

// Name is the target's name.
func (t *TargetRun) Name() string { return t.Target.Name }

// Scenarios are the target's scenarios, in the order in which they were constructed.
func (t *TargetRun) Scenarios() []*ScenarioRun { return t.scenarios }

// UserAgent is sent with every request.
func (t *TargetRun) UserAgent() string {
	return fmt.Sprintf("binderhub-smoke/%s (run %s)", t.Version, t.RunID)
}

// Tell adds a fact to the report that its reader must know.
func (t *TargetRun) Tell(note string) {
	t.run.update(func() {
		if !slices.Contains(t.notes, note) {
			t.notes = append(t.notes, note)
		}
	})
}

// Leak reports a server that may still run.
func (t *TargetRun) Leak(l Leak) {
	t.run.update(func() { t.leaked = append(t.leaked, l) })
}

// AtEnd has f called when all scenarios have ended, clean-up included: what a scenario opened for others is closed there,
// what came last first. It is for the construction of scenarios only.
func (t *TargetRun) AtEnd(f func()) { t.atEnd = append(t.atEnd, f) }

// Interrupted is closed when the run has been told to stop: what goes on then is clean-up. It is closed after a run too.
func (t *TargetRun) Interrupted() <-chan struct{} { return t.run.ctx.Done() }

// execute runs all scenarios as their needs allow, then those that come last.
func (t *TargetRun) execute(ctx, always context.Context) {
	for _, last := range []bool{false, true} {
		var group sync.WaitGroup
		for _, s := range t.scenarios {
			if s.scenario.Last == last {
				group.Go(func() { s.run(ctx, always) })
			}
		}
		group.Wait()
	}
	came := complete
	if ctx.Err() != nil {
		came = cut
	}
	t.close()
	t.examine() // of all that there is: the same records read later give the same report
	phases := diagnose.Phases(t.Timeline.Records())
	t.run.update(func() { t.phase, t.launchPhases = came, phases })
	t.compare()
	t.run.emit(Event{Kind: TargetEnded, Target: t.Name()})
}

// compare has the report tell what differs from earlier runs.
func (t *TargetRun) compare() {
	if t.run.opts.Changes == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			t.Tell(fmt.Sprintf("this run could not be held against earlier ones: panic: %v", p))
		}
	}()
	var result TargetResult
	t.run.update(func() { result = t.resultLocked() })
	changes := t.run.opts.Changes(result)
	t.run.update(func() { t.changes = changes })
}

// close closes what the scenarios opened.
func (t *TargetRun) close() {
	for _, f := range slices.Backward(t.atEnd) {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Tell(fmt.Sprintf("something could not be closed: panic: %v", p))
				}
			}()
			f()
		}()
	}
}

// scenario finds a scenario, or nil.
func (t *TargetRun) scenario(name string) *ScenarioRun {
	i := slices.IndexFunc(t.scenarios, func(s *ScenarioRun) bool { return s.Name() == name })
	if i < 0 {
		return nil
	}
	return t.scenarios[i]
}

// step finds a step by "scenario/step", or nil.
func (t *TargetRun) step(id string) *StepRun {
	for _, s := range t.scenarios {
		for _, st := range s.steps {
			if st.id().String() == id {
				return st
			}
		}
	}
	return nil
}

// diagnose diagnoses the timeline anew, asks what would tell more, and returns the finding of a step.
func (t *TargetRun) diagnose(step wire.StepName) (diagnose.Finding, bool) {
	d := t.examine()
	for range probeRounds {
		if !t.probe(step, d.Asks) {
			break
		}
		d = t.examine()
	}
	return diagnose.Of(d.Findings, step.Scenario, step.Step)
}

// examine diagnoses the timeline anew, for the report.
func (t *TargetRun) examine() diagnose.Diagnosis {
	t.diagnosing.Lock()
	defer t.diagnosing.Unlock()
	d := diagnose.Examine(t.Name(), t.Timeline.Records())
	d.Findings = t.acknowledge(d.Findings)
	t.run.update(func() { t.findings, t.routes = d.Findings, d.Routes })
	return d
}
