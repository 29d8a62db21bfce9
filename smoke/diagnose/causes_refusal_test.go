package diagnose

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// Answers of proxies, as seen from nginx 1.22, HAProxy 2.6, Caddy 2.6 and httpd 2.4, and read in Traefik's and Envoy's source.
var (
	haproxy403 = answer{status: 403, header: headers("Cache-Control", "no-cache", "Content-Type", "text/html"), body: "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"}
	haproxy429 = answer{status: 429, header: headers("Cache-Control", "no-cache", "Content-Type", "text/html"), body: "<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests in a given amount of time.\n</body></html>\n"}
	traefik403 = answer{status: 403, header: headers("Content-Type", "text/plain; charset=utf-8"), body: "Forbidden"}
	apache403  = answer{status: 403, header: headers("Content-Type", "text/html; charset=iso-8859-1"), body: "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>403 Forbidden</title>\n</head><body>\n<h1>Forbidden</h1>\n<p>You don't have permission to access this resource.</p>\n</body></html>\n"}
	envoy403   = answer{status: 403, header: headers("Server", "istio-envoy", "Content-Type", "text/plain"), body: "RBAC: access denied"}
	caddy403   = answer{status: 403, header: headers("Server", "Caddy")}
)

var _ = known("edge-rate-limit",
	signature{name: "haproxy", make: pageIs(haproxy429), hop: HopIngress, severity: Inconclusive, suspects: []string{"rate-limit-self"}},
	signature{name: "traefik", make: pageIs(answer{status: 429, header: headers("Retry-After", "1", "X-Retry-In", "1s"), body: "Too Many Requests"}), hop: HopIngress, severity: Inconclusive},
	signature{name: "nginx, on a file of the page", severity: Inconclusive, make: assetIs("binder-host/assets", binderURL+"/static/dist/bundle.js", "The script of BinderHub's page", wire.Status, nginxSays(429, "429 Too Many Requests", 0))},
)

var _ = known("header-limit",
	signature{name: "nginx 400", hop: HopIngress, make: failsWith("server/lab", serverURL+"lab", wire.Status, answer{status: 400, header: nginxHeader,
		body: "<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>Request Header Or Cookie Too Large</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"})},
	signature{name: "apache 400", make: pageIs(answer{status: 400, header: headers("Server", "Apache/2.4.71 (Debian)", "Content-Type", "text/html; charset=iso-8859-1"), body: "Size of a request header field exceeds server limit."})},
	signature{name: "CHP 431", hop: HopCHP, make: failsWith("server/login", serverURL, wire.Status, answer{status: 431})},
	signature{name: "nginx 414", hop: HopIngress, make: failsWith("server/login", serverURL, wire.Status, nginxSays(414, "414 Request-URI Too Large", 0))},
)

var _ = known("request-timeout", signature{name: "haproxy", hop: HopIngress, make: func(h *hand) {
	h.served()
	failsWith("server/files", serverURL+"api/contents/x.bin", wire.Status, answer{status: 408, method: http.MethodPut, header: headers("Content-Type", "text/html"),
		body: "<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>\n"})(h)
}})

var _ = known("upstream-wants-tls",
	signature{name: "an upstream of Go", hop: HopIngress, make: pageIs(answer{status: 400, header: headers("Server", "nginx/1.22.1", "Content-Type", "text/plain"), body: "Client sent an HTTP request to an HTTPS server.\n"})},
	signature{name: "the target's own URL", make: failsWith("binder-host/page", "http://binder.example.org:443/", wire.Status, answer{status: 400, header: nginxHeader, body: "<center>The plain HTTP request was sent to HTTPS port</center>\r\n<hr><center>nginx/1.22.1</center>"})},
)

var _ = known("ingress-error",
	signature{name: "nginx, auth_request fails", make: pageIs(nginxSays(500, "500 Internal Server Error", 0)), hop: HopIngress},
	signature{name: "haproxy", hop: HopIngress, make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, answer{status: 500, header: headers("Content-Type", "text/html"), body: "<html><body><h1>500 Internal Server Error</h1>\nAn internal server error occurred.\n</body></html>\n"})},
)

// besideServed is a request that is turned away on a deployment that serves others.
func besideServed(step, url, method string, a answer) func(*hand) {
	return func(h *hand) {
		h.served()
		a.method = method
		failsWith(step, url, wire.Status, a)(h)
	}
}

var _ = known("path-refused",
	signature{name: "nginx denies a path of the user server", hop: HopIngress, suspects: []string{"waf-blocked"}, make: besideServed("server/api", serverURL+"api/contents?content=0", "", nginxSays(403, "403 Forbidden", 0))},
	signature{name: "nginx knows no such path", hop: HopIngress, suspects: []string{"default-backend-404"}, make: besideServed("kernel/start", serverURL+"api/kernels", "POST", nginxSays(404, "404 Not Found", 0))},
	signature{name: "traefik", make: besideServed("server/lab", serverURL+"lab", "", traefik403)},
	signature{name: "haproxy denies a method", make: besideServed("server/files", serverURL+"api/contents/x", "PUT", haproxy403)},
	signature{name: "apache", make: besideServed("hub-host/api", hubURL+"/hub/api/", "", apache403)},
	signature{name: "caddy", make: besideServed("binder-host/providers", binderURL+"/api/repoproviders", "", caddy403)},
	signature{name: "istio", make: besideServed("terminal/open", serverURL+"api/terminals", "POST", envoy403)},
	signature{name: "a page of nobody's", make: besideServed("kernel/start", serverURL+"api/kernelspecs", "", answer{status: 405, header: headers("Content-Type", "text/html"), body: "<h1>Nope</h1>"}), hop: HopIngress},
	signature{name: "the API on the hub host", make: besideServed("hub-host/api", hubURL+"/hub/api/", "", nginxSays(405, "405 Not Allowed", 0))},
)

func TestARefusedMethodIsNamed(t *testing.T) {
	h := byHand(t)
	h.get("server/api", serverURL+"api/contents", serverAPI)
	besideServed("server/files", serverURL+"api/contents", http.MethodPut, haproxy403)(h)
	require.Contains(t, h.one("path-refused").Summary, "the method PUT on /user/…/api/contents, and passes GET")
}

var _ = known("address-blocked",
	signature{name: "nginx", make: pageIs(nginxSays(403, "403 Forbidden", 0)), hop: HopIngress, severity: Inconclusive, suspects: []string{"datacenter-ip-ban"}},
	signature{name: "istio", make: pageIs(envoy403), hop: HopIngress, severity: Inconclusive},
	signature{name: "a page of nobody's", make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, answer{status: 403, body: `{"error":"denied"}`, header: headers("Content-Type", "application/json")}), severity: Inconclusive},
)

var _ = known("ingress-refuses",
	signature{name: "nginx with PROXY protocol before it", hop: HopIngress, suspects: []string{"proxy-protocol-mismatch"}, make: pageIs(nginxSays(400, "400 Bad Request", 0))},
	signature{name: "a host that is not theirs", hop: HopIngress, make: pageIs(answer{status: 421, header: headers("Content-Type", "text/html"), body: "<html><body><h1>421 Misdirected Request</h1>\nRequest sent to a non-authoritative server.\n</body></html>\n"})},
)

func TestARefusalSaysWhoOnlyOfItsOwnPage(t *testing.T) {
	h := byHand(t)
	pageIs(answer{status: 403, header: nginxHeader, body: "go away"})(h)
	require.Contains(t, h.one("address-blocked").Summary, "Something in front of the binder host")
	h = byHand(t)
	pageIs(nginxSays(403, "403 Forbidden", 0))(h)
	require.Contains(t, h.one("address-blocked").Summary, "nginx/1.22.1 in front of the binder host")
}

var _ = known("cdn-origin-lost",
	signature{name: "521", make: pageIs(answer{status: 521, header: headers("Server", "cloudflare", "Cf-Ray", "8a-FRA"), body: "error code: 521"}), hop: HopLB, suspects: []string{"tcp-refused"}},
	signature{name: "526", make: pageIs(answer{status: 526, header: headers("Server", "cloudflare", "Cf-Ray", "8a-FRA")}), hop: HopTLS, suspects: []string{"tls-expired-front"}},
	signature{name: "524", make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, answer{status: 524, header: headers("Server", "cloudflare", "Cf-Ray", "8a-FRA")}), hop: HopIngress, suspects: []string{"upstream-hang"}},
)

func TestA502OfACDNNamesNoUpstream(t *testing.T) {
	h := byHand(t)
	pageIs(answer{status: 502, header: headers("Server", "cloudflare", "Cf-Ray", "8a-FRA"), body: "error code: 502"})(h)
	f := h.one(Unrecognised)
	require.Equal(t, HopEdge, f.Hop)
	require.Contains(t, f.Suspects, "upstream-refused")
}
