package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// detail is what a click on a row shows of an exchange.
type detail struct {
	URL      string   `json:"u,omitempty"` // where the row has not all of it
	Name     string   `json:"dns,omitempty"`
	Connects []string `json:"tcp,omitempty"`
	TLS      []string `json:"tls,omitempty"`
	Request  []int    `json:"q,omitempty"` // headers, by their place in data.Headers
	Answer   string   `json:"a,omitempty"` // "HTTP/1.1 200 OK"
	Remote   string   `json:"re,omitempty"`
	Response []int    `json:"h,omitempty"`
	Body     string   `json:"y,omitempty"` // the first bytes
	Events   []part   `json:"ev,omitempty"`
	Frames   []part   `json:"fr,omitempty"`
	Console  []part   `json:"co,omitempty"`
	Notes    []part   `json:"no,omitempty"`
	More     int      `json:"mo,omitempty"` // events and frames that are left out
	Close    string   `json:"cl,omitempty"`
}

// part is an event, a frame, a line of the console or a note.
type part struct {
	At   wire.Seconds `json:"t"`
	Kind string       `json:"k"`
	Size int          `json:"n,omitempty"`
	Text string       `json:"d"`
}

// maxListed bounds the events and frames that are listed of an exchange.
const maxListed = 150

func (w *writer) detail(x *wire.Exchange) detail {
	d := detail{Connects: connects(x), TLS: handshake(x), Close: ending(x)}
	if len(x.Open.URL) > rowURL {
		d.URL = plain.Line(x.Open.URL)
	}
	if x.DNS != nil {
		d.Name = plain.Line(x.DNS.Host + " → " + strings.Join(x.DNS.Addresses, ", ") + " " + x.DNS.Error)
		if x.DNS.Override {
			d.Name += " (SMOKE_RESOLVE)"
		}
	}
	if x.Request != nil {
		d.Request = w.intern(x.Request.Header)
	}
	if x.Response != nil {
		d.Answer = plain.Line(strings.Join([]string{x.Response.Proto, fmt.Sprint(x.Response.Status), x.Response.Reason}, " "))
		d.Remote, d.Response = plain.Line(x.Response.Remote), w.intern(x.Response.Header)
	}
	if x.Body != nil {
		d.Body = plain.Text(x.Body.Prefix)
	}
	d.conversation(x)
	return d
}

// conversation adds what was said in an exchange, and beside it.
func (d *detail) conversation(x *wire.Exchange) {
	for _, e := range x.Events[:min(len(x.Events), maxListed)] {
		kind := "event"
		if e.Comment {
			kind = "comment"
		}
		d.Events = append(d.Events, part{wire.Seconds(e.At), kind, 0, plain.Text(e.Data)})
	}
	for _, f := range x.Frames[:min(len(x.Frames), maxListed)] {
		d.Frames = append(d.Frames, part{wire.Seconds(f.At), string(f.Direction) + " " + opcode(f.Opcode), f.Size, plain.Text(f.Data)})
	}
	for _, c := range x.Console[:min(len(x.Console), maxListed)] {
		d.Console = append(d.Console, part{wire.Seconds(c.At), plain.Line(c.Level), 0, plain.Text(c.Text)})
	}
	for _, n := range x.Notes[:min(len(x.Notes), maxListed)] {
		d.Notes = append(d.Notes, part{wire.Seconds(n.At), plain.Line(n.Name), 0, plain.Text(n.Text)})
	}
	d.More = len(x.Events) + len(x.Frames) - len(d.Events) - len(d.Frames)
}

func opcode(o wire.Opcode) string {
	switch o {
	case wire.OpText:
		return "text"
	case wire.OpBinary:
		return "binary"
	case wire.OpClose:
		return "close"
	case wire.OpPing:
		return "ping"
	case wire.OpPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %d", int(o))
}

func connects(x *wire.Exchange) (lines []string) {
	for _, t := range x.TCP {
		lines = append(lines, plain.Line(t.Address+" in "+took(t.Seconds)+" "+t.Error))
	}
	return lines
}

// handshake is TLS in a few lines: what was agreed on, and the certificate of the host.
func handshake(x *wire.Exchange) (lines []string) {
	if x.TLS == nil {
		return nil
	}
	t := x.TLS
	lines = append(lines, plain.Line(strings.Join([]string{t.Version, t.ALPN, "for", t.ServerName, "in", took(t.Seconds), t.Error}, " ")))
	for _, c := range t.Certificates[:min(len(t.Certificates), 1)] {
		lines = append(lines, plain.Line(fmt.Sprintf("%s, by %s, from %s to %s", c.Subject, c.Issuer, c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))))
	}
	return lines
}

// ending is how the exchange closed, where there is something to say.
func ending(x *wire.Exchange) string {
	if x.Close == nil {
		return "still open when the recording ended"
	}
	parts := []string{string(x.Close.Symptom), x.Close.Error}
	if x.Close.Code != 0 {
		parts = append(parts, fmt.Sprintf("close code %d", x.Close.Code), x.Close.Reason)
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return plain.Line(strings.Join(parts, ": "))
}

// intern keeps each header line once: browsers send the same ones hundreds of times.
func (w *writer) intern(h http.Header) (places []int) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			line := [2]string{plain.Line(name), plain.Line(v)}
			i, ok := w.headers[line]
			if !ok {
				i = len(w.data.Headers)
				w.headers[line] = i
				w.data.Headers = append(w.data.Headers, line)
				w.used += len(line[0]) + len(line[1]) + 8
			}
			places = append(places, i)
		}
	}
	return places
}
