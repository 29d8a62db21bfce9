package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// socketKind tells which of the user server's websockets one is.
type socketKind string

// The kinds that matter: without them no person can work. Others are recorded and never fail anything.
const (
	kernelSocket socketKind = "kernel"
	eventsSocket socketKind = "events"
	otherSocket  socketKind = ""
)

// socket is one websocket, from its creation to its close.
type socket struct {
	exchange wire.ExchangeID
	url      string
	kind     socketKind
	visit    int
	v1       bool // kernelProtocol was agreed on
	opened   bool
	openedAt time.Duration
	ending   bool // Chromium has said so, and the page's account is waited for
	endedAt  time.Duration
	closed   bool
}

var kernelPath = regexp.MustCompile(`/api/kernels/[^/]+/channels$`)

// kindOf tells the kind of a websocket from its URL. Third parties' never matter.
func (r *recorder) kindOf(raw string) socketKind {
	u, err := url.Parse(raw)
	switch {
	case err != nil || r.tl.Places().RoleOf(raw) == wire.RoleOther:
		return otherSocket
	case kernelPath.MatchString(u.Path):
		return kernelSocket
	case strings.HasSuffix(u.Path, "/api/events/subscribe"):
		return eventsSocket
	}
	return otherSocket
}

func (r *recorder) socketCreated(e event, ev *network.EventWebSocketCreated) {
	if len(r.sockets) >= maxOpen {
		return
	}
	r.learn(ev.URL)
	s := &socket{url: ev.URL, kind: r.kindOf(ev.URL), visit: r.shown}
	s.exchange = r.tl.BeginAt(e.ctx, wire.Browser, wire.Open{
		Type: wire.TypeWebSocket, Method: "GET", URL: ev.URL, Resource: string(network.ResourceTypeWebSocket),
	}, e.at)
	r.sockets[ev.RequestID] = s
}

func (r *recorder) socketHandshake(e event, ev *network.EventWebSocketWillSendHandshakeRequest) {
	s := r.sockets[ev.RequestID]
	if s == nil {
		return
	}
	r.clock.anchor(ev.WallTime, ev.Timestamp)
	header := headerOf(ev.Request.Headers)
	r.learnHeader(header)
	r.add(e, s.exchange, wire.KindRequest, wire.Request{Method: "GET", URL: s.url, Header: header}, r.clock.of(ev.Timestamp, e.at))
}

// socketAnswered takes the answer to a handshake that succeeded: 101, or 200 over HTTP/2 (RFC 8441). Of one that did not,
// Chromium tells by an error only.
func (r *recorder) socketAnswered(e event, ev *network.EventWebSocketHandshakeResponseReceived) {
	s := r.sockets[ev.RequestID]
	if s == nil {
		return
	}
	at := r.clock.of(ev.Timestamp, e.at)
	header := headerOf(ev.Response.Headers)
	r.learnHeader(header)
	status := int(ev.Response.Status)
	res := wire.Response{Status: status, Reason: ev.Response.StatusText, Header: header, Proto: "http/1.1"}
	if status == 200 {
		res.Proto = "h2"
	}
	r.add(e, s.exchange, wire.KindResponse, res, at)
	if status != 101 && status != 200 {
		r.socketRefused(e, s, status, "", at)
		return
	}
	s.opened, s.openedAt = true, at
	s.v1 = header.Get("Sec-Websocket-Protocol") == kernelProtocol
}

// refusal finds the status of a refused handshake, of which Chromium tells nothing else.
var refusal = regexp.MustCompile(`Unexpected response code: (\d+)`)

func (r *recorder) socketError(e event, ev *network.EventWebSocketFrameError) {
	s := r.sockets[ev.RequestID]
	if s == nil || s.closed {
		return
	}
	at := r.clock.of(ev.Timestamp, e.at)
	text := ev.ErrorMessage
	if m := refusal.FindStringSubmatch(text); m != nil {
		status, _ := strconv.Atoi(m[1])
		r.answerSeen(e, s, status, at)
		r.socketRefused(e, s, status, text, at)
		return
	}
	switch symptom := socketSymptom(text); {
	case strings.Contains(text, "HTTP Authentication failed"):
		r.answerSeen(e, s, 401, at)
		r.socketRefused(e, s, 401, text, at)
	case allowedSocket(text):
		r.closeSocket(e, s, wire.Close{Error: text}, at)
	default:
		r.socketBroken(e, s, symptom, text, at)
	}
}

func (r *recorder) answerSeen(e event, s *socket, status int, at time.Duration) {
	r.add(e, s.exchange, wire.KindResponse, wire.Response{Status: status}, at)
}

// socketSymptom maps the text of an error that is not a refusal by status.
func socketSymptom(text string) wire.Symptom {
	switch {
	case strings.Contains(text, "net::"):
		return symptomOf(text)
	case strings.Contains(text, "Connection closed before receiving a handshake response"):
		return wire.EOF
	case strings.Contains(text, "but no response was received"):
		return wire.SubprotocolLost
	}
	return wire.Malformed
}

// socketRefused ends a socket whose handshake was answered otherwise than it should, and with it the wait under way.
func (r *recorder) socketRefused(e event, s *socket, status int, text string, at time.Duration) {
	r.closeSocket(e, s, wire.Close{Symptom: wire.UpgradeRefused, Error: text}, at)
	r.raiseSocket(s, wire.UpgradeRefused, fmt.Sprintf("%d", status))
}

// socketBroken ends a socket that failed on the way.
func (r *recorder) socketBroken(e event, s *socket, symptom wire.Symptom, text string, at time.Duration) {
	r.closeSocket(e, s, wire.Close{Symptom: symptom, Error: text}, at)
	r.raiseSocket(s, symptom, text)
}

func (r *recorder) raiseSocket(s *socket, symptom wire.Symptom, got string) {
	if s.kind == otherSocket || s.visit != r.visit {
		return
	}
	if r.failureLocked() == nil {
		r.broken = s
	}
	want := "101 Switching Protocols"
	if s.opened {
		want = "to stay open"
	}
	r.raise(&wire.Fault{
		Subject: "The browser's " + string(s.kind) + " websocket", URL: s.url, Symptom: symptom,
		Want: want, Got: got, Exchanges: []wire.ExchangeID{s.exchange},
	})
}

func (r *recorder) closeSocket(e event, s *socket, c wire.Close, at time.Duration) {
	s.closed = true
	r.add(e, s.exchange, wire.KindClose, c, at)
}

// pageReplaced ends the sockets of the page before this one: Chromium does not tell of their end.
func (r *recorder) pageReplaced(e event) {
	for id, s := range r.sockets {
		if !s.closed {
			r.closeSocket(e, s, wire.Close{Error: "the page was left"}, e.at)
		}
		delete(r.sockets, id)
	}
}

// end closes what is still open when the browser is closed.
func (r *recorder) end(e event) {
	r.pageReplaced(e)
	for id, q := range r.requests {
		r.finish(e, id, q, wire.Close{Error: "the browser was closed"}, e.at)
	}
}

func (r *recorder) socketFrame(e event, id network.RequestID, ts cdp.MonotonicTime, d wire.Direction, f *network.WebSocketFrame) {
	s := r.sockets[id]
	if s == nil || f == nil {
		return
	}
	at := r.clock.of(ts, e.at)
	op := wire.Opcode(f.Opcode)
	r.add(e, s.exchange, wire.KindFrame, wire.Frame{Direction: d, Opcode: op, Size: len(f.PayloadData), Data: string(f.PayloadData)}, at)
	if s.kind != kernelSocket || s.visit != r.visit {
		return
	}
	if m, err := parseMessage(op, f.PayloadData, s.v1); err == nil {
		r.kernelMessage(s, d, m, at)
	}
}

// socketsOpen tells whether every websocket of this visit that matters is open, and of those that are not, which are
// waiting for their handshake's answer. Call with mu held.
func (r *recorder) socketsOpen() (waiting []*socket) {
	for _, s := range r.sockets {
		if s.kind != otherSocket && s.visit == r.visit && !s.opened && !s.closed {
			waiting = append(waiting, s)
		}
	}
	return waiting
}
