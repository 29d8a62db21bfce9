package smoke

import (
	"context"
	"errors"
	"time"
)

// Scenario is a named journey whose pass proves one sentence. Its steps run in order; a failing step ends it, unless the
// step is Independent. State lives in variables that the steps' closures share, so to repeat a scenario is to construct
// it again.
type Scenario struct {
	Name   string
	Proves string // the sentence: "a cell runs in a kernel through every proxy"
	// Needs names scenarios ("launch") or steps ("binder-host/page") that must have passed before it begins.
	Needs []string
	// After names scenarios that must have ended, well or badly, before it begins.
	After []string
	// Advice completes the reason when a need did not pass: what the person on call can do about it.
	Advice string
	// Raw marks scenarios of the raw clients; the report's overhead is measured over these.
	Raw bool
	// Host marks scenarios that ask the hosts and launch nothing: quick mode is made of these.
	Host bool
	// Last makes a scenario run after all others have ended, whatever their verdict, so it has no Needs. Its Always steps
	// run even where nothing else did.
	Last  bool
	Steps []Step
}

// Step is one action of a scenario with a time budget. Do returns nil when its expectation held, a *wire.Fault when the
// deployment broke it, and Skip's error when there is nothing to test here. Of joined errors the worst counts; an error of
// any other kind is a defect of the suite, and inconclusive.
type Step struct {
	Name   string
	Budget time.Duration // at most; the clock starts with Do
	// Independent steps neither end their scenario when they fail nor are blocked when an earlier one failed, unless it
	// is named in After.
	Independent bool
	// After names the earlier steps of its scenario that an Independent step needs. It waits for them to settle.
	After []string
	// Always steps run whatever happened before, if any step of their scenario ran, on a context that survives the run's
	// cancellation for the grace period and 8 s. Nothing is blocked by them.
	Always bool
	// Do is called on a goroutine of its own. What does not return soon after ctx is done is given up.
	Do func(ctx context.Context) error
	// Cell marks steps in which a cell runs: a gate in which none passed is never pass, unless leaving them out was asked for.
	Cell bool
	// Evidence, when set, is called once Do has ended, well or badly: what it takes, such as a picture, is not of the step's
	// time. Its context is not over when the step's time is; it bounds itself.
	Evidence func(ctx context.Context, err error)
	// Settle, when set, reconsiders the fault of an Independent step once another step has ended. The scenario's later
	// steps do not wait for it.
	Settle *Settle
}

// inOrder tells whether a step takes part in its scenario's order: the next such step needs it, and so does whatever needs
// the scenario.
func (st Step) inOrder() bool { return !st.Independent && !st.Always }

// Settle defers a verdict: what looked like a fault may turn out to be none in the light of another step.
type Settle struct {
	After string // "kernel/channel"
	// Decide is given that step's verdict, whatever it is once it has ended, and Do's fault, and returns the error that
	// counts; nil is pass. It decides after an interrupt too: the fault was proven before.
	Decide func(ctx context.Context, other Verdict, fault error) error
}

// skipError is how a step says that there is nothing to test.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

// Skip returns the error by which a step ends as skip, with the reason that the report shows.
func Skip(reason string) error { return &skipError{reason} }

// warning is how a step says that it passed, but found something.
type warning struct {
	fault   error
	verdict Verdict
}

func (e *warning) Error() string { return e.fault.Error() }
func (e *warning) Unwrap() error { return e.fault }

// Warn returns the error by which a step passes and yet leaves a finding of severity warn.
func Warn(fault error) error { return &warning{fault, Pass} }

// Repeated returns the error by which a step is flaky: what it does failed by this fault, and passed when it was repeated.
// It leaves a finding of severity warn.
func Repeated(fault error) error { return &warning{fault, Flaky} }

// IsWarning tells whether an error is Warn's or Repeated's.
func IsWarning(err error) bool {
	var w *warning
	return errors.As(err, &w)
}
