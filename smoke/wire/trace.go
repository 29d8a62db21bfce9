package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptrace"
	"sync"
	"time"
)

// trace turns what net/http tells of a connection into records of one exchange.
type trace struct {
	ctx      context.Context
	timeline *Timeline
	client   Client
	id       ExchangeID

	mu     sync.Mutex
	host   string
	dnsAt  time.Time
	tlsAt  time.Time
	dialed map[string]time.Time
	remote string
	tlsErr error
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

func (n *Network) newTrace(ctx context.Context, client Client, id ExchangeID) (*trace, context.Context) {
	t := &trace{ctx: ctx, timeline: n.cfg.Timeline, client: client, id: id, dialed: map[string]time.Time{}}
	ctx = context.WithValue(ctx, traceKey{}, t)
	return t, httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:           t.gotConn,
		DNSStart:          t.dnsStart,
		DNSDone:           t.dnsDone,
		ConnectStart:      t.connectStart,
		ConnectDone:       t.connectDone,
		TLSHandshakeStart: t.tlsStart,
		TLSHandshakeDone:  t.tlsDone,
	})
}

func (t *trace) add(kind Kind, data any) { t.timeline.Add(t.ctx, t.client, t.id, kind, data) }

func (t *trace) gotConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remote = info.Conn.RemoteAddr().String()
}

func (t *trace) dnsStart(info httptrace.DNSStartInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.host, t.dnsAt = info.Host, time.Now()
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
	t.dialed[address] = time.Now()
}

func (t *trace) connectDone(_, address string, err error) {
	t.mu.Lock()
	took := time.Since(t.dialed[address])
	t.mu.Unlock()
	t.add(KindTCP, TCP{Address: address, Seconds: Seconds(took), Error: errorText(err)})
}

func (t *trace) tlsStart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tlsAt = time.Now()
}

func (t *trace) tlsDone(state tls.ConnectionState, err error) {
	t.mu.Lock()
	took := time.Since(t.tlsAt)
	t.tlsErr = err
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
	for _, c := range certificates {
		record.Certificates = append(record.Certificates, certificate(c))
	}
	t.add(KindTLS, record)
}

// maxNames bounds how many of a certificate's names are kept.
const maxNames = 100

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
