package smoke

import (
	"context"
	"errors"
	"slices"
	"time"

	"binderhub-smoke/smoke/wire"
)

// outcome is what running a step came to, before it is diagnosed.
type outcome struct {
	err            error
	started, ended time.Duration
}

// verdict is what an explained error means, with the fault that decides, if any. Of several joined errors the worst
// counts: a fault of the deployment, then what kept us from testing, a warning, and last that there was nothing to test.
func (o outcome) verdict() (Verdict, *wire.Fault) {
	if o.err == nil {
		return Pass, nil
	}
	verdict, fault := Skipped, (*wire.Fault)(nil)
	for _, part := range parts(o.err) {
		if v, f := verdictFor(part); rank[v] > rank[verdict] {
			verdict, fault = v, f
		}
	}
	return verdict, fault
}

// verdictFor is what one part of an error means. Why a fault came about, its own Err, is no part of it.
func verdictFor(part error) (Verdict, *wire.Fault) {
	switch part := part.(type) {
	case *skipError:
		return Skipped, nil
	case *warning:
		var fault *wire.Fault
		errors.As(part.fault, &fault)
		return part.verdict, fault
	case *wire.Fault:
		if !part.Inconclusive {
			return Failed, part
		}
		return Inconclusive, part
	}
	return Inconclusive, nil
}

// parts takes joined errors apart. What says something to the engine is not looked into.
func parts(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) {
		case *wire.Fault, *warning, *skipError:
			return []error{e}
		case interface{ Unwrap() []error }:
			var all []error
			for _, part := range e.Unwrap() {
				all = append(all, parts(part)...)
			}
			return all
		}
	}
	return []error{err}
}

// explain makes a fault of what is none: the run was interrupted, the budget ran out, or a step returned an error that no
// client of ours made.
func (s *StepRun) explain(ctx, limited context.Context, err error) error {
	_, fault := outcome{err: err}.verdict()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !isSkip(err) && !proof(fault):
		return &wire.Fault{
			Subject: "The step " + s.id().String(), Symptom: wire.Cancelled, Want: "to run to its end",
			Got: "an interrupt: " + context.Cause(ctx).Error(), Inconclusive: true, Err: err,
		}
	}
	all := parts(err)
	if !slices.ContainsFunc(all, foreign) {
		return err
	}
	for i, part := range all {
		if foreign(part) {
			all[i] = s.explainForeign(limited, part)
		}
	}
	return errors.Join(all...)
}

func isSkip(err error) bool {
	v, _ := outcome{err: err}.verdict()
	return v == Skipped
}

// foreign tells whether an error is none of those that a step may return.
func foreign(part error) bool {
	switch part.(type) {
	case *wire.Fault, *warning, *skipError:
		return false
	}
	return true
}

func (s *StepRun) explainForeign(limited context.Context, err error) error {
	if limited.Err() == nil {
		return s.suiteError(err.Error(), "")
	}
	return &wire.Fault{
		Subject: "The step " + s.id().String(), Symptom: wire.Timeout, Want: "to end within " + s.step.Budget.String(),
		Got: "no end", Exchanges: s.lastExchange(), Err: err,
	}
}

// suiteError is a defect of ours: it says nothing about the deployment.
func (s *StepRun) suiteError(got, stack string) error {
	ctx := wire.WithStep(context.Background(), s.scenario.Name(), s.Name())
	s.target().Timeline.Note(ctx, wire.Note{Name: wire.NoteCrash, Text: got + "\n" + stack})
	return &wire.Fault{
		Subject: "The suite's step " + s.id().String(), Symptom: wire.ClientFailed, Want: "a result", Got: got, Inconclusive: true,
	}
}

// answers are the symptoms that somebody's answer shows. An interrupt of ours cannot bring them about.
var answers = []wire.Symptom{
	wire.DNSNotFound, wire.TCPRefused, wire.TLSExpired, wire.TLSName, wire.TLSAuthority, wire.Status, wire.ContentType,
	wire.Content, wire.Redirected, wire.UpgradeRefused, wire.SubprotocolLost, wire.PhaseFailed, wire.CellError, wire.WrongOutput,
	wire.TLSExpiring, wire.Buffered, wire.Reached, wire.Unreached, wire.Unexpected,
}

// proof tells whether a fault holds although the run was interrupted before its step had ended.
func proof(f *wire.Fault) bool {
	return f != nil && !f.Inconclusive && slices.Contains(answers, f.Symptom)
}

// lastExchange is the exchange that the step waited for when its time was over.
func (s *StepRun) lastExchange() []wire.ExchangeID {
	var last []wire.ExchangeID
	for r := range s.target().Timeline.Records() {
		if r.Kind == wire.KindOpen && r.Scenario == s.scenario.Name() && r.Step == s.Name() {
			last = []wire.ExchangeID{r.Exchange}
		}
	}
	return last
}

// silences are the symptoms that only the passing of time proves.
var silences = []wire.Symptom{wire.Timeout, wire.NoReply, wire.Stalled, wire.NotRendered, wire.StillRunning}

// provedAt is when the fault says that it was seen, else when the exchange that decided showed it; at the end of the step,
// where there is none, or where nothing came in an exchange that was itself in order.
func (t *TargetRun) provedAt(f *wire.Fault, end time.Duration) time.Duration {
	switch {
	case f.At > 0:
		return min(f.At, end)
	case len(f.Exchanges) == 0:
		return end
	}
	decided := wire.Fold(func(yield func(wire.Record) bool) {
		for r := range t.Timeline.Records() {
			if r.Exchange == f.Exchanges[0] && !yield(r) {
				return
			}
		}
	})
	if len(decided) == 0 {
		return end
	}
	x := decided[0]
	if slices.Contains(silences, f.Symptom) && (x.Close == nil || x.Close.Symptom == "") {
		return end
	}
	return min(x.Ended(), end)
}
