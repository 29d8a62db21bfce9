package har

import (
	"cmp"
	"encoding/base64"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/wire"
)

// unknown is what the format has for a size that is not known.
const unknown = -1

// entryOf is one exchange as the format has it.
func entryOf(t evidence.Target, x *wire.Exchange) entry {
	e := entry{
		PageRef: strings.Join([]string{t.Result.Name, cmp.Or(x.Scenario, "run"), cmp.Or(x.Step, "run")}, "/"),
		Started: moment(t, x.Open.At), Request: requestOf(x), Response: responseOf(x), ResourceType: resourceType(x),
		Client: string(x.Client), Role: string(x.Open.Role), Exchange: uint64(x.ID),
	}
	e.Timings = timingsOf(x)
	e.Time = e.Timings.sum()
	if x.Response != nil {
		if host, _, err := net.SplitHostPort(x.Response.Remote); err == nil {
			e.ServerIP = host
		}
	}
	for _, f := range x.Frames {
		e.Messages = append(e.Messages, messageOf(f, epoch(t, f.At)))
	}
	for _, v := range x.Events {
		e.Events = append(e.Events, event{epoch(t, v.At), v.Data, v.Comment})
	}
	if x.Close == nil {
		e.Comment = "It was still open when the recording ended."
	}
	return e
}

// epoch is a time of a recording in seconds since 1970.
func epoch(t evidence.Target, at time.Duration) float64 {
	return float64(t.Started.Add(at).UnixMicro()) / 1e6
}

func requestOf(x *wire.Exchange) request {
	r := request{
		Method: cmp.Or(x.Open.Method, http.MethodGet), URL: x.Open.URL, HTTPVersion: protocol(x), Cookies: []pair{}, Headers: []pair{},
		QueryString: []pair{}, HeadersSize: unknown,
	}
	if x.Request != nil {
		r.Method, r.URL = cmp.Or(x.Request.Method, r.Method), cmp.Or(x.Request.URL, r.URL)
		r.Headers, r.BodySize = pairs(x.Request.Header), x.Request.Bytes
	}
	if u, err := url.Parse(r.URL); err == nil {
		r.QueryString = query(u.RawQuery)
	}
	return r
}

// patterns know secrets by where they stand: what is decoded is looked at again.
var patterns = wire.NewRedactor()

// query is a URL's query in its order. What cannot be decoded stays as it is.
func query(raw string) []pair {
	all := []pair{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		all = append(all, pair{patterns.String(unescaped(name)), patterns.String(unescaped(value))})
	}
	return all
}

func unescaped(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

func responseOf(x *wire.Exchange) response {
	r := response{HTTPVersion: protocol(x), Cookies: []pair{}, Headers: []pair{}, Content: content{MimeType: "x-unknown"}, HeadersSize: unknown, BodySize: unknown}
	if x.Close != nil {
		r.Error = cmp.Or(x.Close.Error, string(x.Close.Symptom))
	}
	if x.Response == nil {
		r.Error = cmp.Or(r.Error, "no answer")
		return r
	}
	r.Status, r.StatusText = x.Response.Status, cmp.Or(x.Response.Reason, http.StatusText(x.Response.Status))
	r.Headers, r.RedirectURL = pairs(x.Response.Header), x.Response.Header.Get("Location")
	r.Content = contentOf(x)
	if x.Body != nil {
		r.BodySize = x.Body.Bytes
	}
	return r
}

// contentOf is a body as far as it was kept. Of an event stream it is the events, as the format of streams writes them.
func contentOf(x *wire.Exchange) content {
	c := content{MimeType: cmp.Or(x.Response.Header.Get("Content-Type"), "x-unknown")}
	switch {
	case len(x.Events) > 0:
		c.Text = stream(x.Events)
		c.Size = int64(len(c.Text))
	case x.Body != nil:
		c.Size, c.Text = x.Body.Bytes, x.Body.Prefix
		if c.Size > int64(len(c.Text)) && c.Text != "" {
			c.Comment = "the first bytes only"
		}
	}
	if media, _, err := mime.ParseMediaType(c.MimeType); err != nil || media == "" {
		c.MimeType = "x-unknown"
	}
	return c
}

func stream(events []wire.Event) string {
	var b strings.Builder
	for _, e := range events {
		field := "data: "
		if e.Comment {
			field = ":"
		}
		for line := range strings.SplitSeq(e.Data, "\n") {
			b.WriteString(field + line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func messageOf(f wire.Frame, at float64) message {
	m := message{Type: "receive", Time: at, Opcode: int(f.Opcode), Data: f.Data, Size: f.Size}
	if f.Direction == wire.Sent {
		m.Type = "send"
	}
	if f.Opcode == wire.OpBinary {
		m.Data = base64.StdEncoding.EncodeToString([]byte(f.Data))
	}
	return m
}

// protocol is the version of HTTP as Chrome's developer tools write it.
func protocol(x *wire.Exchange) string {
	if x.Response == nil || x.Response.Proto == "" {
		return "unknown"
	}
	if x.Response.Proto == "HTTP/2.0" {
		return "h2"
	}
	return strings.ToLower(x.Response.Proto)
}

// resourceType is the browser's, in the words of Chrome's developer tools; of a raw client it is told by the exchange.
func resourceType(x *wire.Exchange) string {
	switch {
	case x.Open.Resource != "":
		return strings.ToLower(x.Open.Resource)
	case x.Open.Type == wire.TypeWebSocket:
		return "websocket"
	case x.Open.Type == wire.TypeStream:
		return "eventsource"
	}
	return "fetch"
}

func pairs(h http.Header) []pair {
	all := []pair{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			all = append(all, pair{name, v})
		}
	}
	return all
}
