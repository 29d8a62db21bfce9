package diagnose

import (
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// nginxFooter ends nginx's own pages; with server_tokens off, and in ingress-nginx, the version is missing.
var nginxFooter = regexp.MustCompile(`<hr><center>(nginx|openresty)(/[^<]*)?</center>`)

// nginxPage is a page of nginx itself (ngx_http_special_response.c). The F5 controller shows the same; it leaves
// server_tokens on, so its pages have the version.
func nginxPage(x *wire.Exchange) bool {
	return status(x) >= 400 && nginxFooter.MatchString(body(x)) && !ingressNginxPage(x)
}

// ingressNginxPage is the community controller's: it removes Server from all answers (nginx.tmpl, more_clear_headers).
func ingressNginxPage(x *wire.Exchange) bool {
	return status(x) >= 400 && strings.Contains(body(x), "<hr><center>nginx</center>") && header(x, "Server") == ""
}

func defaultBackend(x *wire.Exchange) bool {
	return status(x) == 404 && trimmed(x) == "default backend - 404"
}

// traefik is Traefik's: Go's http.NotFound, and bare status texts (pkg/proxy and pkg/server/service in its source).
func traefik(x *wire.Exchange) bool {
	if ownServer(x) != "" {
		return false
	}
	switch b := trimmed(x); status(x) {
	case 404:
		return b == "404 page not found" && header(x, "X-Content-Type-Options") == "nosniff"
	case 503:
		return b == "no available server"
	case 502:
		return b == "Bad Gateway"
	case 504:
		return b == "Gateway Timeout"
	}
	return false
}

// haproxyPage is the shape of HAProxy's built-in pages (src/http.c http_err_msgs); it sends no Server header, but one from
// behind it is never on these.
var haproxyPage = regexp.MustCompile(`^<html><body><h1>\d{3} [A-Z][^<]*</h1>\s`)

func haproxy(x *wire.Exchange) bool {
	return status(x) >= 400 && haproxyPage.MatchString(body(x)) && !strings.Contains(body(x), "<hr>")
}

// envoy is Envoy, also inside Istio: the router's own words, or an empty local reply, such as the 403 to an upgrade that
// the route does not allow (conn_manager_impl.cc, UpgradeFailed).
func envoy(x *wire.Exchange) bool {
	if holds(body(x), "upstream connect error or disconnect/reset before headers", "no healthy upstream", "upstream request timeout") {
		return true
	}
	return status(x) >= 400 && strings.Contains(header(x, "Server"), "envoy") && header(x, "X-Envoy-Upstream-Service-Time") == "" && empty(x)
}

// apache is httpd: its pages are HTML 4.01 or 2.0 documents in iso-8859-1.
func apache(x *wire.Exchange) bool {
	return status(x) >= 400 && (strings.Contains(body(x), `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">`) ||
		(ownServer(x) == "apache" && strings.Contains(header(x, "Content-Type"), "iso-8859-1")))
}

// caddy answers errors with a bare status.
func caddy(x *wire.Exchange) bool {
	return status(x) >= 400 && ownServer(x) == "caddy" && empty(x)
}

// aws is an AWS load balancer's own page, from its documentation only.
func aws(x *wire.Exchange) bool {
	return status(x) >= 400 && (strings.HasPrefix(header(x, "Server"), "awselb") || strings.Contains(body(x), "<hr><center>awselb"))
}

// google is Google's load balancer, from public threads only.
func google(x *wire.Exchange) bool {
	return status(x) >= 400 && (holds(body(x), "response 404 (backend NotFound)", "The server encountered a temporary error and could not complete your request") ||
		(strings.Contains(header(x, "Via"), "google") && holds(body(x), "<title>502 Server Error</title>")))
}

// cloudflare is an error that Cloudflare made itself: its own range of statuses, which no origin sends.
func cloudflare(x *wire.Exchange) bool {
	s := status(x)
	return s >= 520 && s <= 530 && (header(x, "Cf-Ray") != "" || serverIs("cloudflare")(x))
}

// anonymous is the product of a proxy that does not tell its name.
const anonymous = "a proxy"

// gateway is a proxy that does not tell its name. Only a gateway may answer 502 or 504 (RFC 9110 section 15.6), and none
// of the applications is one.
func gateway(x *wire.Exchange) bool {
	s := status(x)
	return s == 502 || s == 504
}
