package smoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"binderhub-smoke/smoke/wire"
)

// ReadyState is what waiting for a deployment came to.
type ReadyState string

// The states. Waiting is also what an interrupt leaves.
const (
	ReadyWaiting  ReadyState = "waiting"
	ReadyAnswers  ReadyState = "ready"
	ReadyExpired  ReadyState = "expired"  // the wait was over first
	ReadyHopeless ReadyState = "hopeless" // something was missing that no wait brings; the run went on to say what
)

// Readiness tells of a target that was waited for.
type Readiness struct {
	State   ReadyState   `json:"state"`
	Seconds wire.Seconds `json:"seconds"` // how long it was waited for: when it is ready, the time to ready
	Missing string       `json:"missing"` // the sentence of what was missing last, or empty
}

// Bounds of waiting.
const (
	readyGap  = 2 * time.Second  // between two times of asking
	readyTime = 10 * time.Second // for an answer
)

// reasonNotReady is the reason of steps that are left out because the wait was over.
const reasonNotReady = "the deployment was not ready within the wait"

var errWait = errors.New("the wait is over")

// hopeless is how asking says that waiting changes nothing.
type hopeless struct{ err error }

func (e *hopeless) Error() string { return e.err.Error() }
func (e *hopeless) Unwrap() error { return e.err }

// Hopeless returns the error by which asking says that no wait brings what is missing.
func Hopeless(err error) error { return &hopeless{err} }

// ReadyWith tells how to ask whether the deployment is there yet: nil when it is, else what is missing. It is for the
// construction of scenarios only. What is asked must leave no trace in the timeline: a deployment that is not there yet is
// not broken.
func (t *TargetRun) ReadyWith(ask func(context.Context) error) { t.readyAsk = ask }

// awaitReady waits until the target is ready, until no wait can help, or until the wait is over, which ends at the same
// moment for all targets.
func (t *TargetRun) awaitReady(ctx context.Context) {
	wait := t.run.opts.Settings.Wait
	if wait == 0 || t.readyAsk == nil {
		return
	}
	limited, cancel := context.WithDeadlineCause(ctx, t.run.began.Add(wait), errWait)
	defer cancel()
	gap := time.NewTicker(readyGap)
	defer gap.Stop()
	for !t.asked(ctx, limited) {
		select {
		case <-gap.C:
		case <-limited.Done():
		}
	}
}

// asked asks once, and tells whether there is nothing more to wait for.
func (t *TargetRun) asked(ctx, limited context.Context) bool {
	err := context.Cause(limited)
	if err == nil {
		err = t.askReady(limited)
	}
	var never *hopeless
	switch {
	case err == nil:
		t.readied(ReadyAnswers, "")
	case errors.As(err, &never):
		t.readied(ReadyHopeless, t.Timeline.Redactor().String(err.Error()))
	case ctx.Err() != nil:
		t.readied(ReadyWaiting, "")
	case limited.Err() != nil && errors.Is(err, errWait):
		t.readied(ReadyExpired, "")
	case limited.Err() != nil: // asking was cut short, which counts only where nothing else is known
		t.missingFirst(t.Timeline.Redactor().String(err.Error()))
		t.readied(ReadyExpired, "")
	default:
		t.missing(t.Timeline.Redactor().String(err.Error()))
		return false
	}
	return true
}

// askReady gives up what does not answer in time; a panic of it must not end the run.
func (t *TargetRun) askReady(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Hopeless(fmt.Errorf("the suite could not ask: panic: %v", p))
		}
	}()
	return t.readyAsk(ctx)
}

// missing notes what is missing, and says so when it is something else than before.
func (t *TargetRun) missing(what string) {
	news := false
	t.run.update(func() {
		news = t.readiness == nil || t.readiness.Missing != what
		t.readiness = &Readiness{State: ReadyWaiting, Seconds: seconds(t.Timeline.Now()), Missing: what}
	})
	if news {
		t.run.emit(Event{Kind: Waiting, Target: t.Name(), Text: "not ready yet: " + what})
	}
}

// missingFirst notes what is missing where nothing was before.
func (t *TargetRun) missingFirst(what string) {
	t.run.update(func() {
		if t.readiness == nil {
			t.readiness = &Readiness{Missing: what}
		}
	})
}

// readied notes what waiting came to. Without a text, what was missing last stands, unless nothing is now.
func (t *TargetRun) readied(state ReadyState, what string) {
	r := Readiness{State: state, Seconds: seconds(t.Timeline.Now()), Missing: what}
	t.run.update(func() {
		if t.readiness != nil && what == "" && state != ReadyAnswers {
			r.Missing = t.readiness.Missing
		}
		t.readiness = &r
	})
	t.Tell(r.String())
	if state == ReadyExpired {
		t.choice.confine(t.declared(), reasonNotReady)
	}
	t.run.emit(Event{Kind: Waiting, Target: t.Name(), Text: r.String()})
}

// String says it in a sentence.
func (r Readiness) String() string {
	after := fmt.Sprintf("%.1f s", time.Duration(r.Seconds).Seconds())
	text := map[ReadyState]string{
		ReadyWaiting:  "was waited for when the run was interrupted, after " + after,
		ReadyAnswers:  "was ready after " + after,
		ReadyExpired:  "was not ready within the wait of " + after,
		ReadyHopeless: "was waited for no longer after " + after + ", since no wait brings what was missing",
	}[r.State]
	if r.Missing != "" {
		text += ": " + r.Missing
	}
	return "the deployment " + text
}

// expiredLocked tells whether the wait was over before the target was ready.
func (t *TargetRun) expiredLocked() bool {
	return t.readiness != nil && t.readiness.State == ReadyExpired
}

// declared are the scenarios as they were constructed.
func (t *TargetRun) declared() []Scenario {
	var all []Scenario
	for _, s := range t.scenarios {
		all = append(all, s.scenario)
	}
	return all
}
