package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
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
	closed atomic.Bool
	end    error // set before events is closed
}

// refusalWait is how long the body of an answer that is no event stream is waited for: its head has proved the fault.
const refusalWait = 2 * time.Second

// Open sends a call whose answer is an event stream. The stream lives until it ends or Close, not only as long as the
// head takes; ctx cancels it. An answer of another status or content type is a fault. The call has a connection of its
// own unless it says otherwise: net/http repeats a GET that a kept connection lost, and a repeated launch is a second one.
func (n *Network) Open(ctx context.Context, c Call) (*Stream, error) {
	defer n.cfg.Meter.Begin()()
	if c.Fresh == "" {
		c.Fresh = FreshHTTP2
	}
	live, cancel := context.WithCancel(ctx)
	x, err := n.send(live, c, TypeStream)
	if err != nil {
		cancel()
		return nil, err
	}
	a := x.answer()
	if err := a.Expect(c.Subject, http.StatusOK, "text/event-stream"); err != nil {
		defer cancel()
		x.readRefusal(live, c, a)
		return nil, redirected(a, err)
	}
	s := &Stream{Answer: a, x: x, events: make(chan Event, 256), cancel: cancel}
	go s.read(live)
	return s, nil
}

// Redirect is the underlying error of a fault whose answer was a redirect.
type Redirect struct{ Location string }

// Error says where to.
func (r *Redirect) Error() string { return "a redirect to " + r.Location }

// redirected keeps where a redirect leads, for callers that follow one.
func redirected(a *Answer, err error) error {
	var f *Fault
	if to := a.Header.Get("Location"); to != "" && errors.As(err, &f) {
		f.Err = &Redirect{Location: to}
	}
	return err
}

// readRefusal reads what came instead of a stream, for the evidence.
func (x *conversation) readRefusal(ctx context.Context, c Call, a *Answer) {
	defer x.resp.Body.Close()
	if a.Status == http.StatusSwitchingProtocols {
		x.close(ctx, Close{})
		return
	}
	slow := time.AfterFunc(refusalWait, func() { _ = x.resp.Body.Close() })
	defer slow.Stop()
	c.MaxBody = 64 << 10
	if x.readBody(ctx, c, a) == nil {
		x.close(ctx, Close{})
	}
}

// read parses the stream with a parser that only parses: go-sse's Read has no connection of its own to renew.
func (s *Stream) read(ctx context.Context) {
	defer close(s.events)
	defer s.cancel()
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
	if s.tap.err != nil && (err == nil || s.tap.err != io.EOF) {
		err = s.tap.err // what the connection said, not what the parser made of it
	}
	if err == nil || errors.Is(err, io.EOF) || s.closed.Load() {
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

// Close ends the stream; BinderHub goes on launching all the same. Next then returns io.EOF.
func (s *Stream) Close() {
	s.once.Do(func() {
		s.closed.Store(true)
		s.cancel()
		for range s.events { // until the reader has gone
		}
	})
}
