package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func tlsIs(step string, symptom wire.Symptom, err string, certs ...wire.Certificate) func(*hand) {
	return failsWith(step, binderURL+"/", symptom, answer{fault: symptom, err: err, tls: &wire.TLS{ServerName: "binder.example.org", Certificates: certs, Error: err}})
}

var (
	day      = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	goodCert = wire.Certificate{Subject: "CN=binder.example.org", Issuer: "CN=R11,O=Let's Encrypt", DNSNames: []string{"binder.example.org"}, NotBefore: day.AddDate(0, -3, 0), NotAfter: day}
	fakeCert = wire.Certificate{Subject: "CN=Kubernetes Ingress Controller Fake Certificate,O=Acme Co", Issuer: "CN=Kubernetes Ingress Controller Fake Certificate,O=Acme Co", DNSNames: []string{"ingress.local"}}
)

var _ = known("tls-fake-cert",
	signature{name: "ingress-nginx, as an unknown authority", make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", fakeCert), hop: HopTLS},
	signature{name: "traefik, as a wrong name", make: tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=TRAEFIK DEFAULT CERT", Issuer: "CN=TRAEFIK DEFAULT CERT"})},
	signature{name: "nginx rejects the handshake", make: tlsIs("binder-host/tls", wire.TLSFailed, "remote error: tls: unrecognized name")},
)

var _ = known("tls-expired-front", signature{name: "expired", hop: HopTLS,
	make: tlsIs("binder-host/tls", wire.TLSExpired, "x509: certificate has expired or is not yet valid: current time 2026-11-22T18:00:00Z is after 2026-03-05T00:00:00Z", goodCert)})

var _ = known("clock-skew", signature{name: "not yet valid", hop: HopClient, severity: Inconclusive,
	make: tlsIs("binder-host/tls", wire.TLSExpired, "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2025-12-05T00:00:00Z", goodCert)})

var _ = known("tls-san-missing-host", signature{name: "other names", hop: HopTLS,
	make: tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=hub.example.org", Issuer: "CN=R11", DNSNames: []string{"hub.example.org"}})})

var _ = known("tls-chain-incomplete", signature{name: "leaf only", make: tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", goodCert), hop: HopTLS})

var _ = known("tls-renewal-broken", signature{name: "days left", hop: HopTLS, severity: Warn, make: func(h *hand) {
	id := h.get("hub-host/tls", hubURL+"/", hubAPI.with(func(a *answer) { a.tls = &wire.TLS{Certificates: []wire.Certificate{goodCert}} }))
	h.ends("hub-host/tls", "pass", wire.Fault{Symptom: wire.TLSExpiring, Got: "10 days: it ends on 2026-03-05"}, id)
}})

var _ = known("tls-http-redirect-uri", signature{name: "redirect to http", hop: HopIngress,
	make: failsWith("binder-host/page", binderURL+"/", wire.Redirected, binderPage.with(func(a *answer) {
		a.status, a.header = 302, headers("Location", "http://binder.example.org/x", "Access-Control-Allow-Headers", "cache-control")
	}))})

var _ = known("no-https-redirect", signature{name: "a page", severity: Warn, hop: HopIngress, make: func(h *hand) {
	id := h.get("binder-host/redirect", "http://binder.example.org/", binderPage)
	h.ends("binder-host/redirect", "pass", wire.Fault{Symptom: wire.Content, Got: "200 OK"}, id)
}})

func TestOneBadAddressOfSeveralPointsToDNS(t *testing.T) {
	h := byHand(t)
	h.exchange("binder-host/tls", wire.TypeConnect, binderURL+"/", answer{tls: &wire.TLS{Certificates: []wire.Certificate{goodCert}}})
	cannotConnect(wire.TCPRefused)(h)
	require.Equal(t, "tcp-refused", h.one("tcp-refused").Cause)
	h = byHand(t)
	h.exchange("binder-host/tls", wire.TypeConnect, binderURL+"/", answer{tls: &wire.TLS{Certificates: []wire.Certificate{goodCert}}, tcp: &wire.TCP{Address: "192.0.2.2:443"}})
	cannotConnect(wire.TCPRefused)(h)
	require.Equal(t, "dns-points-to-old-lb", h.one("tcp-refused").Suspects[0])
}

func lookup(err string) *wire.DNS { return &wire.DNS{Host: "binder.example.org", Error: err} }

var _ = known("dns-not-found", signature{name: "no such host", hop: HopDNS,
	make: failsWith("binder-host/dns", binderURL+"/", wire.DNSNotFound, answer{fault: wire.DNSNotFound, dns: lookup("no such host")})})

var _ = known("no-resolver", signature{name: "nothing resolves", hop: HopClient, severity: Inconclusive,
	make: failsWith("binder-host/dns", binderURL+"/", wire.DNSFailed, answer{fault: wire.DNSFailed, dns: lookup("timeout")})})

var _ = known("dns-failed", signature{name: "the other host resolves", hop: HopDNS, make: func(h *hand) {
	h.get("hub-host/dns", hubURL+"/", hubAPI.with(func(a *answer) { a.dns = &wire.DNS{Host: "hub.example.org", Addresses: []string{"192.0.2.1"}} }))
	failsWith("binder-host/dns", binderURL+"/", wire.DNSFailed, answer{fault: wire.DNSFailed, dns: lookup("server misbehaving")})(h)
}})

func cannotConnect(symptom wire.Symptom) func(*hand) {
	return failsWith("binder-host/tls", binderURL+"/", symptom, answer{fault: symptom, tcp: &wire.TCP{Address: "192.0.2.1:443", Error: string(symptom)}})
}

var _ = known("tcp-refused", signature{name: "refused", make: cannotConnect(wire.TCPRefused), hop: HopLB, suspects: []string{"dns-points-to-old-lb"}})

var _ = known("tcp-timeout",
	signature{name: "no answer", make: cannotConnect(wire.TCPTimeout), hop: HopLB},
	signature{name: "the step's time is over first", make: failsWith("binder-host/tls", binderURL+"/", wire.Timeout, answer{fault: wire.Timeout, tcp: &wire.TCP{Address: "192.0.2.1:443", Error: "context deadline exceeded"}}), hop: HopLB},
)

var _ = known("no-route", signature{name: "unreachable", make: cannotConnect(wire.TCPUnreachable), hop: HopClient, severity: Inconclusive})

// troubleOf is a step that could not test for a reason on our own side.
func troubleOf(step string, symptom wire.Symptom, got string) func(*hand) {
	return func(h *hand) { h.ends(step, "inconclusive", wire.Fault{Symptom: symptom, Got: got}) }
}

var (
	_ = known("cancelled", signature{name: "SIGTERM", make: troubleOf("launch/build", wire.Cancelled, "an interrupt"), hop: HopClient, severity: Inconclusive})
	_ = known("another-run", signature{name: "it has the turn", make: troubleOf("launch/build", wire.Unavailable, "another run (process 4711 since 2026-05-01T03:00:00Z) launches on this target"), hop: HopClient, severity: Inconclusive})
	_ = known("no-browser", signature{name: "none", make: troubleOf("notebook/launch", wire.Unavailable, "no Chrome or Chromium found"), hop: HopClient, severity: Inconclusive})
	_ = known("remote-browser", signature{name: "no trust", make: troubleOf("notebook/launch", wire.ClientFailed, "SMOKE_BROWSER's browser got ERR_CERT_AUTHORITY_INVALID, not SMOKE_CA"), hop: HopClient, severity: Inconclusive})
	_ = known("no-certutil", signature{name: "none", make: troubleOf("notebook/launch", wire.Unavailable, "certutil is not installed"), hop: HopClient, severity: Inconclusive})
	_ = known("no-sandbox", signature{name: "none", make: troubleOf("notebook/launch", wire.Unavailable, "No usable sandbox!"), hop: HopClient, severity: Inconclusive})
	_ = known("suite-failed", signature{name: "the browser", make: troubleOf("notebook/open", wire.ClientFailed, "an error of the browser: context lost"), hop: HopClient, severity: Inconclusive})
	_ = known("suite-failed", signature{name: "a panic", make: troubleOf("kernel/info", wire.ClientFailed, "panic: x"), hop: HopClient, severity: Inconclusive})
	_ = known("browser-crashed", signature{name: "a tab", make: func(h *hand) {
		h.fails("notebook/lab", wire.Crashed, "the tab crashed")
	}, hop: HopClient, severity: Inconclusive})
	_ = known("proxy-variable", signature{name: "proxyconnect", make: failsWith("binder-host/page", binderURL+"/", wire.TCPRefused,
		answer{fault: wire.TCPRefused, err: "proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: connection refused", tcp: &wire.TCP{Address: "127.0.0.1:3128", Error: "refused"}}), hop: HopClient, severity: Inconclusive})
)

func TestACertificateOfTheHubDoesNotMuteTheBinderHost(t *testing.T) {
	h := byHand(t)
	tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", fakeCert)(h)
	h.strippedCanary()
	require.Len(t, h.diagnose(), 2)
}

func TestABrokenIPv6AddressIsNamed(t *testing.T) {
	h := byHand(t)
	h.exchange("binder-host/tls", wire.TypeConnect, binderURL+"/", answer{tls: &wire.TLS{Certificates: []wire.Certificate{goodCert}}})
	failsWith("binder-host/tls", binderURL+"/", wire.TCPTimeout, answer{fault: wire.TCPTimeout, tcp: &wire.TCP{Address: "[2001:db8::1]:443", Error: "timeout"}})(h)
	require.Equal(t, "ipv6-broken", h.one("tcp-timeout").Suspects[0])
}
