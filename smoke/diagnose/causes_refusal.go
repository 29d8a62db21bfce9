package diagnose

import (
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// limitCauses are of limits that something before the applications sets: how often, how much, how long.
var limitCauses = []Cause{
	{
		ID: "edge-rate-limit", Title: "A proxy limits our requests", Severity: Inconclusive,
		Match: func(v *View) bool { return refusedWith(v.X, http.StatusTooManyRequests) },
		Sentence: func(v *View) string {
			text := fmt.Sprintf("%s refuses our requests with %s: what is behind it was not tested", v.gate(), say(status(v.X)))
			if after := header(v.X, "Retry-After"); after != "" {
				text += fmt.Sprintf(" (try again after %s s)", after)
			}
			return text
		},
		Suspects: []string{"edge-rate-limit", "rate-limit-self", "bot-challenge"},
		Remedy: "Run less often, lower SMOKE_REPEAT, or let the suite's address through. A browser loads Lab by more than a hundred requests, so a limit below that breaks it for people too: community `nginx.ingress.kubernetes.io/limit-rps`, `limit-connections`, `limit-whitelist`; F5 `nginx.org/limit-req-rate`; plain nginx `limit_req … burst=200 nodelay;`; " +
			"Traefik `rateLimit` with `average` and `burst`; HAProxy `stick-table` rules; Envoy local rate limit; a CDN's rule.",
	},
	{
		ID: "header-limit", Title: "Long headers or URLs are refused",
		At: func(v *View) Hop {
			if v.Answer.Hop == "" && header(v.X, "Date") == "" && empty(v.X) {
				return HopCHP // Node's own answer
			}
			return v.hop()
		},
		Match: func(v *View) bool {
			s := status(v.X)
			return s == http.StatusRequestHeaderFieldsTooLarge || s == http.StatusRequestURITooLong || s == 494 ||
				(s == http.StatusBadRequest && holds(body(v.X), "Request Header Or Cookie Too Large", "Size of a request header field exceeds", "Request header or cookie too large"))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s refuses a request for the length of its headers or URL (%s): cookies of several servers and logins add up, and then users are locked out until they clear them", v.who(), say(status(v.X)))
		},
		Suspects: []string{"header-limit", "encoded-char-rejected"},
		Remedy: "F5 nginx-ingress: ConfigMap `http-snippets: \"large_client_header_buffers 4 32k;\"`; community ConfigMap `large-client-header-buffers: \"4 32k\"`; plain nginx `large_client_header_buffers 4 32k;`; HAProxy `tune.bufsize 65536`; Apache `LimitRequestFieldSize 32768`, `LimitRequestLine 32768`; Envoy `max_request_headers_kb`; " +
			"CHP by `NODE_OPTIONS=--max-http-header-size=65536` (z2jh `proxy.chp.extraEnv`). Then ask who sets so many cookies.",
	},
	{
		ID: "request-timeout", Title: "A proxy does not wait for our request", Hop: HopIngress,
		Match: func(v *View) bool { return refusedWith(v.X, http.StatusRequestTimeout) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s gives up on a request of %s while it is sent (%s, after %s)", v.gate(), sayBytes(requested(v.X)), say(status(v.X)), sayTime(took(v.X)))
		},
		Suspects: []string{"request-timeout", "upload-timeout-502", "save-413"},
		Remedy: "F5 and plain nginx `client_body_timeout 120s; client_header_timeout 60s;` (F5 ConfigMap `server-snippets`), community ConfigMap `client-body-timeout: \"120\"`, HAProxy `timeout http-request 60s` and `timeout client 600s`, Apache `RequestReadTimeout body=0`, " +
			"Traefik `entryPoints.<name>.transport.respondingTimeouts.readTimeout: 600s`. Or the runner's own line is slow.",
	},
}

// refusalCauses are of requests that something before the applications turned away. They come last: the special have had
// their turn.
var refusalCauses = []Cause{
	{
		ID: "upstream-wants-tls", Title: "Plain HTTP is sent to a TLS port", Hop: HopIngress,
		Match: func(v *View) bool {
			return holds(body(v.X), "The plain HTTP request was sent to HTTPS port", "Client sent an HTTP request to an HTTPS server", "speaking plain HTTP to an SSL-enabled server port") || status(v.X) == 497
		},
		Sentence: func(v *View) string {
			if urlOf(v.X).Scheme == "http" {
				return fmt.Sprintf("The URL of the %s begins with http:// and its port wants TLS: the target's URL should begin with https://", hostOf(v))
			}
			return fmt.Sprintf("The ingress %s speaks plain HTTP to an upstream that wants TLS", front(v.X))
		},
		Suspects: []string{"upstream-wants-tls", "tls-http-redirect-uri"},
		Remedy: "Say that the upstream speaks TLS: F5 `nginx.org/ssl-services: \"<service>\"`, community `nginx.ingress.kubernetes.io/backend-protocol: HTTPS`, plain nginx `proxy_pass https://…`, Traefik `traefik.ingress.kubernetes.io/service.serversscheme: https`, HAProxy `server … ssl`, Apache `SSLProxyEngine on` and `ProxyPass / https://…`; " +
			"or send to its plain port: BinderHub 8585 and CHP 8000 speak none. A target's own URL: SMOKE_BINDER, SMOKE_HUB with https://.",
	},
	{
		ID: "ingress-error", Title: "The ingress itself fails",
		Match: func(v *View) bool {
			return v.Answer.proxy() && v.Answer.Product != anonymous && (status(v.X) == 500 || status(v.X) == 501 || status(v.X) == 505 || status(v.X) == 507)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s answers %s by itself, without asking the %s: its own configuration or disk is at fault", v.gate(), say(status(v.X)), behind(v.X))
		},
		Suspects: []string{"ingress-error", "login-required", "upstream-name-unresolved"},
		Remedy: "Its log has the reason: `kubectl logs -n <controller's namespace> <pod> | grep -iE 'error|crit|emerg'`. Community: the service behind `auth-url` does not answer, a snippet or Lua plugin fails, a rewrite goes round. F5: an `auth_request` in a snippet, a policy that names what does not exist. " +
			"Any nginx: no room or no right to write to `client_body_temp` (bodies above `client_body_buffer_size`, so only uploads fail). Traefik: a plugin that does not load. Apache: a `ProxyPass` to a name that does not resolve.",
	},
	{
		ID: "path-refused", Title: "The ingress refuses some requests and passes others",
		Match: pathRefused,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.sameServed(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			what := pathOf(v.X)
			if x, ok := v.sameServed(); ok {
				what = fmt.Sprintf("the method %s on %s, and passes %s", method(v.X), what, method(x))
			} else if m := method(v.X); m != http.MethodGet {
				what = m + " " + what
			}
			return fmt.Sprintf("%s answers %s by itself to %s, while it passes other requests: not all paths or methods lead to the %s", v.gate(), say(status(v.X)), what, behind(v.X))
		},
		Suspects: []string{"path-refused", "waf-blocked", "default-backend-404", "encoded-char-rejected"},
		Likelier: func(v *View) []string {
			switch {
			case encoded(v.X.Open.URL):
				return []string{"encoded-char-rejected"}
			case status(v.X) == http.StatusForbidden || status(v.X) == http.StatusNotAcceptable:
				return []string{"waf-blocked"}
			}
			return nil
		},
		Remedy: "One Ingress path `/` with `pathType: Prefix` for the whole host, and no second Ingress, `location` or router that takes a part of it (`kubectl get ingress -A | grep <host>`). Plain nginx and snippets: `location ~ …{ deny all; return 403; }`, `limit_except`; HAProxy `http-request deny if { path_beg … }` or `{ method PUT }`; Traefik a router's rule with `Path()` for `PathPrefix()`; " +
			"Apache `<Location>`, `<Limit>`; Istio AuthorizationPolicy. A firewall: community `enable-modsecurity: \"false\"`, F5 `appprotect.f5.com/app-protect-enable: \"False\"`, for `/user/` at least. JupyterHub needs GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS on all paths.",
		Mutes: []string{"assets-404-white-page"},
	},
	{
		ID: "address-blocked", Title: "The host does not let our address in", Severity: Inconclusive,
		Match: func(v *View) bool {
			return refusedWith(v.X, http.StatusForbidden, http.StatusUnavailableForLegalReasons) && !handshake(v.X)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s answers every request with %s before any application: an allow-list of addresses, a firewall or a country block keeps this runner out, or everybody", v.gate(), say(status(v.X)))
		},
		Suspects: []string{"address-blocked", "datacenter-ip-ban", "waf-blocked", "ws-mesh-not-enabled"},
		Remedy: "Try from a user's network. If it is refused there too, the list is wrong, or sees a load balancer's address in place of the visitor's: community `nginx.ingress.kubernetes.io/whitelist-source-range` and `use-forwarded-headers`, F5 an AccessControl policy and `set-real-ip-from`, plain nginx `allow`/`deny`, Traefik `ipAllowList` and `ipStrategy.depth`, HAProxy `http-request deny unless { src … }`, Istio AuthorizationPolicy, a WAF's rule. " +
			"If only the runner is kept out, add its address.",
	},
	{
		ID: "ingress-refuses", Title: "The ingress refuses every request",
		Match: func(v *View) bool {
			return refusedWith(v.X, 400, 405, 406, 410, 411, 415, 417, 421, 425, 426) && !handshake(v.X)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s answers %s to a plain request, before any application: it does not take what reaches it for a request to this host", v.gate(), say(status(v.X)))
		},
		Suspects: []string{"ingress-refuses", "proxy-protocol-mismatch", "header-limit", "default-backend-404"},
		Remedy:   "Is PROXY protocol on at one end only (load balancer, and F5 `proxy-protocol`, community `use-proxy-protocol`)? Does something before it change Host (421: a kept HTTP/2 connection or SNI for another host, HAProxy and Apache answer so)? Azure Front Door and CloudFront answer 400 and 403 to a host name they were not given. Then its access log: what did arrive?",
	},
}

// pathRefused is a refusal by something before the applications, while they answer on the same host.
func pathRefused(v *View) bool {
	s := status(v.X)
	if unclaimed(v.X) && v.servedHere() {
		return true
	}
	if handshake(v.X) || s < 400 || s >= 500 || s == http.StatusUnauthorized || s == http.StatusProxyAuthRequired || !v.servedHere() {
		return false
	}
	return refusedWith(v.X, s)
}

// maintained tells whether a page says that the site is closed for now. Proxies' own pages use the word too.
func maintained(v *View) bool {
	words := strings.ToLower(body(v.X))
	return silentHop(v.X) && !v.Answer.proxy() && (status(v.X) == 503 || status(v.X) == 200) && html(v.X) && strings.Contains(words, "maintenance")
}
