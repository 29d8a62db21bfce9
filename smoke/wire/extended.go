package wire

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http2"
)

// errNoExtendedConnect says that a server offers no websockets over HTTP/2: browsers then open theirs over HTTP/1.1.
var errNoExtendedConnect = errors.New("the server offers no websockets over HTTP/2 (RFC 8441)")

// ExtendedConnect asks for a websocket over HTTP/2 on a connection of its own, as browsers do where a server's settings
// offer it (RFC 8441 section 5). The answer's status tells whether it would open; it is given up at once. Where the
// server offers none, the *Fault has symptom UpgradeRefused.
func (n *Network) ExtendedConnect(ctx context.Context, h Handshake) (*Answer, error) {
	defer n.cfg.Meter.Begin()()
	x := &conversation{net: n, client: n.client, subject: h.Subject, url: h.URL}
	x.id = n.cfg.Timeline.Begin(ctx, n.client, Open{Type: TypeWebSocket, Method: http.MethodConnect, URL: h.URL})
	x.trace = n.newTrace(ctx, n.client, x.id, h.URL)
	defer x.trace.end()
	err := x.extendedConnect(ctx, h)
	if errors.Is(err, errNoExtendedConnect) {
		x.close(ctx, Close{Symptom: UpgradeRefused, Error: errNoExtendedConnect.Error()})
		return nil, &Fault{
			Subject: x.subject, URL: x.shown(), Symptom: UpgradeRefused, Want: "200 over HTTP/2", Got: errNoExtendedConnect.Error(),
			Exchanges: []ExchangeID{x.id}, Err: errNoExtendedConnect,
		}
	}
	if err != nil {
		return nil, x.fail(ctx, err, "200 over HTTP/2")
	}
	x.close(ctx, Close{})
	return x.answer(), nil
}

// extendedConnect connects, shakes hands and asks.
func (x *conversation) extendedConnect(ctx context.Context, h Handshake) error {
	u, err := url.Parse(h.URL)
	if err != nil {
		return err
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	if u.Scheme != "https" { // without TLS browsers speak no HTTP/2
		return errNoExtendedConnect
	}
	address := authority(u)
	if to, ok := x.net.override(address); ok {
		address = to
	}
	conn, err := x.trace.dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	secured, err := x.trace.handshake(ctx, conn, x.net.tlsConfig(), u.Hostname())
	switch {
	case err != nil:
		return err
	case secured.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS:
		return errNoExtendedConnect
	}
	x.trace.sent()
	session, err := (&http2.Transport{}).NewClientConn(secured)
	if err != nil {
		return err
	}
	resp, err := session.RoundTrip(x.connectRequest(ctx, u, h))
	switch {
	case err != nil && strings.Contains(err.Error(), "extended connect not supported"):
		return errNoExtendedConnect
	case err != nil:
		return err
	}
	x.head(ctx, resp)
	return resp.Body.Close()
}

func (x *conversation) connectRequest(ctx context.Context, u *url.URL, h Handshake) *http.Request {
	header := x.net.handshakeHeader(h)
	header[":protocol"] = []string{"websocket"}
	header.Set("Sec-WebSocket-Version", "13")
	req := (&http.Request{Method: http.MethodConnect, URL: u, Host: u.Host, Header: header}).WithContext(ctx)
	shown := header.Clone()
	delete(shown, ":protocol")
	x.add(ctx, KindRequest, Request{Method: req.Method, URL: x.url, Header: shown})
	return req
}
