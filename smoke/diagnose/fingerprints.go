package diagnose

import (
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// fingerprints know products by their own pages. Order matters: the first match wins.
var fingerprints = []Fingerprint{
	{HopEdge, "Cloudflare", "", challenge},
	{HopIngress, "Kong", "source: kong/error_handlers.lua, runloop/handler.lua", kong}, // its JSON looks like a user server's
	{HopCHP, "CHP", "run: CHP 4.6 and 5.3", chpHealth},
	{HopServer, "Jupyter Server", "run: jupyter_server 2.21", userServer},
	{HopHub, "JupyterHub", "run: JupyterHub 5.5 and 6.1", hub},
	{HopBinderHub, "BinderHub", "run: BinderHub b9fad995", binderHub},
	{HopCHP, "CHP", "run: CHP 4.6 and 5.3", chpPage},
	{HopCHP, "CHP", "run: CHP 4.6 and 5.3", chpBare},
	{HopLB, "AWS load balancer", "", aws},
	{HopLB, "Azure Application Gateway", "", azure},
	{HopEdge, "CloudFront", "", cloudFront},
	{HopEdge, "Fastly", "", fastly},
	{HopLB, "Google Cloud load balancer", "", google},
	{HopEdge, "Cloudflare", "", cloudflare},
	{HopIngress, "nginx", "run: nginx 1.22; source: ngx_http_special_response.c", nginxPage},
	{HopIngress, "ingress-nginx", "source: ingress-nginx nginx.tmpl, balancer.lua", ingressNginxPage},
	{HopIngress, "ingress-nginx default backend", "source: ingress-nginx images/custom-error-pages and defaultbackend", defaultBackend},
	{HopIngress, "OpenShift router", "source: openshift/router error-page-503.http", openShift},
	{HopIngress, "HAProxy", "run: HAProxy 2.6; source: src/http.c", haproxy},
	{HopIngress, "Envoy", "source: envoy router.cc, conn_manager_impl.cc", envoy},
	{HopIngress, "Apache", "run: httpd 2.4", apache},
	{HopIngress, "Caddy", "run: Caddy 2.6", caddy},
	{HopEdge, "Varnish", "source: bin/varnishd/builtin.vcl", varnish},
	{HopIngress, "Traefik", "source: traefik pkg/server/service, pkg/proxy, middlewares", traefik},
	{HopIngress, anonymous, "RFC 9110 section 15.6", gateway},
}

// passedBy know a proxy by what it leaves on the answers of others, or on an answer that is nobody's known page.
var passedBy = []Fingerprint{
	{HopEdge, "Cloudflare", "", serverIs("cloudflare")},
	{HopEdge, "CloudFront", "", func(x *wire.Exchange) bool { return header(x, "X-Amz-Cf-Id") != "" }},
	{HopEdge, "Fastly", "", func(x *wire.Exchange) bool { return strings.HasPrefix(header(x, "X-Served-By"), "cache-") }},
	{HopEdge, "Azure Front Door", "", func(x *wire.Exchange) bool { return header(x, "X-Azure-Ref") != "" }},
	{HopLB, "AWS load balancer", "", serverIs("awselb")},
	{HopLB, "Azure Application Gateway", "", serverIs("microsoft-azure-application-gateway")},
	{HopLB, "Google Cloud load balancer", "", func(x *wire.Exchange) bool { return header(x, "Via") == "1.1 google" }},
	{HopIngress, "Envoy", "source: envoy http_connection_manager server_name", func(x *wire.Exchange) bool {
		return serverIs("envoy")(x) || serverIs("istio-envoy")(x) || header(x, "X-Envoy-Upstream-Service-Time") != ""
	}},
	{HopIngress, "Kong", "source: kong/constants.lua", func(x *wire.Exchange) bool { return serverIs("kong")(x) || header(x, "X-Kong-Proxy-Latency") != "" }},
	{HopIngress, "Apache", "run: httpd 2.4", serverIs("apache")},
	{HopIngress, "Caddy", "run: Caddy 2.6", serverIs("caddy")},
	{HopIngress, "nginx", "run: nginx 1.22", func(x *wire.Exchange) bool { return serverIs("nginx")(x) || serverIs("openresty")(x) }},
}

func serverIs(product string) func(*wire.Exchange) bool {
	return func(x *wire.Exchange) bool {
		return strings.HasPrefix(strings.ToLower(header(x, "Server")), product)
	}
}

// challenge is a page that asks for proof of a human. Cloudflare marks it by a header of its own.
func challenge(x *wire.Exchange) bool {
	if strings.EqualFold(header(x, "Cf-Mitigated"), "challenge") {
		return true
	}
	s := status(x)
	return (s == 403 || s == 503) && holds(body(x), "<title>just a moment...", "challenge-platform", "attention required! | cloudflare")
}

// chpHealth is the proxy's answer to its health URL (configproxy.js handleHealthCheck), also to an upgrade that lost its
// headers on the way.
func chpHealth(x *wire.Exchange) bool {
	return status(x) == 200 && strings.HasSuffix(urlOf(x).Path, healthPath) && trimmed(x) == `{"status":"OK"}`
}

// Tornado's refusals of a handshake whose headers a proxy took away (tornado/websocket.py WebSocketHandler.get).
var (
	noUpgrade    = `Can "Upgrade" only to "WebSocket".`
	noConnection = `"Connection" must be "Upgrade".`
	noKey        = `Missing/Invalid WebSocket headers`
)

var serverPolicy = regexp.MustCompile(`report-uri [^;]*/api/security/csp-report`)

// userServer is jupyter_server: its policy reports to itself, its errors have a message and a reason, its pages a title.
// Behind JupyterHub's single-user extension it has the hub's version header too, but no report address of the hub.
func userServer(x *wire.Exchange) bool {
	policy := header(x, "Content-Security-Policy")
	if serverPolicy.MatchString(policy) {
		return true
	}
	if strings.Contains(policy, "/hub/security/csp-report") {
		return false
	}
	b := body(x)
	if holds(b, "<title>Jupyter Server</title>", "<title>JupyterLab</title>", "<title>Jupyter Notebook</title>", `data-base-url="`+serverBase(x)) {
		return x.Open.Role == wire.RoleServer
	}
	if x.Open.Role != wire.RoleServer {
		return false
	}
	isJSON := strings.HasPrefix(strings.TrimSpace(b), `{"message"`) && strings.Contains(header(x, "Content-Type"), "json")
	return isJSON || tornadoPage.MatchString(trimmed(x)) || x.Opened() || tornadoRefusal(x) || serverREST(x) ||
		(header(x, "X-Jupyterhub-Version") != "" && strings.Contains(policy, "frame-ancestors 'none'") && !strings.Contains(policy, "report-uri"))
}

// serverREST is an answer of jupyter_server's REST API: it forbids other sites to sniff, and speaks JSON.
func serverREST(x *wire.Exchange) bool {
	return status(x) < 500 && strings.Contains(header(x, "Content-Type"), "json") && strings.Contains(urlOf(x).Path, "/api") &&
		strings.EqualFold(header(x, "X-Content-Type-Options"), "nosniff")
}

func tornadoRefusal(x *wire.Exchange) bool {
	b := trimmed(x)
	return b == noUpgrade || b == noConnection || b == noKey || b == crossOrigin || (status(x) == 426 && header(x, "Sec-Websocket-Version") != "")
}

// serverBase is the path of a user server, /user/<name>/; what cannot be in a page when the URL has none.
func serverBase(x *wire.Exchange) string {
	p := urlOf(x).Path
	i := strings.Index(p, "/user/")
	if i < 0 {
		return "\x00"
	}
	name, _, _ := strings.Cut(p[i+len("/user/"):], "/")
	return p[:i] + "/user/" + name + "/"
}

// hub is JupyterHub itself: every answer of its handlers has its version.
func hub(x *wire.Exchange) bool {
	if header(x, "X-Jupyterhub-Version") != "" || strings.Contains(header(x, "Content-Security-Policy"), "/hub/security/csp-report") {
		return true
	}
	to := header(x, "Location")
	if status(x) == 302 && (strings.Contains(to, "/hub/user/") || strings.Contains(to, "/hub/services/") || strings.HasSuffix(to, "/hub"+healthPath)) {
		return true
	}
	b := trimmed(x)
	return status(x) == 424 || (strings.HasPrefix(b, `{"status":`) && strings.Contains(b, `"message":`)) || strings.HasPrefix(b, `{"version":`) && x.Open.Role == wire.RoleHub
}

// binderHub is BinderHub's own: each of its handlers allows this one header (binderhub/base.py set_default_headers).
func binderHub(x *wire.Exchange) bool {
	if strings.EqualFold(header(x, "Access-Control-Allow-Headers"), "cache-control") || strings.Contains(body(x), "window.pageConfig") {
		return true
	}
	if x.Open.Role != wire.RoleBinder {
		return false
	}
	b := trimmed(x)
	return (status(x) == 200 && strings.HasPrefix(header(x, "Content-Type"), "text/event-stream")) ||
		strings.HasPrefix(b, `{"ok":`) || strings.HasPrefix(b, `{"builder_info":`) || tornadoPage.MatchString(b)
}

// tornadoPage is Tornado's default error page, which BinderHub in API-only mode shows.
var tornadoPage = regexp.MustCompile(`^<html><title>\d{3}: [^<]*</title><body>\d{3}: [^<]*</body></html>$`)

// chpPage is an error page that CHP shows: the hub's, relayed without the hub's headers, or its built-in one.
func chpPage(x *wire.Exchange) bool {
	s := status(x)
	if s != 503 && s != 404 {
		return false
	}
	b := body(x)
	return holds(b, "configurable-http-proxy", "Proxy Target Missing") ||
		(x.Open.Role != wire.RoleBinder && holds(b, "<title>JupyterHub</title>", "Your server appears to be down"))
}

// chpBare is CHP when its error page fails too: the bare reason as body without a type (configproxy.js handleProxyError),
// or an empty answer to an upgrade, whose status line has no reason.
func chpBare(x *wire.Exchange) bool {
	s := status(x)
	if (s != 503 && s != 404) || x.Open.Role == wire.RoleBinder || header(x, "Content-Type") != "" || x.Client == wire.Browser {
		return false
	}
	b := body(x)
	if b == "Service Unavailable" || b == "Not Found" {
		return true
	}
	return handshake(x) && empty(x) && x.Response.Proto != "HTTP/2.0" && (x.Response.Reason == "" || ownServer(x) == "caddy" || ownServer(x) == "")
}

// ownServer is the Server header's product, in lower case.
func ownServer(x *wire.Exchange) string {
	name, _, _ := strings.Cut(strings.ToLower(header(x, "Server")), "/")
	return name
}
