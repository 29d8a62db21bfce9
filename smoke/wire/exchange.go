package wire

import (
	"encoding/json"
	"iter"
	"time"
)

// Exchange is the fold over the records of one exchange. Pointers are nil for what was not seen. An exchange with a nil
// Close was open when its timeline ended.
type Exchange struct {
	ID       ExchangeID
	Client   Client
	Scenario string
	Step     string

	Open     Open
	DNS      *DNS
	TCP      []TCP
	TLS      *TLS
	Request  *Request
	Response *Response
	Body     *Body
	Events   []Event
	Frames   []Frame
	Console  []Console
	Notes    []Note
	Close    *Close
}

// Ended is when the exchange closed, or else the time of its last record.
func (x *Exchange) Ended() time.Duration {
	if x.Close != nil {
		return x.Close.At
	}
	last := x.Open.At
	for _, at := range []time.Duration{
		when(x.DNS, func(v *DNS) time.Duration { return v.At }),
		when(x.TLS, func(v *TLS) time.Duration { return v.At }),
		when(x.Request, func(v *Request) time.Duration { return v.At }),
		when(x.Response, func(v *Response) time.Duration { return v.At }),
		when(x.Body, func(v *Body) time.Duration { return v.At }),
	} {
		last = max(last, at)
	}
	if n := len(x.TCP); n > 0 {
		last = max(last, x.TCP[n-1].At)
	}
	if n := len(x.Events); n > 0 {
		last = max(last, x.Events[n-1].At)
	}
	if n := len(x.Frames); n > 0 {
		last = max(last, x.Frames[n-1].At)
	}
	return last
}

func when[T any](v *T, at func(*T) time.Duration) time.Duration {
	if v == nil {
		return 0
	}
	return at(v)
}

// Opened tells whether the exchange is a websocket whose handshake succeeded: 101, or 200 over HTTP/2 (RFC 8441). A proxy
// that answers the handshake with a page of its own says 200 too.
func (x *Exchange) Opened() bool {
	if x.Open.Type != TypeWebSocket || x.Response == nil || (x.Close != nil && x.Close.Symptom == UpgradeRefused) {
		return false
	}
	return x.Response.Status == 101 || (x.Client == Browser && x.Response.Status == 200 && x.Response.Proto == "h2")
}

// Fold gathers records into exchanges, in the order in which the exchanges opened. Records that cannot be read are passed
// over: a timeline may come from a newer version, or from a file that a person cut.
func Fold(records iter.Seq[Record]) []*Exchange {
	var order []*Exchange
	byID := map[ExchangeID]*Exchange{}
	for r := range records {
		if r.Exchange == 0 {
			continue
		}
		x := byID[r.Exchange]
		if x == nil {
			x = &Exchange{ID: r.Exchange, Client: r.Client, Scenario: r.Scenario, Step: r.Step}
			byID[r.Exchange] = x
			order = append(order, x)
		}
		x.add(r)
	}
	return order
}

// Notes returns the notes of a timeline that belong to no exchange, with the scenario and step of their records.
func Notes(records iter.Seq[Record]) []StepNote {
	var notes []StepNote
	for r := range records {
		if r.Kind != KindNote || r.Exchange != 0 {
			continue
		}
		if n, ok := decode[Note](r); ok {
			n.At = r.At
			notes = append(notes, StepNote{Scenario: r.Scenario, Step: r.Step, Note: n})
		}
	}
	return notes
}

// StepNote is a note with the step in which it was written.
type StepNote struct {
	Scenario, Step string
	Note           Note
}

func decode[T any](r Record) (T, bool) {
	var v T
	err := json.Unmarshal(r.Data, &v)
	return v, err == nil
}

// add puts one record in its place. The last of several DNS, TLS, request, response and body records wins: a browser
// reports some of them twice, the second time with more.
func (x *Exchange) add(r Record) {
	switch r.Kind {
	case KindOpen:
		open := &x.Open
		last(&open, r, func(v *Open) *time.Duration { return &v.At })
		x.Open = *open
	case KindDNS:
		last(&x.DNS, r, func(v *DNS) *time.Duration { return &v.At })
	case KindTCP:
		many(&x.TCP, r, func(v *TCP) *time.Duration { return &v.At })
	case KindTLS:
		last(&x.TLS, r, func(v *TLS) *time.Duration { return &v.At })
	case KindRequest:
		last(&x.Request, r, func(v *Request) *time.Duration { return &v.At })
	case KindResponse:
		last(&x.Response, r, func(v *Response) *time.Duration { return &v.At })
	case KindBody:
		last(&x.Body, r, func(v *Body) *time.Duration { return &v.At })
	case KindEvent:
		many(&x.Events, r, func(v *Event) *time.Duration { return &v.At })
	case KindFrame:
		many(&x.Frames, r, func(v *Frame) *time.Duration { return &v.At })
	case KindConsole:
		many(&x.Console, r, func(v *Console) *time.Duration { return &v.At })
	case KindNote:
		many(&x.Notes, r, func(v *Note) *time.Duration { return &v.At })
	case KindClose:
		if x.Close == nil { // the first one ended it
			last(&x.Close, r, func(v *Close) *time.Duration { return &v.At })
		}
	}
}

// last reads a record of which an exchange keeps one.
func last[T any](into **T, r Record, at func(*T) *time.Duration) {
	if v, ok := decode[T](r); ok {
		*at(&v) = r.At
		*into = &v
	}
}

// many reads a record of which an exchange keeps all.
func many[T any](into *[]T, r Record, at func(*T) *time.Duration) {
	if v, ok := decode[T](r); ok {
		*at(&v) = r.At
		*into = append(*into, v)
	}
}
