package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"nhooyr.io/websocket"
)

// maxMessage bounds one websocket message, in bytes. Jupyter Server's own bound is 10 MiB.
const maxMessage = 16 << 20

// closeWait is how long the peer's half of the closing handshake is waited for.
const closeWait = time.Second

// Handshake is a request to open a websocket.
type Handshake struct {
	// Subject begins the sentence when the handshake or the socket fails: "The kernel's websocket".
	Subject      string
	URL          string // http, https, ws or wss
	Header       http.Header
	Subprotocols []string // offered; the server may choose one or none
}

// Message is one websocket message.
type Message struct {
	Binary bool
	Data   []byte
}

// Socket is an open websocket. A reader always runs, so that pings are answered and a lost connection is noticed at once.
type Socket struct {
	Answer *Answer // the handshake's

	conn     *websocket.Conn
	x        *conversation
	tap      *frameTap
	heard    *heard
	messages *queue
	closing  chan struct{}
	gone     chan struct{} // closed when the reader has gone
	once     sync.Once
	end      error // set before messages ends
}

// heard is what last came from the server.
type heard struct{ byteAt, frameAt, closeAt atomic.Int64 }

// Dial opens a websocket on a connection of its own. A refused handshake is a *Fault with symptom UpgradeRefused; its
// answer, when one came, is returned with it.
func (n *Network) Dial(ctx context.Context, h Handshake) (*Socket, *Answer, error) {
	defer n.cfg.Meter.Begin()()
	x := &conversation{net: n, client: n.client, subject: h.Subject, url: h.URL}
	x.id = n.cfg.Timeline.Begin(ctx, n.client, Open{Type: TypeWebSocket, Method: http.MethodGet, URL: h.URL})
	x.trace = n.newTrace(ctx, n.client, x.id, h.URL)
	s := &Socket{x: x, heard: &heard{}, messages: newQueue(), closing: make(chan struct{}), gone: make(chan struct{})}
	conn, resp, err := websocket.Dial(x.trace.ctx, h.URL, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: s.recorder(ctx), CheckRedirect: noRedirect},
		HTTPHeader:      n.handshakeHeader(h),
		Subprotocols:    h.Subprotocols,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		a, fault := x.refused(ctx, resp, err)
		return nil, a, fault
	}
	x.trace.end()
	conn.SetReadLimit(maxMessage)
	s.conn, s.Answer = conn, x.answer()
	s.tap.start()
	go s.read(context.WithoutCancel(ctx))
	return s, s.Answer, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (n *Network) handshakeHeader(h Handshake) http.Header {
	header := http.Header{"User-Agent": {n.cfg.UserAgent}}
	n.ownHeader(header, h.URL)
	maps.Copy(header, h.Header)
	return header
}

// recorder writes the handshake's request and answer, which the websocket package does not show in time, and puts the tap
// into the connection that a 101 hands over.
func (s *Socket) recorder(ctx context.Context) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		x := s.x
		x.add(ctx, KindRequest, Request{Method: req.Method, URL: x.url, Header: req.Header})
		resp, err := x.net.fresh.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		x.head(ctx, resp)
		if body, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
			s.tap = s.newTap(context.WithoutCancel(ctx), body)
			resp.Body = s.tap
		}
		return resp, nil
	})
}

// newTap returns the tap whose frames become this socket's records.
func (s *Socket) newTap(ctx context.Context, body io.ReadWriteCloser) *frameTap {
	timeline := s.x.net.cfg.Timeline
	record := func(d Direction) func(Frame, []byte) {
		return func(f Frame, prefix []byte) {
			f.Direction, f.Data = d, string(prefix)
			if f.Opcode == OpClose && d == Received {
				s.heard.closeAt.CompareAndSwap(0, int64(timeline.Now()))
			}
			if f.Opcode == OpClose && len(prefix) >= 2 {
				f.Data = fmt.Sprintf("%d %s", binary.BigEndian.Uint16(prefix), prefix[2:])
			}
			s.x.add(ctx, KindFrame, f)
		}
	}
	return &frameTap{
		ReadWriteCloser: body,
		bytes:           func() { s.heard.byteAt.Store(int64(timeline.Now())) },
		in: frameParser{
			server: true, frame: record(Received), header: func() { s.heard.frameAt.Store(int64(timeline.Now())) },
		},
		out: frameParser{frame: record(Sent), header: func() {}},
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// refused makes a fault of a handshake that failed. After status 101 the body is the connection and must not be read.
func (x *conversation) refused(ctx context.Context, resp *http.Response, err error) (*Answer, error) {
	x.trace.end()
	if resp == nil || x.resp == nil {
		return nil, x.fail(ctx, err, "101 Switching Protocols")
	}
	a := x.answer()
	f := a.Fault(x.subject, UpgradeRefused, "101 Switching Protocols", a.Describe())
	f.Err = err
	if a.Status == http.StatusSwitchingProtocols {
		f.Symptom, f.Got = Malformed, "101, but "+x.text(err)
	} else if resp.Body != nil {
		a.Body, _ = io.ReadAll(io.LimitReader(resp.Body, 1024)) // the package has bounded it already
		x.add(ctx, KindBody, Body{Bytes: int64(len(a.Body)), Prefix: string(a.Body)})
	}
	x.close(ctx, Close{Symptom: f.Symptom, Error: x.text(err)})
	return a, f
}

// Subprotocol is the one that the server chose, or empty.
func (s *Socket) Subprotocol() string { return s.conn.Subprotocol() }

// LastByte is when the last byte came from the server, on the timeline's clock; zero when none has come.
func (s *Socket) LastByte() time.Duration { return time.Duration(s.heard.byteAt.Load()) }

// LastFrame is when the last frame came from the server, pings and pongs included; zero when none has come.
func (s *Socket) LastFrame() time.Duration { return time.Duration(s.heard.frameAt.Load()) }

// CloseFrame is when the server's close frame came; false when none has come.
func (s *Socket) CloseFrame() (time.Duration, bool) {
	at := time.Duration(s.heard.closeAt.Load())
	return at, at != 0
}

func (s *Socket) read(ctx context.Context) {
	defer close(s.gone)
	defer s.messages.end()
	for {
		typ, data, err := s.conn.Read(ctx)
		if err != nil {
			s.end = s.lost(ctx, err)
			_ = s.tap.Close() // the package leaves a connection open that ended without a close frame
			return
		}
		s.messages.put(Message{Binary: typ == websocket.MessageBinary, Data: data}, s.closing)
	}
}

// lost closes the exchange when reading ended: in order when we closed the socket, else with what was seen.
func (s *Socket) lost(ctx context.Context, err error) error {
	c := Close{Code: noCloseFrame}
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		c.Code, c.Reason = int(closed.Code), closed.Reason
	}
	select {
	case <-s.closing:
		s.x.close(ctx, c)
		return io.EOF
	default:
	}
	var got string
	c.Symptom, got = ending(err)
	if c.Code != noCloseFrame {
		c.Symptom, got = SocketLost, fmt.Sprintf("a close frame with code %d %s", c.Code, c.Reason)
	}
	c.Error = s.x.text(err)
	s.x.close(ctx, c)
	return s.fault(c.Symptom, got, err)
}

// noCloseFrame is the code of RFC 6455 section 7.1.5 for a connection that ended without a close frame.
const noCloseFrame = 1006

// ending says how a websocket ended without a close frame.
func ending(err error) (Symptom, string) {
	var network net.Error
	switch {
	case errors.Is(err, errFrameTooLarge), strings.Contains(err.Error(), "read limited at"):
		return TooLarge, fmt.Sprintf("a message larger than %d bytes", maxMessage)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return SocketLost, "a reset of the connection, without a close frame"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return SocketLost, "the connection's end without a close frame"
	}
	return Malformed, "something that is no websocket: " + innermost(err)
}

func (s *Socket) fault(symptom Symptom, got string, err error) *Fault {
	return &Fault{
		Subject: s.x.subject, URL: s.x.shown(), Symptom: symptom, Want: "an open websocket", Got: s.x.net.cfg.Timeline.Redactor().String(got),
		Exchanges: []ExchangeID{s.x.id}, Inconclusive: symptom == Cancelled, Err: err,
	}
}

// Read returns the next message. When the socket is gone it returns the *Fault that says how, or io.EOF after Close. When
// ctx ends first, its error is returned and the socket stays open.
func (s *Socket) Read(ctx context.Context) (Message, error) {
	defer s.x.net.cfg.Meter.Begin()()
	for {
		m, ok, ended, changed := s.messages.take()
		switch {
		case ok:
			return m, nil
		case ended:
			return Message{}, s.end
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		}
	}
}

// Write sends one message. When ctx ends before it is sent, the socket is gone.
func (s *Socket) Write(ctx context.Context, m Message) error {
	typ := websocket.MessageText
	if m.Binary {
		typ = websocket.MessageBinary
	}
	err := s.conn.Write(ctx, typ, m.Data)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return s.fault(Classify(ctx, err), "a peer that does not read what is sent to it", err)
	}
	return s.fault(SocketLost, innermost(err), err)
}

// Fault returns the fault that this socket proves.
func (s *Socket) Fault(symptom Symptom, want, got string) *Fault {
	return s.Answer.Fault(s.x.subject, symptom, want, got)
}

// Gone is closed when the socket has ended, whoever ended it; Lost then says how.
func (s *Socket) Gone() <-chan struct{} { return s.gone }

// Lost is the *Fault of a socket that ended though nobody closed it, or io.EOF after Close. It is nil before Gone.
func (s *Socket) Lost() error {
	select {
	case <-s.gone:
		return s.end
	default:
		return nil
	}
}

// Close closes the socket and waits until its reader has gone.
func (s *Socket) Close() {
	s.once.Do(func() {
		close(s.closing)
		// The peer may be gone, or hang: then its half of the closing handshake is not waited for. The package's own
		// CloseNow does nothing while its Close waits, so the connection goes from under it.
		hung := time.AfterFunc(closeWait, func() { _ = s.tap.Close() })
		defer hung.Stop()
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		<-s.gone
	})
}
