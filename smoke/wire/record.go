package wire

import (
	"encoding/json"
	"math"
	"time"
)

// ExchangeID names one exchange of a timeline: one HTTP request and its answer, one event stream, or one websocket from
// handshake to close. Zero belongs to records that are of no exchange, such as notes.
type ExchangeID uint64

// Client tells who drove an exchange.
type Client string

// The clients whose records stand side by side in a timeline.
const (
	Raw     Client = "raw"     // our own HTTP, event-stream and websocket clients
	Browser Client = "browser" // Chromium, seen through the DevTools protocol
	Probe   Client = "probe"   // a question that the diagnosis asked after a failure
)

// Kind tells what a record reports, and with it the Go type of its Data.
type Kind string

// The kinds of records, with the type that Data holds.
const (
	KindOpen     Kind = "open"     // Open
	KindDNS      Kind = "dns"      // DNS
	KindTCP      Kind = "tcp"      // TCP
	KindTLS      Kind = "tls"      // TLS
	KindRequest  Kind = "request"  // Request
	KindResponse Kind = "response" // Response
	KindBody     Kind = "body"     // Body
	KindEvent    Kind = "event"    // Event
	KindFrame    Kind = "frame"    // Frame
	KindConsole  Kind = "console"  // Console
	KindNote     Kind = "note"     // Note
	KindClose    Kind = "close"    // Close
)

// Record is one line of a timeline. Records are only ever appended.
type Record struct {
	Seq      uint64          // 1, 2, 3 … in the order of appending
	At       time.Duration   // since the run began, on one clock for all clients
	Exchange ExchangeID      // zero when of no exchange
	Scenario string          // taken from the context, see WithStep
	Step     string          // taken from the context, see WithStep
	Client   Client          // raw, browser or probe
	Kind     Kind            // which of the payload types Data holds
	Data     json.RawMessage // redacted and cut
}

// recordJSON is a Record as timeline.ndjson shows it: times there are seconds.
type recordJSON struct {
	Seq      uint64          `json:"seq"`
	At       Seconds         `json:"at"`
	Exchange ExchangeID      `json:"exchange,omitempty"`
	Scenario string          `json:"scenario,omitempty"`
	Step     string          `json:"step,omitempty"`
	Client   Client          `json:"client"`
	Kind     Kind            `json:"kind"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// MarshalJSON writes the record as timeline.ndjson shows it, with At in seconds.
func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordJSON{r.Seq, Seconds(r.At), r.Exchange, r.Scenario, r.Step, r.Client, r.Kind, r.Data})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Record) UnmarshalJSON(b []byte) error {
	var j recordJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*r = Record{j.Seq, time.Duration(j.At), j.Exchange, j.Scenario, j.Step, j.Client, j.Kind, j.Data}
	return nil
}

// maxSeconds is what a time.Duration can hold: a timeline may come from anywhere.
const maxSeconds = 9e9

// Seconds is a time or a duration that JSON shows as seconds, to the microsecond.
type Seconds time.Duration

// MarshalJSON writes seconds with at most six decimals.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(s).Microseconds()) / 1e6)
}

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*s = Seconds(time.Duration(math.Round(min(max(f, -maxSeconds), maxSeconds)*1e6)) * time.Microsecond)
	return nil
}
