package wire

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
)

// Call is one HTTP request.
type Call struct {
	// Subject begins the sentence when the call fails: "BinderHub's page".
	Subject string
	Method  string // default GET
	URL     string
	Header  http.Header
	Body    []byte
	MaxBody int64  // bytes of the answer that are read, default 8 MiB
	Client  Client // default the network's own, Raw unless As was called
	// Fresh asks for a connection of its own: "" uses kept ones.
	Fresh Fresh
	// Upgrade makes the call a websocket handshake in the eyes of every proxy. Its answer is expected to be no upgrade.
	Upgrade bool
}

// Fresh tells whether a call has a connection of its own.
type Fresh string

// The kinds of fresh connections.
const (
	FreshHTTP1 Fresh = "http/1.1" // a new connection that offers HTTP/1.1 only
	FreshHTTP2 Fresh = "h2"       // a new connection that offers HTTP/2 too
)

const defaultMaxBody = 8 << 20

// Do sends a call and reads its answer. It follows no redirect. Every HTTP status is an answer; an error is a *Fault and
// tells that no complete answer came.
func (n *Network) Do(ctx context.Context, c Call) (*Answer, error) {
	defer n.cfg.Meter.Begin()()
	x, err := n.send(ctx, c, TypeHTTP)
	if err != nil {
		return nil, err
	}
	defer x.resp.Body.Close()
	a := x.answer()
	if a.Status == http.StatusSwitchingProtocols {
		x.close(ctx, Close{})
		return a, nil
	}
	if err := x.readBody(ctx, c, a); err != nil {
		return nil, err
	}
	x.close(ctx, Close{})
	return a, nil
}

// send opens an exchange, sends the request and waits for the head of the answer.
func (n *Network) send(ctx context.Context, c Call, typ Type) (*conversation, error) {
	if c.Client == "" {
		c.Client = n.client
	}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Upgrade {
		typ = TypeWebSocket
	}
	x := &conversation{net: n, client: c.Client, subject: c.Subject, url: c.URL}
	x.id = n.cfg.Timeline.Begin(ctx, c.Client, Open{Type: typ, Method: c.Method, URL: c.URL})
	x.trace = n.newTrace(ctx, c.Client, x.id, c.URL)
	defer x.trace.end()
	req, err := n.request(x.trace.ctx, c)
	if err != nil {
		return nil, x.fail(ctx, err, "a URL and headers that can be sent")
	}
	n.cfg.Timeline.Add(ctx, c.Client, x.id, KindRequest, Request{Method: c.Method, URL: c.URL, Header: req.Header, Bytes: int64(len(c.Body))})
	resp, err := n.via(c).RoundTrip(req)
	if err != nil {
		return nil, x.fail(ctx, err, "an answer")
	}
	x.head(ctx, resp)
	return x, nil
}

func (n *Network) via(c Call) *http.Transport {
	switch {
	case c.Upgrade || c.Fresh == FreshHTTP1:
		return n.fresh
	case c.Fresh == FreshHTTP2:
		return n.fresh2
	}
	return n.pooled
}

func (n *Network) request(ctx context.Context, c Call) (*http.Request, error) {
	var body io.Reader
	if c.Body != nil {
		body = bytes.NewReader(c.Body)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", n.cfg.UserAgent)
	req.Header.Set("Accept-Encoding", acceptEncoding)
	n.ownHeader(req.Header, c.URL)
	maps.Copy(req.Header, c.Header)
	if c.Upgrade {
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", canaryKey)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host // net/http takes it from here and passes over the header
	}
	return req, nil
}

// canaryKey is 16 bytes in base64, as RFC 6455 section 4.1 wants it; nothing depends on its value.
const canaryKey = "c21va2UtdGVzdC1jYW5hcg=="

// ownHeader adds the headers that the user gave for this target, and only where they belong.
func (n *Network) ownHeader(h http.Header, url string) {
	if !n.cfg.Timeline.Places().Own(url) {
		return
	}
	maps.Copy(h, n.cfg.Header)
}
