package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// maxLine bounds one line of an event stream, and what is held of one before Chromium passes it on.
const maxLine = 1 << 20

// maxHead bounds what is kept of a stream that turns out to be something else.
const maxHead = 4 << 10

// stream is BinderHub's event stream as the page gets it. Chromium passes its bytes on once it was asked to.
type stream struct {
	asked    bool          // Chromium was asked to
	live     bool          // and has answered
	ended    time.Duration // when the body ended, if that was before the answer
	fetched  bool          // the body of a bad answer was asked for before that, in vain
	pending  []byte        // came before that
	head     []byte        // the first bytes
	line     []byte        // begun, not ended
	data     []byte        // of the event whose blank line has not come
	phase    string
	log      []string // the last messages
	finished bool     // ready or failed came
	over     bool     // nothing more can come
}

// bodyStreaming puts what Chromium had buffered before what came since.
func (r *recorder) bodyStreaming(e event, ev bodyStreaming) {
	q := r.requests[ev.id]
	if q == nil || q.stream == nil || q.stream.live {
		return
	}
	q.stream.live = true
	data := append(ev.buffered, q.stream.pending...)
	q.stream.pending = nil
	r.streamed(e, q, data, e.at)
	switch {
	case q.stream.fetched:
		r.bodyFetched(e, bodyFetched{id: ev.id})
	case q.stream.ended != 0:
		r.finish(e, ev.id, q, wire.Close{}, q.stream.ended)
		r.streamEnded(q)
	}
}

// sourceMessage takes an event of a page that uses EventSource, which Chromium parses for us.
func (r *recorder) sourceMessage(e event, ev *network.EventEventSourceMessageReceived) {
	if q := r.requests[ev.RequestID]; q != nil && q.stream != nil && !q.stream.live {
		r.streamEvent(e, q, []byte(ev.Data), r.clock.of(ev.Timestamp, e.at))
	}
}

// streamed takes bytes of the stream.
func (r *recorder) streamed(e event, q *request, data []byte, at time.Duration) {
	s := q.stream
	if !s.live {
		if len(s.pending) < maxLine {
			s.pending = append(s.pending, data...)
		}
		return
	}
	s.head = append(s.head, data[:min(len(data), maxHead-len(s.head))]...)
	s.line = append(s.line, data...)
	for {
		line, rest, found := bytes.Cut(s.line, []byte("\n"))
		if !found {
			break
		}
		s.line = rest
		r.streamLine(e, q, bytes.TrimSuffix(line, []byte("\r")), at)
	}
	if len(s.line) > maxLine {
		s.line = nil
	}
}

func (r *recorder) streamLine(e event, q *request, line []byte, at time.Duration) {
	s := q.stream
	switch {
	case len(line) == 0 && s.data != nil:
		data := s.data
		s.data = nil
		r.streamEvent(e, q, data, at)
	case bytes.HasPrefix(line, []byte(":")):
		r.add(e, q.exchange, wire.KindEvent, wire.Event{Comment: true, Data: string(line[1:])}, at)
	case bytes.HasPrefix(line, []byte("data:")) && len(s.data) < maxLine:
		if s.data != nil {
			s.data = append(s.data, '\n')
		}
		s.data = append(s.data, bytes.TrimPrefix(line[5:], []byte(" "))...)
	}
}

// streamEvent takes one event: a phase of the launch, or a line of its log.
func (r *recorder) streamEvent(e event, q *request, data []byte, at time.Duration) {
	var v struct {
		Phase, Message, URL, Token string
	}
	json.Unmarshal(data, &v) // what is no JSON is a line of the log
	r.tl.Redactor().Learn(v.Token)
	r.add(e, q.exchange, wire.KindEvent, wire.Event{Data: string(data)}, at)
	s := q.stream
	if v.Phase != "" {
		s.phase = strings.ToLower(v.Phase)
	}
	if m := strings.TrimSpace(v.Message); m != "" {
		s.log = append(s.log, m)
		s.log = s.log[max(0, len(s.log)-12):]
	}
	if p := &r.launch.progress; q == r.launch.stream && len(p.came) < maxShown {
		p.came = append(p.came, arrival{at, s.phase, v.Message})
	}
	switch {
	case s.finished || q.visit != r.visit:
	case strings.EqualFold(v.Phase, "ready"):
		s.finished = true
		r.launched(e, Server{URL: withSlash(v.URL), Token: v.Token})
	case strings.EqualFold(v.Phase, "failed"):
		s.finished = true
		r.raise(r.launchFailed(q, v.Message))
	}
}

// launchFailed is the fault of a launch that said so itself. The reason may stand in earlier messages only.
func (r *recorder) launchFailed(q *request, message string) *wire.Fault {
	got := "failed"
	if m := strings.TrimSpace(message); m != "" {
		got = fmt.Sprintf("failed: %s", m)
	}
	if n := len(q.stream.log); n > 1 {
		got += fmt.Sprintf(" (its log: %s)", strings.Join(q.stream.log[:n-1], " · "))
	}
	return &wire.Fault{
		Subject: "BinderHub's launch", URL: q.url, Symptom: wire.PhaseFailed, Want: "the phase ready",
		Got: short(got, 1500), Exchanges: []wire.ExchangeID{q.exchange},
	}
}

// streamEnded is called when the stream ended as HTTP goes. BinderHub's page does not ask again.
func (r *recorder) streamEnded(q *request) {
	if q.stream.finished || q.visit != r.visit || r.launch.known() {
		return
	}
	f := &wire.Fault{
		Subject: "BinderHub's event stream, fetched by its page,", URL: q.url, Symptom: wire.StreamEnded, Want: "the phase ready",
		Exchanges: []wire.ExchangeID{q.exchange},
		Got:       "its end after the phase " + orNone(q.stream.phase),
	}
	r.raiseLater(abortGrace, f, func() bool { return !q.stream.finished && !r.launch.known() })
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func withSlash(s string) string {
	if s != "" && !strings.HasSuffix(s, "/") {
		s += "/"
	}
	return s
}

// short keeps the beginning of a text.
func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + " …"
}
