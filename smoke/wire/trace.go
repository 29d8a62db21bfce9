package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// trace turns what net/http tells of a connection into records of one exchange.
type trace struct {
	step     context.Context // of the step that asked
	ctx      context.Context // step with the trace in it, for the request
	timeline *Timeline
	client   Client
	id       ExchangeID
	secure   bool

	mu     sync.Mutex
	host   string
	dnsAt  time.Time
	tlsAt  time.Time
	dialed map[string]time.Time
	remote string
	phase  phase
	ended  bool
	guard  func() bool
}

// phase is how far a connection has come.
type phase int

const (
	phaseStart phase = iota
	phaseDNS
	phaseTCP
	phaseTLS
	phaseSent // there is a connection, and the answer is waited for
)

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

func (n *Network) newTrace(ctx context.Context, client Client, id ExchangeID, url string) *trace {
	t := &trace{step: ctx, timeline: n.cfg.Timeline, client: client, id: id, dialed: map[string]time.Time{}}
	lowered := strings.ToLower(url)
	t.secure = strings.HasPrefix(lowered, "https:") || strings.HasPrefix(lowered, "wss:")
	t.ctx = httptrace.WithClientTrace(context.WithValue(ctx, traceKey{}, t), &httptrace.ClientTrace{
		GotConn:           t.gotConn,
		DNSStart:          t.dnsStart,
		DNSDone:           t.dnsDone,
		ConnectStart:      t.connectStart,
		ConnectDone:       t.connectDone,
		TLSHandshakeStart: t.tlsStart,
		TLSHandshakeDone:  t.tlsDone,
	})
	return t
}

// end stops the trace: net/http may go on with a connection that nobody waits for any more, and an exchange that has
// closed gets no further records.
func (t *trace) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

func (t *trace) add(kind Kind, data any) {
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	if !ended {
		t.timeline.Add(t.step, t.client, t.id, kind, data)
	}
}

func (t *trace) remoteAddress() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remote
}

// stuck says what was waited for when the step's time was over before the answer began.
func (t *trace) stuck() (Symptom, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.phase {
	case phaseDNS:
		return DNSFailed, "no answer of the resolver before the time was over"
	case phaseTCP:
		return TCPTimeout, "no connection before the time was over"
	case phaseTLS:
		return Timeout, "no end of the TLS handshake before the time was over"
	}
	return Timeout, "nothing before the time was over"
}

// watch closes a new connection when the step's time is over during the TLS handshake: net/http detaches connections that
// it means to keep from the request that asked for them.
func (t *trace) watch(conn net.Conn) {
	if !t.secure {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.guard = context.AfterFunc(t.step, func() { _ = conn.Close() })
}

func (t *trace) unwatch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guard != nil {
		t.guard()
	}
}

// sent notes that there is a connection, and that the answer is waited for.
func (t *trace) sent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase = phaseSent
}

func (t *trace) gotConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remote, t.phase = info.Conn.RemoteAddr().String(), phaseSent
}

func (t *trace) dnsStart(info httptrace.DNSStartInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.host, t.dnsAt, t.phase = info.Host, time.Now(), phaseDNS
}

func (t *trace) dnsDone(info httptrace.DNSDoneInfo) {
	t.mu.Lock()
	d := DNS{Host: t.host, Seconds: Seconds(time.Since(t.dnsAt)), Error: errorText(info.Err)}
	t.mu.Unlock()
	for _, a := range info.Addrs {
		d.Addresses = append(d.Addresses, a.String())
	}
	t.add(KindDNS, d)
}

func (t *trace) connectStart(_, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dialed[address], t.phase = time.Now(), phaseTCP
}

func (t *trace) connectDone(_, address string, err error) {
	t.mu.Lock()
	took := time.Since(t.dialed[address])
	t.mu.Unlock()
	if errors.Is(err, context.Canceled) {
		return // another address was faster, or nobody waits any more: this one was not tried to the end
	}
	t.add(KindTCP, TCP{Address: address, Seconds: Seconds(took), Error: errorText(err)})
}

func (t *trace) tlsStart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tlsAt, t.phase = time.Now(), phaseTLS
}

func (t *trace) tlsDone(state tls.ConnectionState, err error) {
	t.unwatch()
	t.mu.Lock()
	took := time.Since(t.tlsAt)
	t.mu.Unlock()
	certificates := state.PeerCertificates
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		certificates = unverified.UnverifiedCertificates
	}
	record := TLS{ServerName: state.ServerName, ALPN: state.NegotiatedProtocol, Seconds: Seconds(took), Error: errorText(err)}
	if state.Version != 0 {
		record.Version = tls.VersionName(state.Version)
	}
	for _, c := range certificates[:min(len(certificates), maxChain)] {
		record.Certificates = append(record.Certificates, certificate(c))
	}
	t.add(KindTLS, record)
}

// Bounds of what is kept of a server's certificates.
const (
	maxChain = 10
	maxNames = 100 // of one certificate
)

func certificate(c *x509.Certificate) Certificate {
	names := c.DNSNames
	return Certificate{
		Subject:   c.Subject.String(),
		Issuer:    c.Issuer.String(),
		DNSNames:  names[:min(len(names), maxNames)],
		NotBefore: c.NotBefore,
		NotAfter:  c.NotAfter,
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
