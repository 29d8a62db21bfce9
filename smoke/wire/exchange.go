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

// Opened tells whether the exchange is a websocket whose handshake succeeded: 101, or 200 over HTTP/2 (RFC 8441).
func (x *Exchange) Opened() bool {
	if x.Open.Type != TypeWebSocket || x.Response == nil {
		return false
	}
	return x.Response.Status == 101 || (x.Client == Browser && x.Response.Status == 200)
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
		if v, ok := decode[Open](r); ok {
			v.At = r.At
			x.Open = v
		}
	case KindDNS:
		if v, ok := decode[DNS](r); ok {
			v.At = r.At
			x.DNS = &v
		}
	case KindTCP:
		if v, ok := decode[TCP](r); ok {
			v.At = r.At
			x.TCP = append(x.TCP, v)
		}
	case KindTLS:
		if v, ok := decode[TLS](r); ok {
			v.At = r.At
			x.TLS = &v
		}
	case KindRequest:
		if v, ok := decode[Request](r); ok {
			v.At = r.At
			x.Request = &v
		}
	case KindResponse:
		if v, ok := decode[Response](r); ok {
			v.At = r.At
			x.Response = &v
		}
	case KindBody:
		if v, ok := decode[Body](r); ok {
			v.At = r.At
			x.Body = &v
		}
	default:
		x.addMany(r)
	}
}

// addMany puts a record of a kind that an exchange may hold many of.
func (x *Exchange) addMany(r Record) {
	switch r.Kind {
	case KindEvent:
		if v, ok := decode[Event](r); ok {
			v.At = r.At
			x.Events = append(x.Events, v)
		}
	case KindFrame:
		if v, ok := decode[Frame](r); ok {
			v.At = r.At
			x.Frames = append(x.Frames, v)
		}
	case KindConsole:
		if v, ok := decode[Console](r); ok {
			v.At = r.At
			x.Console = append(x.Console, v)
		}
	case KindNote:
		if v, ok := decode[Note](r); ok {
			v.At = r.At
			x.Notes = append(x.Notes, v)
		}
	case KindClose:
		if v, ok := decode[Close](r); ok && x.Close == nil {
			v.At = r.At
			x.Close = &v
		}
	}
}
