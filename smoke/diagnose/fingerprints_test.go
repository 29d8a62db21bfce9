package diagnose

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const (
	nginxOff     = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	apacheOff    = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>503 Service Unavailable</title>\n</head><body>\n<h1>Service Unavailable</h1>\n"
	openShift503 = "<html>\n  <body>\n      <h1>Application is not available</h1>\n      <p>The application is currently not serving requests at this endpoint. It may not have been started or is still starting.</p>"
	varnish503   = "<!DOCTYPE html>\n<html>\n  <head>\n    <title>503 Backend fetch failed</title>\n  </head>\n  <body>\n    <h1>Error 503 Backend fetch failed</h1>\n    <h3>Guru Meditation:</h3>\n    <hr>\n    <p>Varnish cache server</p>\n"
	kongNoRoute  = `{"message":"no Route matched with those values","request_id":"1"}`
)

// answeredBy are answers of products, and who is named: as seen from nginx 1.22.1, HAProxy 2.6.12, Caddy 2.6.2 and httpd 2.4.71
// on loopback, and otherwise read in the vendors' sources.
var answeredBy = []struct {
	name     string
	role     wire.Role
	answer   wire.Response
	body     string
	product  string // empty: nobody known
	hop      Hop
	page     bool
	verified bool
}{
	{"nginx", wire.RoleBinder, wire.Response{Status: 502, Header: nginxHeader}, nginxPageOf("502 Bad Gateway"), "nginx", HopIngress, true, true},
	{"nginx with server_tokens off", wire.RoleBinder, wire.Response{Status: 502, Header: headers("Server", "nginx")}, nginxOff, "nginx", HopIngress, true, true},
	{"nginx over HTTP/2, as a browser writes headers", wire.RoleBinder, wire.Response{Status: 502, Proto: "h2", Header: http.Header{"server": {"nginx/1.27.0"}}}, nginxPageOf("502 Bad Gateway"), "nginx", HopIngress, true, true},
	{"ingress-nginx hides Server", wire.RoleHub, wire.Response{Status: 503, Header: headers("Strict-Transport-Security", "max-age=1")}, nginxOff, "ingress-nginx", HopIngress, true, true},
	{"nginx's own redirect", wire.RoleBinder, wire.Response{Status: 308, Header: nginxHeader}, nginxPageOf("308 Permanent Redirect"), "nginx", HopIngress, true, true},
	{"an application's page through nginx", wire.RoleBinder, wire.Response{Status: 404, Header: nginxHeader}, "<h1>Oops</h1>", "nginx", HopIngress, false, true},
	{"openresty", wire.RoleBinder, wire.Response{Status: 500, Header: headers("Server", "openresty/1.25.3.1")}, "<hr><center>openresty/1.25.3.1</center>", "nginx", HopIngress, true, true},
	{"httpd, Server taken away", wire.RoleBinder, wire.Response{Status: 503, Header: headers("Content-Type", "text/html; charset=iso-8859-1")}, apacheOff, "Apache", HopIngress, true, true},
	{"httpd of Debian, Server taken away", wire.RoleBinder, wire.Response{Status: 403, Header: headers("Content-Type", "text/html; charset=iso-8859-1")}, apache403.body, "Apache", HopIngress, true, true},
	{"HAProxy", wire.RoleHub, wire.Response{Status: 403, Header: headers("Cache-Control", "no-cache")}, haproxy403.body, "HAProxy", HopIngress, true, true},
	{"OpenShift's router", wire.RoleHub, wire.Response{Status: 503, Header: headers("Content-Type", "text/html")}, openShift503, "OpenShift router", HopIngress, true, true},
	{"Caddy", wire.RoleHub, wire.Response{Status: 502, Header: headers("Server", "Caddy")}, "", "Caddy", HopIngress, true, true},
	{"Traefik knows no router", wire.RoleHub, wire.Response{Status: 404, Header: headers("Content-Type", "text/plain; charset=utf-8", "X-Content-Type-Options", "nosniff")}, "404 page not found\n", "Traefik", HopIngress, true, true},
	{"Traefik's allow-list", wire.RoleHub, wire.Response{Status: 403}, "Forbidden", "Traefik", HopIngress, true, true},
	{"CHP's bare 503 is not Traefik's", wire.RoleHub, wire.Response{Status: 503}, "Service Unavailable", "CHP", HopCHP, true, true},
	{"Envoy has no upstream", wire.RoleBinder, wire.Response{Status: 503, Header: headers("Server", "envoy")}, "no healthy upstream", "Envoy", HopIngress, true, true},
	{"Istio denies", wire.RoleBinder, wire.Response{Status: 403, Header: headers("Server", "istio-envoy")}, "RBAC: access denied", "Envoy", HopIngress, true, true},
	{"an application's 403 through Istio", wire.RoleServer, wire.Response{Status: 403, Header: headers("Server", "istio-envoy", "X-Envoy-Upstream-Service-Time", "3", "Content-Type", "application/json")}, `{"message": "Forbidden", "reason": null}`, "Jupyter Server", HopServer, true, true},
	{"Kong, in JSON, on the way to a user server", wire.RoleServer, wire.Response{Status: 404, Header: headers("Content-Type", "application/json; charset=utf-8", "Server", "kong/3.6")}, kongNoRoute, "Kong", HopIngress, true, true},
	{"Varnish", wire.RoleBinder, wire.Response{Status: 503, Header: headers("Retry-After", "5", "Server", "Varnish")}, varnish503, "Varnish", HopEdge, true, true},
	{"an AWS load balancer", wire.RoleBinder, wire.Response{Status: 503, Header: headers("Server", "awselb/2.0")}, "<html>", "AWS load balancer", HopLB, true, false},
	{"Azure's gateway", wire.RoleBinder, wire.Response{Status: 502, Header: headers("Server", "Microsoft-Azure-Application-Gateway/v2")}, "<hr><center>Microsoft-Azure-Application-Gateway/v2</center>", "Azure Application Gateway", HopLB, true, false},
	{"CloudFront", wire.RoleBinder, wire.Response{Status: 403, Header: headers("Server", "CloudFront", "X-Amz-Cf-Id", "x")}, "Generated by cloudfront (CloudFront)", "CloudFront", HopEdge, true, false},
	{"Cloudflare's own status", wire.RoleBinder, wire.Response{Status: 521, Header: headers("Server", "cloudflare", "Cf-Ray", "x")}, "error code: 521", "Cloudflare", HopEdge, true, false},
	{"BinderHub through Cloudflare", wire.RoleBinder, wire.Response{Status: 200, Header: headers("Server", "cloudflare", "Access-Control-Allow-Headers", "cache-control")}, "", "BinderHub", HopBinderHub, true, true},
	{"JupyterHub through HAProxy", wire.RoleHub, wire.Response{Status: 200, Header: headers("X-Jupyterhub-Version", "5.5.4")}, `{"version": "5.5.4"}`, "JupyterHub", HopHub, true, true},
	{"Tornado's bare page of a user server", wire.RoleServer, wire.Response{Status: 403, Header: nginxHeader}, "<html><title>403: Forbidden</title><body>403: Forbidden</body></html>", "Jupyter Server", HopServer, true, true},
	{"a proxy that hides", wire.RoleBinder, wire.Response{Status: 504}, `{"error":"timeout"}`, anonymous, HopIngress, true, true},
	{"nobody known", wire.RoleBinder, wire.Response{Status: 418}, "teapot", "", "", false, false},
}

func TestWhoAnswered(t *testing.T) {
	for _, c := range answeredBy {
		t.Run(c.name, func(t *testing.T) {
			x := &wire.Exchange{ID: 1, Client: wire.Raw, Open: wire.Open{Type: wire.TypeHTTP, Role: c.role, URL: hubURL + "/x"},
				Response: &c.answer, Body: &wire.Body{Bytes: int64(len(c.body)), Prefix: c.body}}
			a, known := Answered(x)
			require.Equal(t, c.product != "", known)
			require.Equal(t, c.product, a.Product)
			require.Equal(t, c.hop, a.Hop)
			require.Equal(t, c.page, a.Page, "its own page")
			require.Equal(t, c.verified, a.Verified)
		})
	}
}

func TestEveryFingerprintIsShown(t *testing.T) {
	seen := map[string]bool{"AWS load balancer": true}
	for _, c := range answeredBy {
		seen[c.product] = true
	}
	for _, f := range fingerprints {
		switch f.Product {
		case "Fastly", "Google Cloud load balancer", "ingress-nginx default backend": // known from public threads, or a word
		default:
			require.True(t, seen[f.Product], "no answer of %s is shown", f.Product)
		}
	}
}
