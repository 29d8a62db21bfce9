package smoke

import (
	"context"
	"fmt"
	"net/url"
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

	run       *Run
	scenarios []*ScenarioRun
	choice    choice
	wall      wire.Meter // time in which raw scenarios run
	sink      *os.File

	atEnd []func()

	// guarded by the run's lock
	notes    []string
	leaked   []Leak
	findings []diagnose.Finding
}

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

// AtEnd has f called when all scenarios have ended, clean-up included: what a scenario opened for others is closed there.
// It is for the construction of scenarios only.
func (t *TargetRun) AtEnd(f func()) { t.atEnd = append(t.atEnd, f) }

// Interrupted is closed when the run has been told to stop: what goes on then is clean-up.
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
	for _, f := range t.atEnd {
		f()
	}
	t.run.emit(Event{Kind: TargetEnded, Target: t.Name()})
}

// step finds a step by "scenario/step", or nil.
func (t *TargetRun) step(id string) *StepRun {
	for _, s := range t.scenarios {
		for _, st := range s.steps {
			if s.Name()+"/"+st.Name() == id {
				return st
			}
		}
	}
	return nil
}

// verdictOf is the verdict of a step as it stands; a step that does not exist is skipped.
func (t *TargetRun) verdictOf(st *StepRun) Verdict {
	if st == nil {
		return Skipped
	}
	var v Verdict
	t.run.update(func() { v = st.result.Verdict })
	return v
}

// diagnose diagnoses the timeline anew and returns the finding of a step.
func (t *TargetRun) diagnose(scenario, step string) (diagnose.Finding, bool) {
	findings := diagnose.Diagnose(t.Name(), t.Timeline.Records())
	t.run.update(func() { t.findings = findings })
	return diagnose.Of(findings, scenario, step)
}

// provedAt is when the exchange that decided said what was wrong; without one it is otherwise.
func (t *TargetRun) provedAt(f *wire.Fault, otherwise time.Duration) time.Duration {
	if len(f.Exchanges) == 0 {
		return otherwise
	}
	for _, x := range t.Timeline.Exchanges() {
		if x.ID == f.Exchanges[0] {
			return x.Ended()
		}
	}
	return otherwise
}

// resultLocked is the target's part of the report as it stands.
func (t *TargetRun) resultLocked() TargetResult {
	r := TargetResult{
		Name:     t.Name(),
		Binder:   urlText(t.Timeline.Places().Binder()),
		Hub:      urlText(t.Timeline.Places().Hub()),
		NotTried: []string{},
		Notes:    slices.Clone(t.notes),
		Leaked:   slices.Clone(t.leaked),
		Findings: slices.Clone(t.findings),
	}
	var verdicts []Verdict
	for _, s := range t.scenarios {
		sr := s.resultLocked()
		verdicts = append(verdicts, sr.Verdict)
		r.Scenarios = append(r.Scenarios, sr)
		if sr.Verdict == Skipped || sr.Verdict == Blocked {
			r.NotTried = append(r.NotTried, fmt.Sprintf("%s (%s)", sr.Name, sr.Steps[0].Reason))
		}
	}
	r.Verdict = t.verdictLocked(Worst(verdicts...))
	r.Notes, r.Leaked, r.Findings = nonNil(r.Notes), nonNil(r.Leaked), nonNil(r.Findings)
	return r
}

// nonNil makes JSON show an empty list rather than null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// verdictLocked keeps a pass from being shown where no cell ran, though nobody asked to leave that out.
func (t *TargetRun) verdictLocked(v Verdict) Verdict {
	if v != Pass && v != Flaky {
		return v
	}
	for _, s := range t.scenarios {
		for _, st := range s.steps {
			_, leftOut := t.choice[s.Name()+"/"+st.Name()]
			if st.step.Cell && (leftOut || st.result.Verdict == Pass || st.result.Verdict == Flaky) {
				return v
			}
		}
	}
	return Inconclusive
}

func (s *ScenarioRun) resultLocked() ScenarioResult {
	r := ScenarioResult{Name: s.Name(), Proves: s.scenario.Proves}
	var verdicts []Verdict
	for _, st := range s.steps {
		r.Steps = append(r.Steps, st.result)
		r.Seconds += st.result.Seconds
		verdicts = append(verdicts, st.result.Verdict)
	}
	r.Verdict = Worst(verdicts...)
	return r
}

func urlText(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
