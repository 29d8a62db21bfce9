package smoke

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// StepRun is a step of a run. Its result is there once it has ended.
type StepRun struct {
	step     Step
	scenario *ScenarioRun
	done     chan struct{}

	// What follows is guarded by the run's lock; verdict, ran, leftOut and excused no longer change once done is closed.
	result  StepResult
	ran     bool // Do was called
	leftOut bool // the user asked to leave it out, or something that it needs
	excused bool // it failed by a cause that is known, and so its verdict is pass
}

// decided is the verdict for those that need this step: one that is excused did not do what they need.
func (s *StepRun) decided() Verdict {
	if s.excused {
		return Failed
	}
	return s.result.Verdict
}

// Name is the step's id within its scenario.
func (s *StepRun) Name() string { return s.step.Name }

// Wait returns the result when the step has ended and the observers have been told. Every step of a run ends.
func (s *StepRun) Wait() (result StepResult) {
	<-s.done
	s.target().run.update(func() { result = s.resultLocked() })
	return result
}

// resultLocked is the step's part of the report as it stands. A later diagnosis may have found a better explanation.
func (s *StepRun) resultLocked() StepResult {
	result := s.result
	if result.Finding != "" {
		if f, ok := diagnose.Of(s.target().findings, s.scenario.Name(), s.Name()); ok {
			result.Finding = f.Key
			result.Verdict = excusable(result, f)
		}
	}
	return result
}

// excusable is the verdict of a step by what is now known of its failure.
func excusable(result StepResult, f diagnose.Finding) Verdict {
	switch failed := result.FailedAt != nil; {
	case failed && f.Known != "":
		return Pass
	case failed && result.Verdict == Pass && f.Severity == diagnose.Fail:
		return Failed
	}
	return result.Verdict
}

func (s *StepRun) target() *TargetRun { return s.scenario.target }

func (s *StepRun) id() wire.StepName {
	return wire.StepName{Scenario: s.scenario.Name(), Step: s.Name()}
}

func (s *StepRun) emit(kind EventKind, result *StepResult) {
	s.target().run.emit(Event{Kind: kind, Target: s.target().Name(), Scenario: s.scenario.Name(), Step: s.Name(), Result: result})
}

type stepRunKey struct{}

// SetScreenshot tells the report where the picture of the step of ctx is, relative to the report's directory.
func SetScreenshot(ctx context.Context, path string) {
	if s, ok := ctx.Value(stepRunKey{}).(*StepRun); ok {
		s.target().run.update(func() { s.result.Screenshot = path })
	}
}

// run runs the step within its budget. The result is final when run returns, unless the step settles later: then it is
// final when settled.
func (s *StepRun) run(ctx context.Context, settling func(func())) Verdict {
	s.target().run.update(func() { s.ran = true })
	s.emit(StepStarted, nil)
	ctx = wire.WithStep(context.WithValue(ctx, stepRunKey{}, s), s.scenario.Name(), s.Name())
	if s.scenario.scenario.Raw {
		defer s.target().raw.begin()()
	}
	o := s.do(ctx)
	s.evidence(ctx, o.err)
	if verdict, _ := o.verdict(); s.step.Settle != nil && verdict == Failed {
		settling(func() { s.settle(ctx, o) })
		return Running
	}
	return s.conclude(ctx, o)
}

// evidence is taken while the patient is warm; nothing that goes wrong with it is the deployment's.
func (s *StepRun) evidence(ctx context.Context, err error) {
	if s.step.Evidence == nil {
		return
	}
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	_ = s.call(late, func() error { s.step.Evidence(late, err); return nil })
}

// do calls the step and turns every way of not succeeding into an error that says so.
func (s *StepRun) do(ctx context.Context) outcome {
	limited, cancel := context.WithTimeout(ctx, s.step.Budget)
	defer cancel()
	started := s.target().Timeline.Now()
	err := s.call(limited, func() error { return s.step.Do(limited) })
	ended := s.target().Timeline.Now()
	return outcome{err: s.explain(ctx, limited, err), started: started, ended: ended}
}

// How long a step that does not heed the end of its time is waited for. An ordinary one may still be taking a screenshot;
// an Always step is the last thing that keeps an interrupted run from ending.
const (
	patience       = 6 * time.Second
	patienceAlways = time.Second
)

// call calls f on a goroutine of its own, so that neither a panic nor a hang of one step keeps the run from its clean-up.
func (s *StepRun) call(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	go func() {
		var err error
		returned := false
		defer func() {
			if p := recover(); p != nil {
				err = s.suiteError(fmt.Sprintf("panic: %v", p), string(debug.Stack()))
			} else if !returned {
				err = s.suiteError("it left its goroutine (runtime.Goexit)", "")
			}
			result <- err
		}()
		err = f()
		returned = true
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	left := patience
	if s.step.Always {
		left = patienceAlways
	}
	select {
	case err := <-result:
		return err
	case <-time.After(left):
		return s.suiteError("it did not end when its time was over", "")
	}
}

// settle waits for the step that decides about this one's fault, and concludes.
func (s *StepRun) settle(ctx context.Context, o outcome) {
	other := s.target().step(s.step.Settle.After)
	<-other.done
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	fault := o.err
	o.err = s.explain(context.WithoutCancel(ctx), context.WithoutCancel(ctx), s.call(limited, func() error {
		return s.step.Settle.Decide(limited, other.decided(), fault)
	}))
	s.conclude(ctx, o)
}

// settleLimit bounds a decision: it weighs what is known and tests nothing.
const settleLimit = 5 * time.Second

// conclude notes how the step ended, diagnoses what went wrong, and makes the result final.
func (s *StepRun) conclude(ctx context.Context, o outcome) Verdict {
	t := s.target()
	verdict, fault := o.verdict()
	end := wire.StepEnd{Verdict: string(verdict), Fault: fault}
	if o.err != nil {
		end.Error = o.err.Error()
	}
	t.Timeline.Note(ctx, wire.Note{Name: wire.NoteStep, Step: &end})
	result := StepResult{Verdict: verdict, Seconds: seconds(o.ended - o.started), Reason: t.Timeline.Redactor().String(end.Error)}
	if fault != nil {
		s.diagnose(&result, fault, o)
	}
	s.finish(result)
	return s.decided()
}

// diagnose names the cause of a fault. The cause may know better than the step that it says nothing about the deployment.
// A step that failed never passes by it: the steps after it would stand on nothing.
func (s *StepRun) diagnose(result *StepResult, fault *wire.Fault, o outcome) {
	t := s.target()
	finding, ok := t.diagnose(s.id())
	if ok {
		result.Finding = finding.Key
	}
	if ok && result.Verdict == Failed && finding.Severity == diagnose.Inconclusive {
		result.Verdict = Inconclusive
	}
	if result.Verdict != Failed {
		return
	}
	failed, proved := seconds(o.ended), seconds(t.provedAt(fault, o.ended))
	result.FailedAt, result.ProvedAt = &failed, &proved
	if ok && finding.Known != "" {
		t.run.update(func() { s.excused = true })
		result.Verdict, result.Reason = Pass, result.Reason+" ("+finding.Known+")"
	}
}

// seconds is a duration as the report shows it.
func seconds(d time.Duration) wire.Seconds { return wire.Seconds(max(0, d)) }

// finish makes a result final, tells the observers, and then lets those go on who wait for it.
func (s *StepRun) finish(result StepResult) {
	result.Name, result.BudgetSeconds = s.Name(), seconds(s.step.Budget)
	s.target().run.update(func() {
		result.Screenshot = s.result.Screenshot
		s.result = result
	})
	s.emit(StepEnded, &result)
	close(s.done)
}

// end finishes a step that did not run.
func (s *StepRun) end(o obstacle) {
	s.target().run.update(func() { s.leftOut = o.leftOut })
	s.finish(StepResult{Verdict: o.verdict, Reason: o.reason})
}
