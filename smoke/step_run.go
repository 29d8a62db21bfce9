package smoke

import (
	"context"
	"errors"
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
	result   StepResult // guarded by the run's lock until done is closed
}

// Name is the step's id within its scenario.
func (s *StepRun) Name() string { return s.step.Name }

// Wait returns the result when the step has ended. Every step of a run ends.
func (s *StepRun) Wait() StepResult {
	<-s.done
	return s.result
}

func (s *StepRun) target() *TargetRun { return s.scenario.target }

func (s *StepRun) id() wire.StepName {
	return wire.StepName{Scenario: s.scenario.Name(), Step: s.Name()}
}

type stepRunKey struct{}

// SetScreenshot tells the report where the picture of the step of ctx is, relative to the report's directory.
func SetScreenshot(ctx context.Context, path string) {
	if s, ok := ctx.Value(stepRunKey{}).(*StepRun); ok {
		s.target().run.update(func() { s.result.Screenshot = path })
	}
}

// outcome is what running a step came to, before it is diagnosed.
type outcome struct {
	err      error
	started  time.Duration
	ended    time.Duration
	deadline bool // the step's own budget ran out
}

// run runs the step within its budget. The result is final when run returns, unless the step settles later: then it is
// final when settled.
func (s *StepRun) run(ctx context.Context, settling func(func())) Verdict {
	r := s.target().run
	r.emit(Event{Kind: StepStarted, Target: s.target().Name(), Scenario: s.scenario.Name(), Step: s.Name()})
	ctx = wire.WithStep(context.WithValue(ctx, stepRunKey{}, s), s.scenario.Name(), s.Name())
	if s.scenario.scenario.Raw {
		defer s.target().wall.Begin()()
	}
	o := s.do(ctx)
	if s.step.Settle != nil && isFault(o.err) && ctx.Err() == nil {
		settling(func() { s.settle(ctx, o) })
		return Running
	}
	return s.conclude(ctx, o)
}

// do calls the step and turns every way of not succeeding into an error that says so.
func (s *StepRun) do(ctx context.Context) (o outcome) {
	o.started = s.target().Timeline.Now()
	limited, cancel := context.WithTimeout(ctx, s.step.Budget)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			o.err = s.suiteError(fmt.Sprintf("panic: %v", p), string(debug.Stack()))
		}
		o.ended = s.target().Timeline.Now()
		o.err = s.explain(ctx, limited, o.err)
	}()
	o.err = s.step.Do(limited)
	return o
}

// suiteError is a defect of ours: it says nothing about the deployment.
func (s *StepRun) suiteError(got, stack string) error {
	s.target().Timeline.Note(context.Background(), wire.Note{Name: wire.NoteCrash, Text: got + "\n" + stack})
	return &wire.Fault{
		Subject: "The suite's step " + s.id().String(), Symptom: wire.ClientFailed, Want: "a result", Got: got, Inconclusive: true,
	}
}

// explain makes a fault of an error that is none: the run was interrupted, the budget ran out, or a step returned an
// error that no client of ours made.
func (s *StepRun) explain(ctx, limited context.Context, err error) error {
	var skip *skipError
	var fault *wire.Fault
	switch {
	case err == nil || errors.As(err, &skip):
		return err
	case ctx.Err() != nil:
		return &wire.Fault{
			Subject: "The step " + s.id().String(), Symptom: wire.Cancelled, Want: "to run to its end",
			Got: "an interrupt: " + context.Cause(ctx).Error(), Inconclusive: true, Err: err,
		}
	case errors.As(err, &fault):
		return err
	case limited.Err() != nil:
		return &wire.Fault{
			Subject: "The step " + s.id().String(), Symptom: wire.Timeout, Want: "to end within " + s.step.Budget.String(),
			Got: "no end", Exchanges: s.lastExchange(), Err: err,
		}
	}
	return s.suiteError(err.Error(), "")
}

// lastExchange is the exchange that the step waited for when its time was over.
func (s *StepRun) lastExchange() []wire.ExchangeID {
	var last []wire.ExchangeID
	for _, x := range s.target().Timeline.Exchanges() {
		if x.Scenario == s.scenario.Name() && x.Step == s.Name() {
			last = []wire.ExchangeID{x.ID}
		}
	}
	return last
}

func isFault(err error) bool {
	var fault *wire.Fault
	return errors.As(err, &fault) && !fault.Inconclusive
}

// settle waits for the step that decides about this one's fault, and concludes.
func (s *StepRun) settle(ctx context.Context, o outcome) {
	other := s.target().step(s.step.Settle.After)
	if other != nil {
		select {
		case <-other.done:
		case <-ctx.Done():
		}
	}
	o.err = s.step.Settle.Decide(ctx, s.target().verdictOf(other), o.err)
	s.conclude(ctx, o)
}

// conclude notes how the step ended, diagnoses what went wrong, and makes the result final.
func (s *StepRun) conclude(ctx context.Context, o outcome) Verdict {
	t := s.target()
	verdict := verdictFor(o.err)
	var fault *wire.Fault
	errors.As(o.err, &fault)
	end := wire.StepEnd{Verdict: string(verdict), Fault: fault}
	if o.err != nil {
		end.Error = o.err.Error()
	}
	t.Timeline.Note(ctx, wire.Note{Name: wire.NoteStep, Step: &end})
	result := StepResult{Verdict: verdict, Seconds: wire.Seconds(o.ended - o.started), Reason: t.Timeline.Redactor().String(end.Error)}
	if fault != nil {
		s.diagnose(&result, fault, o)
	}
	s.finish(result)
	return result.Verdict
}

func verdictFor(err error) Verdict {
	var fault *wire.Fault
	var skip *skipError
	switch {
	case err == nil, IsWarning(err):
		return Pass
	case errors.As(err, &skip):
		return Skipped
	case errors.As(err, &fault) && fault.Inconclusive:
		return Inconclusive
	}
	return Failed
}

// diagnose names the cause of a fault. The cause may know better than the step what it means for the verdict.
func (s *StepRun) diagnose(result *StepResult, fault *wire.Fault, o outcome) {
	t := s.target()
	finding, ok := t.diagnose(s.scenario.Name(), s.Name())
	if ok {
		result.Finding = finding.Key
	}
	if ok && result.Verdict == Failed {
		switch finding.Severity {
		case diagnose.Inconclusive:
			result.Verdict = Inconclusive
		case diagnose.Warn:
			result.Verdict = Pass
		}
	}
	if result.Verdict != Failed {
		return
	}
	failed := wire.Seconds(o.ended)
	proved := wire.Seconds(min(t.provedAt(fault, o.ended), o.ended))
	result.FailedAt, result.ProvedAt = &failed, &proved
}

// finish makes a result final and tells the observers.
func (s *StepRun) finish(result StepResult) {
	r := s.target().run
	result.Name, result.BudgetSeconds = s.Name(), wire.Seconds(s.step.Budget)
	r.update(func() {
		result.Screenshot = s.result.Screenshot
		s.result = result
	})
	close(s.done)
	r.emit(Event{Kind: StepEnded, Target: s.target().Name(), Scenario: s.scenario.Name(), Step: s.Name(), Result: &result})
}

// end finishes a step that did not run.
func (s *StepRun) end(v Verdict, reason string) Verdict {
	s.finish(StepResult{Verdict: v, Reason: reason})
	return v
}
