package binder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// late is what it means that ctx ended first: when its time was over the launch is stuck, though its stream may live.
func (l *Launch) late(ctx context.Context) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	f := l.fault(wire.Stalled, `"ready" within the step's time`, fmt.Sprintf("nothing new after %s (%d keepalives)", l.last(), l.alive))
	f.Err = ctx.Err()
	return f
}

// ended says what the end of the stream means: after "ready" it is in order.
func (l *Launch) ended(err error) error {
	switch {
	case l.ready != nil && errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.EOF):
		return l.fault(wire.StreamEnded, `events until "ready"`, "the stream's end after "+l.last())
	}
	return err
}

// failed is the fault of an event "failed": its message, or where it has none, what was heard before.
func (l *Launch) failed(v Event) error {
	got := "failed"
	if v.StatusCode != 0 {
		got += fmt.Sprintf(" with status_code %d", v.StatusCode)
	}
	if message := first(v.Message, 300); message != "" {
		got += ": " + message
	} else {
		got += ", without a reason"
	}
	if len(l.heard) > 0 {
		got += " (before it: " + l.last() + ")"
	}
	return l.fault(wire.PhaseFailed, `"ready"`, got)
}

// last is what was heard last, as a sentence quotes it.
func (l *Launch) last() string {
	switch {
	case len(l.heard) > 0:
		return fmt.Sprintf("%q", l.heard[len(l.heard)-1])
	case l.first == 0:
		return "nothing"
	}
	return "an event without a message"
}

func (l *Launch) fault(symptom wire.Symptom, want, got string) *wire.Fault {
	address := l.client.URL("build/" + l.Spec)
	if l.member != "" {
		address = l.member + "build/" + l.Spec
	}
	f := &wire.Fault{
		Subject: "The launch's event stream", URL: address, Symptom: symptom, Want: want,
		Got: l.client.net.Timeline().Redactor().String(got), // it quotes what BinderHub said
	}
	if l.exchange == 0 { // no answer has come yet
		l.exchange = l.asked()
	}
	if l.exchange != 0 {
		f.Exchanges = []wire.ExchangeID{l.exchange}
	}
	return f
}

// asked is the exchange by which the launch was asked for, the member's where a federation handed it on.
func (l *Launch) asked() wire.ExchangeID {
	for _, x := range slices.Backward(l.client.net.Timeline().Exchanges()) {
		if x.Client == wire.Raw && x.Open.Type == wire.TypeStream && x.Open.At >= l.At && strings.Contains(x.Open.URL, "build/"+l.Spec) {
			return x.ID
		}
	}
	return 0
}

// Fault returns the fault that this launch's stream proves.
func (l *Launch) Fault(symptom wire.Symptom, want, got string) *wire.Fault {
	return l.fault(symptom, want, got)
}

// MayRun tells whether a launch that told no server may have left one all the same: BinderHub took it on, or never
// answered, and did not say that it failed.
func (l *Launch) MayRun() bool {
	var f *wire.Fault
	if !errors.As(l.over, &f) {
		return l.ready == nil
	}
	switch f.Symptom {
	case wire.PhaseFailed, wire.Status, wire.ContentType, wire.TCPRefused, wire.TCPTimeout, wire.TCPUnreachable,
		wire.DNSNotFound, wire.DNSFailed, wire.TLSExpired, wire.TLSName, wire.TLSAuthority, wire.TLSFailed:
		return false
	}
	return true
}
