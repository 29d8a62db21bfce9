package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// over is the record of a TLS handshake that agreed on a version of HTTP.
func over(alpn string) *wire.TLS { return &wire.TLS{ServerName: "binder.example.org", ALPN: alpn} }

func losing(symptom wire.Symptom, err string, tls *wire.TLS) answer {
	return answer{fault: symptom, err: err, tls: tls}
}

var _ = known("http2-broken",
	signature{name: "half of the fresh connections", hop: HopIngress, make: func(h *hand) {
		h.get("binder-host/repeat", binderURL+"/versions", binderPage)
		failsWith("binder-host/repeat", binderURL+"/versions", wire.EOF, losing(wire.EOF, "http2: server sent GOAWAY and closed the connection", over("h2")))(h)
	}},
	signature{name: "a protocol error", make: func(h *hand) {
		h.get("hub-host/repeat", hubURL+"/hub/api/", hubAPI)
		failsWith("hub-host/api", hubURL+"/hub/api/", wire.Reset, losing(wire.Reset, "stream error: stream ID 1; PROTOCOL_ERROR", over("h2")))(h)
	}},
)

func TestOneBadConnectionOverHTTP2IsNotHTTP2(t *testing.T) {
	h := byHand(t)
	h.get("binder-host/repeat", binderURL+"/versions", binderPage)
	h.get("binder-host/repeat", binderURL+"/versions", binderPage.with(func(a *answer) { a.tls, a.proto = over("h2"), "HTTP/2.0" }))
	failsWith("binder-host/repeat", binderURL+"/versions", wire.Reset, losing(wire.Reset, "reset", over("h2")))(h)
	h.one("one-of-n-bad")
}

var _ = known("tls-cut",
	signature{name: "nginx that waits for PROXY protocol", hop: HopLB, suspects: []string{"proxy-protocol-mismatch"}, make: tlsIs("binder-host/tls", wire.Reset, "read: connection reset by peer")},
	signature{name: "a load balancer without targets", make: tlsIs("hub-host/tls", wire.EOF, "EOF")},
)

var _ = known("connection-cut",
	signature{name: "every request", hop: HopLB, make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Reset, losing(wire.Reset, "connection reset by peer", nil))},
	signature{name: "nginx return 444", hop: HopLB, make: failsWith("binder-host/page", binderURL+"/", wire.EOF, losing(wire.EOF, "EOF", over("http/1.1")))},
	signature{name: "one path", hop: HopIngress, suspects: []string{"waf-blocked"}, make: func(h *hand) {
		h.served()
		failsWith("server/api", serverURL+"api/contents", wire.EOF, losing(wire.EOF, "EOF", nil))(h)
	}},
)

var _ = known("answer-cut", signature{name: "less than its length", hop: HopIngress, make: func(h *hand) {
	failsWith("binder-host/assets", binderURL+"/static/dist/bundle.js", wire.EOF, binderPage.with(func(a *answer) { a.fault, a.err = wire.EOF, "unexpected EOF" }))(h)
}})

var _ = known("answer-garbled", signature{name: "gzip that is none", hop: HopIngress, make: failsWith("binder-host/page", binderURL+"/", wire.Malformed,
	binderPage.with(func(a *answer) { a.fault, a.err = wire.Malformed, "gzip: invalid header" }))})

var _ = known("not-http", signature{name: "another protocol", hop: HopLB,
	make: failsWith("binder-host/page", "http://binder.example.org/", wire.Malformed, losing(wire.Malformed, `malformed HTTP response "SSH-2.0-OpenSSH_9.2"`, nil))})

// Words of handshakes: Go 1.26 against nginx 1.22, HAProxy 2.6, Caddy 2.6 and httpd 2.4.
var (
	_ = known("plain-http-on-tls-port", signature{name: "nginx without ssl", hop: HopIngress, make: tlsIs("binder-host/tls", wire.TLSFailed, "tls: first record does not look like a TLS handshake")},
		signature{name: "while getting a page", make: tlsIs("binder-host/page", wire.TLSFailed, "http: server gave HTTP response to HTTPS client")})
	_ = known("tls-version-mismatch", signature{name: "nginx with TLS 1.1", hop: HopTLS, make: tlsIs("binder-host/tls", wire.TLSFailed, "remote error: tls: protocol version not supported")})
	_ = known("client-cert-required",
		signature{name: "HAProxy and httpd, TLS 1.3", hop: HopTLS, make: failsWith("binder-host/page", binderURL+"/", wire.TLSFailed, losing(wire.TLSFailed, "remote error: tls: certificate required", over("")))},
		signature{name: "nginx", make: pageIs(answer{status: 400, header: nginxHeader, body: "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>No required SSL certificate was sent</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"})})
	_ = known("tls-refused", signature{name: "Caddy without a certificate", hop: HopTLS, suspects: []string{"tls-fake-cert"}, make: tlsIs("binder-host/tls", wire.TLSFailed, "remote error: tls: internal error")},
		signature{name: "no common cipher, or no name", suspects: []string{"tls-version-mismatch"}, make: tlsIs("hub-host/tls", wire.TLSFailed, "remote error: tls: handshake failure")})
)

func signed(issuer string) wire.Certificate {
	c := goodCert
	c.Issuer = issuer
	return c
}

var _ = known("tls-unknown-authority",
	signature{name: "a private authority, and its leaf alone", hop: HopTLS, make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=Example University Internal CA"))},
	signature{name: "staging", make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=(STAGING) Riddling Rhubarb R12,O=(STAGING) Let's Encrypt"))},
	signature{name: "signed by itself", suspects: []string{"tls-fake-cert"}, make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=binder.example.org"))},
	signature{name: "with a chain that nobody knows", make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=R11,O=Let's Encrypt"), signed("CN=Other"))},
)

func TestAPrivateAuthorityHasNoIntermediateToMiss(t *testing.T) {
	h := byHand(t)
	tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=Example University Internal CA"))(h)
	require.NotContains(t, h.one("tls-unknown-authority").Summary, "intermediate")
	h = byHand(t)
	tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=E5,O=Let's Encrypt,C=US"))(h)
	require.Contains(t, h.one("tls-chain-incomplete").Summary, "without the intermediate of CN=E5")
}

func TestACutUploadIsALimit(t *testing.T) {
	h := byHand(t)
	h.served()
	id := h.tl.BeginAt(at("server/files"), wire.Raw, wire.Open{Type: wire.TypeHTTP, Method: "PUT", URL: serverURL + "api/contents/x.bin"}, h.now)
	h.connect(at("server/files"), id, answer{})
	h.add(at("server/files"), wire.Raw, id, wire.KindRequest, wire.Request{Method: "PUT", Bytes: 5_300_000})
	h.now += time.Second
	h.add(at("server/files"), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.Reset, Error: "connection reset by peer"})
	h.fails("server/files", wire.Reset, "connection reset by peer", id)
	f := h.one("connection-cut")
	require.Equal(t, "save-413", f.Suspects[0])
	require.Contains(t, f.Summary, "5.3 MB")
}
