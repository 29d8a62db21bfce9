package wire

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
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
	messages chan Message
	closing  chan struct{}
	once     sync.Once
	end      error // set before messages is closed
}

// Dial opens a websocket on a connection of its own. A refused handshake is a *Fault with symptom UpgradeRefused; its
// answer, when one came, is returned with it.
func (n *Network) Dial(ctx context.Context, h Handshake) (*Socket, *Answer, error) {
	defer n.cfg.Meter.Begin()()
	x := &conversation{net: n, client: Raw, subject: h.Subject, url: h.URL}
	x.id = n.cfg.Timeline.Begin(ctx, Raw, Open{Type: TypeWebSocket, Method: http.MethodGet, URL: h.URL})
	trace, traced := n.newTrace(ctx, Raw, x.id)
	conn, resp, err := websocket.Dial(traced, h.URL, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: n.recorder(ctx, x, trace), CheckRedirect: noRedirect},
		HTTPHeader:      n.handshakeHeader(h),
		Subprotocols:    h.Subprotocols,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		a, fault := x.refused(ctx, resp, err)
		return nil, a, fault
	}
	x.resp = resp
	conn.SetReadLimit(maxMessage)
	s := &Socket{
		Answer: answerOf(x, resp), conn: conn, x: x,
		messages: make(chan Message, 256), closing: make(chan struct{}),
	}
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

// recorder writes the handshake's request and answer, which the websocket package does not show in time.
func (n *Network) recorder(ctx context.Context, x *conversation, t *trace) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		x.add(ctx, KindRequest, Request{Method: req.Method, URL: x.url, Header: req.Header})
		resp, err := n.fresh.RoundTrip(req)
		if err == nil {
			n.learn(resp.Header)
			x.add(ctx, KindResponse, Response{
				Status: resp.StatusCode, Reason: reason(resp), Proto: resp.Proto, Header: resp.Header, Remote: t.remoteAddress(),
			})
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerOf(x *conversation, resp *http.Response) *Answer {
	return &Answer{Exchange: x.id, URL: x.url, Status: resp.StatusCode, Reason: reason(resp), Proto: resp.Proto, Header: resp.Header}
}

// refused makes a fault of a handshake that failed. After status 101 the body is the connection and must not be read.
func (x *conversation) refused(ctx context.Context, resp *http.Response, err error) (*Answer, error) {
	if resp == nil {
		return nil, x.fail(ctx, err, "101 Switching Protocols")
	}
	a := answerOf(x, resp)
	f := a.Fault(x.subject, UpgradeRefused, "101 Switching Protocols", a.Describe())
	f.Err = err
	if a.Status == http.StatusSwitchingProtocols {
		f.Symptom, f.Got = Malformed, "101, but "+err.Error()
	} else if resp.Body != nil {
		a.Body, _ = io.ReadAll(io.LimitReader(resp.Body, 1024)) // the package has bounded it already
		x.add(ctx, KindBody, Body{Bytes: int64(len(a.Body)), Prefix: string(a.Body)})
	}
	x.close(ctx, Close{Symptom: f.Symptom, Error: err.Error()})
	return a, f
}

// Subprotocol is the one that the server chose, or empty.
func (s *Socket) Subprotocol() string { return s.conn.Subprotocol() }

func (s *Socket) read(ctx context.Context) {
	defer close(s.messages)
	for {
		typ, data, err := s.conn.Read(ctx)
		if err != nil {
			s.end = s.lost(ctx, err)
			return
		}
		binary := typ == websocket.MessageBinary
		s.frame(ctx, Received, binary, data)
		select {
		case s.messages <- Message{Binary: binary, Data: data}:
		case <-s.closing:
		}
	}
}

func (s *Socket) frame(ctx context.Context, d Direction, binary bool, data []byte) {
	f := Frame{Direction: d, Opcode: OpText, Size: len(data), Data: string(data[:min(len(data), maxFrameData+3*maxSecret)])}
	if binary {
		f.Opcode = OpBinary
	}
	s.x.add(ctx, KindFrame, f)
}

// lost closes the exchange when reading ended: in order when we closed the socket, else as SocketLost.
func (s *Socket) lost(ctx context.Context, err error) error {
	c := Close{Code: 1006}
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
	c.Symptom, c.Error = SocketLost, err.Error()
	s.x.close(ctx, c)
	got := "the connection's end without a close frame"
	if c.Code != 1006 {
		got = closed.Error()
	}
	return &Fault{Subject: s.x.subject, URL: s.x.url, Symptom: SocketLost, Want: "an open websocket", Got: got, Exchanges: []ExchangeID{s.x.id}, Err: err}
}

// Read returns the next message. When the socket is gone it returns the *Fault that says how, or io.EOF after Close. When
// ctx ends first, its error is returned and the socket stays open.
func (s *Socket) Read(ctx context.Context) (Message, error) {
	defer s.x.net.cfg.Meter.Begin()()
	select {
	case m, ok := <-s.messages:
		if !ok {
			return Message{}, s.end
		}
		return m, nil
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	}
}

// Write sends one message.
func (s *Socket) Write(ctx context.Context, m Message) error {
	typ := websocket.MessageText
	if m.Binary {
		typ = websocket.MessageBinary
	}
	s.frame(ctx, Sent, m.Binary, m.Data)
	if err := s.conn.Write(ctx, typ, m.Data); err != nil {
		return &Fault{
			Subject: s.x.subject, URL: s.x.url, Symptom: SocketLost, Want: "an open websocket", Got: err.Error(),
			Exchanges: []ExchangeID{s.x.id}, Err: err,
		}
	}
	return nil
}

// Fault returns the fault that this socket proves.
func (s *Socket) Fault(symptom Symptom, want, got string) *Fault {
	return s.Answer.Fault(s.x.subject, symptom, want, got)
}

// Close closes the socket and waits until its reader has gone.
func (s *Socket) Close() {
	s.once.Do(func() {
		close(s.closing)
		// The peer may be gone, or hang: then its half of the closing handshake is not waited for.
		hung := time.AfterFunc(closeWait, func() { _ = s.conn.CloseNow() })
		defer hung.Stop()
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		for range s.messages {
		}
	})
}
