package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const haproxy503 = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"

// nginxSays is nginx's own page.
func nginxSays(code int, text string, after time.Duration) answer {
	return answer{status: code, header: nginxHeader, body: nginxPageOf(text), after: after}
}

func pageIs(a answer) func(*hand) {
	return failsWith("binder-host/page", binderURL+"/", wire.Status, a)
}

const apache502 = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head>
<title>502 Proxy Error</title>
</head><body>
<h1>Proxy Error</h1>
<p>The proxy server received an invalid
response from an upstream server.<br />
The proxy server could not handle the request<p>Reason: <strong>Error reading from remote server</strong></p></p>
</body></html>`

var _ = known("upstream-refused",
	signature{name: "nginx", make: func(h *hand) { h.refusedPage() }, hop: HopIngress, suspects: []string{"selector-overmatch"}},
	signature{name: "caddy", make: pageIs(answer{status: 502, header: headers("Server", "Caddy"), after: 2 * time.Millisecond}), hop: HopIngress},
	signature{name: "nginx, far away", hop: HopIngress, make: pageIs(answer{status: 502, header: nginxHeader, body: nginxPageOf("502 Bad Gateway"),
		after: 300 * time.Millisecond, tls: &wire.TLS{Version: "TLS 1.3", Seconds: wire.Seconds(time.Second)}})},
	signature{name: "nginx, asked by a machine with too much to do", hop: HopIngress, make: func(h *hand) {
		pageIs(nginxSays(502, "502 Bad Gateway", 2*time.Second))(h)
		failsWith("binder-host/health", binderURL+"/health", wire.Status, nginxSays(502, "502 Bad Gateway", 10*time.Millisecond))(h)
	}},
	signature{name: "a proxy without a name", make: pageIs(answer{status: 502, after: time.Millisecond}), hop: HopIngress},
	signature{name: "hub host", make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, nginxSays(502, "502 Bad Gateway", time.Millisecond))},
	signature{name: "envoy says so", hop: HopIngress, make: pageIs(answer{status: 503, header: headers("Server", "envoy", "Content-Type", "text/plain"),
		body: "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: 111"})},
)

var _ = known("upstream-name-unresolved",
	signature{name: "nginx, after resolver_timeout", make: pageIs(nginxSays(502, "502 Bad Gateway", 5*time.Second)), hop: HopIngress, suspects: []string{"stale-upstream-dns"}},
)

var _ = known("upstream-hang",
	signature{name: "nginx", make: pageIs(nginxSays(504, "504 Gateway Time-out", 60*time.Second)), hop: HopIngress},
	signature{name: "apache answers 502", make: pageIs(answer{status: 502, header: headers("Server", "Apache/2.4.71 (Debian)", "Content-Type", "text/html; charset=iso-8859-1"), body: apache502, after: time.Second}), hop: HopIngress},
	signature{name: "over a connection that was there", make: failsWith("binder-host/health", binderURL+"/health", wire.Timeout, answer{kept: true, after: 30 * time.Second, fault: wire.Timeout}), hop: HopIngress},
	signature{name: "our patience ends first", make: failsWith("binder-host/page", binderURL+"/", wire.Timeout, answer{after: 30 * time.Second, fault: wire.Timeout}), hop: HopIngress},
)

var _ = known("no-endpoints-503",
	signature{name: "ingress-nginx", make: pageIs(answer{status: 503, header: headers("Content-Type", "text/html", "Strict-Transport-Security", "max-age=15724800"),
		body: "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"}), hop: HopIngress},
	signature{name: "haproxy", make: pageIs(answer{status: 503, header: headers("Content-Type", "text/html"), body: haproxy503}), hop: HopIngress, suspects: []string{"upstream-refused"}},
	signature{name: "traefik", make: pageIs(answer{status: 503, header: headers("Content-Type", "text/plain; charset=utf-8"), body: "no available server\n"}), hop: HopIngress},
)

var _ = known("default-backend-404",
	signature{name: "nginx", make: pageIs(nginxSays(404, "404 Not Found", 0)), hop: HopIngress, suspects: []string{"dns-points-to-old-lb"}},
	signature{name: "default backend", make: pageIs(answer{status: 404, header: headers("Content-Type", "text/plain; charset=utf-8"), body: "default backend - 404"}), hop: HopIngress},
	signature{name: "traefik", make: pageIs(answer{status: 404, header: headers("Content-Type", "text/plain; charset=utf-8", "X-Content-Type-Options", "nosniff"), body: "404 page not found\n"}), hop: HopIngress},
	signature{name: "caddy's empty 200", make: pageIs(answer{status: 200, header: headers("Server", "Caddy")}), hop: HopIngress},
)

var _ = known("one-of-n-bad",
	signature{name: "alternating", make: func(h *hand) {
		var bad []wire.ExchangeID
		for range 3 {
			h.get("binder-host/repeat", binderURL+"/", binderPage)
			bad = append(bad, h.get("binder-host/repeat", binderURL+"/", nginxSays(502, "502 Bad Gateway", 0)))
		}
		h.fails("binder-host/repeat", wire.Status, "3 of 6 answers were 502", bad...)
	}, hop: HopIngress, suspects: []string{"selector-overmatch"}},
	signature{name: "some connections are reset", make: func(h *hand) {
		h.get("hub-host/repeat", hubURL+"/hub/api/", hubAPI)
		failsWith("hub-host/repeat", hubURL+"/hub/api/", wire.Reset, answer{fault: wire.Reset, err: "connection reset by peer"})(h)
	}},
	signature{name: "the page met the bad one", make: func(h *hand) {
		h.refusedPage()
		h.get("binder-host/repeat", binderURL+"/", binderPage)
	}},
)

func TestAnotherHostsAnswersDoNotMakeOneOfN(t *testing.T) {
	h := byHand(t)
	h.get("hub-host/api", hubURL+"/", hubAPI)
	h.refusedPage()
	h.one("upstream-refused")
}

func TestUnverifiedFingerprintsGiveSuspectsOnly(t *testing.T) {
	h := byHand(t)
	pageIs(answer{status: 503, header: headers("Server", "awselb/2.0", "Content-Type", "text/html"), body: "<html>503 Service Temporarily Unavailable</html>"})(h)
	f := h.one(Unrecognised)
	require.Equal(t, HopLB, f.Hop)
	require.Equal(t, "lb-healthcheck-mismatch", f.Suspects[0])
	require.Contains(t, f.Suspects, "no-endpoints-503")
}

func TestA404OfOnePathIsNotAnUnknownHost(t *testing.T) {
	h := byHand(t)
	h.served()
	failsWith("binder-host/providers", binderURL+"/api/repoproviders", wire.Status, nginxSays(404, "404 Not Found", 0))(h)
	h.one("path-refused")
}

var _ = known(Unrecognised,
	signature{name: "an answer nobody knows", make: pageIs(answer{status: 418, body: "teapot"})},
	signature{name: "no exchange at all", make: func(h *hand) { h.fails("launch/build", wire.Content, "nonsense") }},
)
