package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
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
	Client  Client // default Raw
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

// Answer is a complete answer. Its body was read up to the call's bound.
type Answer struct {
	Exchange  ExchangeID
	URL       string
	Status    int
	Reason    string // as sent; empty over HTTP/2
	Proto     string
	Header    http.Header
	Body      []byte
	Truncated bool
}

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
	a := &Answer{Exchange: x.id, URL: c.URL, Status: x.resp.StatusCode, Reason: reason(x.resp), Proto: x.resp.Proto, Header: x.resp.Header}
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

// conversation is an exchange of a raw client after its head has come.
type conversation struct {
	net     *Network
	id      ExchangeID
	client  Client
	subject string
	url     string
	resp    *http.Response
}

// send opens an exchange, sends the request and waits for the head of the answer.
func (n *Network) send(ctx context.Context, c Call, typ Type) (*conversation, error) {
	if c.Client == "" {
		c.Client = Raw
	}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Upgrade {
		typ = TypeWebSocket
	}
	x := &conversation{net: n, client: c.Client, subject: c.Subject, url: c.URL}
	x.id = n.cfg.Timeline.Begin(ctx, c.Client, Open{Type: typ, Method: c.Method, URL: c.URL})
	trace, traced := n.newTrace(ctx, c.Client, x.id)
	req, err := n.request(traced, c)
	if err != nil {
		return nil, x.fail(ctx, err, "a URL and headers that can be sent")
	}
	n.cfg.Timeline.Add(ctx, c.Client, x.id, KindRequest, Request{Method: c.Method, URL: c.URL, Header: req.Header, Bytes: int64(len(c.Body))})
	resp, err := n.via(c).RoundTrip(req)
	if err != nil {
		return nil, x.fail(ctx, err, "an answer")
	}
	x.resp = resp
	n.learn(resp.Header)
	n.cfg.Timeline.Add(ctx, c.Client, x.id, KindResponse, Response{
		Status: resp.StatusCode, Reason: reason(resp), Proto: resp.Proto, Header: resp.Header, Remote: trace.remoteAddress(),
	})
	return x, nil
}

func (t *trace) remoteAddress() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remote
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
	return req, nil
}

// canaryKey is 16 bytes in base64, as RFC 6455 section 4.1 wants it; nothing depends on its value.
const canaryKey = "c21va2UtdGVzdC1jYW5hcg=="

// ownHeader adds the headers that the user gave for this target, and only where they belong.
func (n *Network) ownHeader(h http.Header, url string) {
	if n.cfg.Timeline.Places().RoleOf(url) == RoleOther {
		return
	}
	maps.Copy(h, n.cfg.Header)
}

// learn tells the redactor of cookies as soon as they are set.
func (n *Network) learn(h http.Header) {
	for _, line := range h.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			n.cfg.Timeline.Redactor().Learn(c.Value)
		}
	}
}

// reason is the reason phrase as it came, without the number that net/http puts before it.
func reason(resp *http.Response) string {
	_, phrase, _ := strings.Cut(resp.Status, " ")
	return phrase
}

func (x *conversation) readBody(ctx context.Context, c Call, a *Answer) error {
	limit := c.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	plain, err := decoded(x.resp)
	if err == nil {
		a.Body, err = io.ReadAll(io.LimitReader(plain, limit+1))
	}
	if int64(len(a.Body)) > limit {
		a.Body, a.Truncated = a.Body[:limit], true
	}
	x.add(ctx, KindBody, Body{Bytes: int64(len(a.Body)), Prefix: string(a.Body[:min(len(a.Body), maxBodyPrefix+3*maxSecret)]), Truncated: a.Truncated})
	if err != nil {
		return x.fail(ctx, err, "the answer's whole body")
	}
	return nil
}

func (x *conversation) add(ctx context.Context, kind Kind, data any) {
	x.net.cfg.Timeline.Add(ctx, x.client, x.id, kind, data)
}

func (x *conversation) close(ctx context.Context, c Close) {
	x.net.cfg.Timeline.Close(ctx, x.client, x.id, c)
}

// fail closes the exchange and returns the fault that says why.
func (x *conversation) fail(ctx context.Context, err error, want string) *Fault {
	symptom := Classify(ctx, err)
	text := x.net.cfg.Timeline.Redactor().String(shortError(err))
	x.close(ctx, Close{Symptom: symptom, Error: text})
	return &Fault{
		Subject: x.subject, URL: x.url, Symptom: symptom, Want: want, Got: text,
		Exchanges: []ExchangeID{x.id}, Inconclusive: symptom == Cancelled, Err: err,
	}
}

// shortError drops the wrapping that repeats method and URL.
func shortError(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "nothing before the time was over"
	}
	return err.Error()
}

// Fault returns the fault that this answer proves.
func (a *Answer) Fault(subject string, symptom Symptom, want, got string) *Fault {
	return &Fault{Subject: subject, URL: a.URL, Symptom: symptom, Want: want, Got: got, Exchanges: []ExchangeID{a.Exchange}}
}

// Describe says status, reason phrase, content type and server in a few words: "502 Bad Gateway, text/html, from nginx".
func (a *Answer) Describe() string {
	text := fmt.Sprintf("%d %s", a.Status, a.Reason)
	if a.Reason == "" {
		text = fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	}
	if ct := a.Header.Get("Content-Type"); ct != "" {
		text += ", " + ct
	}
	if s := a.Header.Get("Server"); s != "" {
		text += ", from " + s
	}
	return text
}

// Expect returns nil when the answer has the status and a content type of that prefix, else the fault.
func (a *Answer) Expect(subject string, status int, contentType string) error {
	want := fmt.Sprintf("%d %s", status, contentType)
	switch {
	case a.Status != status:
		return a.Fault(subject, Status, want, a.Describe())
	case !strings.HasPrefix(a.Header.Get("Content-Type"), contentType):
		return a.Fault(subject, ContentType, want, a.Describe())
	}
	return nil
}
