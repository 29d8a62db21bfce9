package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tmaxmax/go-sse"
)

// maxEvent bounds one event of a stream, in bytes: BinderHub's largest lines are build logs of a few KiB.
const maxEvent = 1 << 20

// Stream is an open event stream. It is read once, from start to end, and never reconnects: each request to BinderHub's
// /build may launch a server.
type Stream struct {
	Answer *Answer // head of the answer; its Body is empty

	x      *conversation
	events chan Event
	cancel context.CancelFunc
	tap    *tap
	once   sync.Once
	end    error // set before events is closed
}

// Open sends a call whose answer is an event stream. The stream lives until it ends or Close, not only as long as the
// head takes; ctx cancels it. An answer of another status or content type is a fault.
func (n *Network) Open(ctx context.Context, c Call) (*Stream, error) {
	waiting := n.cfg.Meter.Begin()
	defer waiting()
	live, cancel := context.WithCancel(ctx)
	x, err := n.send(live, c, TypeStream)
	if err != nil {
		cancel()
		return nil, err
	}
	a := &Answer{Exchange: x.id, URL: c.URL, Status: x.resp.StatusCode, Reason: reason(x.resp), Proto: x.resp.Proto, Header: x.resp.Header}
	if err := a.Expect(c.Subject, http.StatusOK, "text/event-stream"); err != nil {
		defer cancel()
		defer x.resp.Body.Close()
		c.MaxBody = 64 << 10
		if bodyErr := x.readBody(live, c, a); bodyErr == nil {
			x.close(ctx, Close{})
		}
		return nil, err
	}
	s := &Stream{Answer: a, x: x, events: make(chan Event, 256), cancel: cancel}
	go s.read(live)
	return s, nil
}

// read parses the stream with a parser that only parses: go-sse's Read has no connection of its own to renew.
func (s *Stream) read(ctx context.Context) {
	defer close(s.events)
	defer s.x.resp.Body.Close()
	body, err := decoded(s.x.resp)
	if err != nil {
		s.end = s.x.fail(ctx, err, "an event stream")
		return
	}
	s.tap = &tap{r: body, comment: func(text string) { s.emit(ctx, Event{Comment: true, Data: text}) }}
	for e, err := range sse.Read(s.tap, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			s.end = s.failed(ctx, err)
			return
		}
		s.emit(ctx, Event{Data: e.Data})
	}
	s.end = s.failed(ctx, s.tap.err)
}

// failed closes the exchange and returns what Next gives after the last event: io.EOF when the server ended the stream
// in an orderly way.
func (s *Stream) failed(ctx context.Context, err error) error {
	if s.tap.err != nil {
		err = s.tap.err // what the connection said, not what the parser made of it
	}
	if err == nil || errors.Is(err, io.EOF) {
		s.x.close(ctx, Close{})
		return io.EOF
	}
	return s.x.fail(ctx, err, "an event stream that ends with a last chunk")
}

func (s *Stream) emit(ctx context.Context, e Event) {
	e.At = s.x.net.cfg.Timeline.Now()
	s.x.add(ctx, KindEvent, e)
	select {
	case s.events <- e:
	case <-ctx.Done():
	}
}

// Next returns the next event or comment line. After the last it returns io.EOF, or the *Fault that says how the stream
// broke. When ctx ends first, its error is returned and the stream goes on.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	defer s.x.net.cfg.Meter.Begin()()
	select {
	case e, ok := <-s.events:
		if !ok {
			return Event{}, s.end
		}
		return e, nil
	case <-ctx.Done():
		return Event{}, context.Cause(ctx)
	}
}

// Close ends the stream; BinderHub goes on launching all the same.
func (s *Stream) Close() {
	s.once.Do(func() {
		s.cancel()
		for range s.events { // until the reader has gone
		}
	})
}

// tap passes a stream's bytes on and reports its comment lines, which the parser drops: BinderHub's ":keepalive" is how a
// quiet stream shows that it lives.
type tap struct {
	r       io.Reader
	comment func(string)
	line    []byte // the current line as far as it has come, if it may be a comment
	inLine  bool
	err     error
	last    time.Time
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.last = time.Now()
		t.scan(p[:n])
	}
	if err != nil {
		t.err = err
	}
	return n, err
}

// maxComment bounds what is kept of a comment line, in bytes.
const maxComment = 256

func (t *tap) scan(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		isComment := len(t.line) > 0 || (!t.inLine && len(part) > 0 && part[0] == ':')
		if isComment {
			t.line = append(t.line, part[:min(len(part), max(0, maxComment-len(t.line)))]...)
		}
		t.inLine = true
		if end < 0 {
			return
		}
		if isComment {
			t.comment(string(bytes.TrimRight(t.line[1:], "\r")))
		}
		t.line, t.inLine = t.line[:0], false
		b = b[end+1:]
	}
}
