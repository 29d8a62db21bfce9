package diagnose

import (
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func moved(code int, to string) answer {
	return answer{status: code, header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html", "Location", to), body: nginxPageOf("301 Moved Permanently")}
}

var _ = known("redirect-loop",
	signature{name: "to https, on https", hop: HopIngress, suspects: []string{"tls-http-redirect-uri"}, make: failsWith("binder-host/page", binderURL+"/", wire.Redirected, moved(308, binderURL+"/"))},
	signature{name: "the hub's API", make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, moved(301, "/hub/api/"))},
)

var _ = known("redirect-elsewhere",
	signature{name: "to www", hop: HopIngress, make: failsWith("binder-host/page", binderURL+"/", wire.Redirected, moved(301, "https://www.example.org/"))},
	signature{name: "a launch", make: failsWith("launch/build", buildURL, wire.Status, moved(302, "https://old.example.net/"))},
)

var _ = known("login-required",
	signature{name: "oauth2-proxy before the page", hop: HopIngress, severity: Inconclusive, make: failsWith("binder-host/page", binderURL+"/", wire.Redirected, moved(302, "https://auth.example.org/oauth2/start?rd=x"))},
	signature{name: "a login before /build", severity: Inconclusive, make: failsWith("launch/build", buildURL, wire.Status, moved(302, "https://login.microsoftonline.com/x/oauth2/authorize"))},
	signature{name: "401 without a word", severity: Inconclusive, make: pageIs(answer{status: 401, body: `{"message":"Unauthorized"}`, header: headers("Content-Type", "application/json")})},
	signature{name: "Caddy's basic auth", severity: Inconclusive, make: pageIs(answer{status: 401, header: headers("Server", "Caddy", "Www-Authenticate", `Basic realm="restricted"`)})},
)

var _ = known("federation-loop", signature{name: "a second 307", hop: HopBinderHub, make: func(h *hand) {
	h.exchange("launch/build", wire.TypeStream, buildURL, moved(307, "https://member.example.org/build/gh/binder-examples/requirements/HEAD"))
	failsWith("launch/build", "https://binder.example.org/build/gh/binder-examples/requirements/HEAD?", wire.Status, moved(307, "https://other.example.org/build/gh/binder-examples/requirements/HEAD"))(h)
}})

// pageOf is a page that came with 200 where something else was expected.
func pageOf(step, url string, symptom wire.Symptom, got string, a answer) func(*hand) {
	return func(h *hand) {
		a.status = 200
		id := h.get(step, url, a)
		h.ends(step, "fail", wire.Fault{Symptom: symptom, Want: "something else", Got: got}, id)
	}
}

var htmlHeader = headers("Server", "nginx/1.22.1", "Content-Type", "text/html; charset=utf-8")

var _ = known("wrong-site",
	signature{name: "nginx's default page", hop: HopIngress, suspects: []string{"default-backend-404", "dns-points-to-old-lb"},
		make: pageOf("binder-host/page", binderURL+"/", wire.Content, `a page of another origin: "Welcome to nginx!"`, answer{header: htmlHeader, body: "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>"})},
	signature{name: "Debian's default page of Apache", make: pageOf("hub-host/api", hubURL+"/hub/api/", wire.ContentType, "200 OK, text/html", answer{header: headers("Content-Type", "text/html"), body: "<title>Apache2 Debian Default Page: It works</title>"})},
	signature{name: "another application", make: pageOf("binder-host/page", binderURL+"/", wire.Content, `a page of another origin: "Grafana"`, answer{header: htmlHeader, body: "<title>Grafana</title>"})},
	signature{name: "a parked domain", make: pageOf("binder-host/page", binderURL+"/", wire.Content, `a page of another origin: "This domain is for sale"`, answer{header: htmlHeader, body: "<title>This domain is for sale</title>"})},
	signature{name: "the hub on the binder host", hop: HopHub, make: pageOf("binder-host/page", binderURL+"/", wire.Content, `a page of another origin: "JupyterHub"`, hubAPI)},
	signature{name: "BinderHub on the hub host", hop: HopBinderHub, make: pageOf("hub-host/api", hubURL+"/hub/api/", wire.ContentType, "200 OK, text/html", binderPage)},
	signature{name: "a front end that catches /build", hop: HopIngress, make: pageOf("launch/build", buildURL, wire.ContentType, "200 OK, text/html", answer{header: htmlHeader, body: "<title>Portal</title>"})},
)

var _ = known("build-not-routed", signature{name: "BinderHub's own page at /build", hop: HopIngress, suspects: []string{"double-or-trailing-slash"},
	make: pageOf("launch/build", buildURL, wire.ContentType, "200 OK, text/html", binderPage)})

const tornado404 = "<html><title>404: Not Found</title><body>404: Not Found</body></html>"

var _ = known("api-only-mode", signature{name: "no page", hop: HopBinderHub, severity: Inconclusive, make: pageIs(answer{status: 404, header: headers("Access-Control-Allow-Headers", "cache-control", "Content-Type", "text/html"), body: tornado404})})

func TestAnAPIOnlyBinderHubSaysHowToTest(t *testing.T) {
	h := byHand(t)
	pageIs(answer{status: 404, header: headers("Access-Control-Allow-Headers", "cache-control"), body: tornado404})(h)
	require.Contains(t, h.one("api-only-mode").Remedy, "SMOKE_UI=off")
}

var _ = known("maintenance-page",
	signature{name: "503", make: pageIs(answer{status: 503, header: headers("Content-Type", "text/html", "Retry-After", "3600"), body: "<h1>We are down for maintenance</h1>"})},
	signature{name: "200", make: pageOf("binder-host/page", binderURL+"/", wire.Content, "a page of another origin", answer{header: htmlHeader, body: "<title>Scheduled maintenance</title>"})},
)

var _ = known("service-route-missing",
	signature{name: "the hub's 404", hop: HopCHP, make: failsWith("binder-host/page", binderURL+"/services/binder/", wire.Status, answer{status: 404, header: headers("X-Jupyterhub-Version", "5.5.4", "Content-Type", "text/html")})},
	signature{name: "the hub's redirect", make: failsWith("binder-host/page", binderURL+"/services/binder/", wire.Redirected, answer{status: 302, header: headers("X-Jupyterhub-Version", "5.5.4", "Location", "/hub/services/binder/")})},
)
