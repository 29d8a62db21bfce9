package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// authCauses are of cookies, tokens and OAuth between browser, hub and user server. The special comes first: a loop's last
// answer may look like anything.
var authCauses = []Cause{
	{
		ID: "base-url-mismatch", Title: "Hub and ingress disagree about the base URL", Hop: HopIngress,
		Match: func(v *View) bool { return (loops(v) && prefixes(v) > 1) || mangled(v) },
		Sentence: func(v *View) string {
			if mangled(v) {
				return fmt.Sprintf("JupyterHub redirects %s, which it answers itself where that arrives as it was sent: the ingress %s changes the path on the way, by a prefix or a slash", pathOf(v.X), front(v.X))
			}
			return "Redirects go round between URLs with and without a prefix: JupyterHub's base URL is not the path that the ingress passes on"
		},
		Suspects: []string{"base-url-mismatch", "double-or-trailing-slash", "oauth-loop-singleuser"},
		Mutes:    []string{"proxy-token-mismatch", "assets-404-white-page", "server-not-stopped"},
		Remedy:   "One prefix everywhere: `hub.baseUrl`, the Ingress's path (pathType Prefix, no rewrite: remove `rewrite-target` or the URI part of `proxy_pass`), and BinderHub's `hub_url`.",
	},
	{
		ID: "oauth-state-missing", Title: "The OAuth state cookie got lost", Hop: HopHub,
		Match: func(v *View) bool {
			return (status(v.X) == 400 && strings.HasSuffix(urlOf(v.X).Path, "/oauth_callback")) || holds(body(v.X)+v.Text(), "OAuth state missing", "OAuth state mismatch")
		},
		Sentence: sentence("The login comes back without its state cookie: cookies are dropped, or the login changes the host name on its way"),
		Suspects: []string{"oauth-state-missing", "oauth-loop-singleuser", "tls-http-redirect-uri"},
		Mutes:    []string{"ws-credentials-stripped"}, // whoever could not log in has no cookie for a websocket
		Remedy:   "Use one host name: redirect aliases before the login begins, and let `oauth_callback_url` have it. No proxy may drop or rename cookies (plain nginx `proxy_cookie_*`, `proxy_hide_header Set-Cookie`).",
	},
	{
		ID: "oauth-loop-singleuser", Title: "The login goes round between hub and user server", Hop: HopServer,
		Match: func(v *View) bool { return loops(v) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The login goes round between hub and user server (%d redirects): the cookie that should end it is lost on the way", redirects(v))
		},
		Suspects: []string{"oauth-loop-singleuser", "base-url-mismatch", "oauth-state-missing", "tls-http-redirect-uri"},
		Mutes:    []string{"ws-credentials-stripped"}, // whoever could not log in has no cookie for a websocket
		Remedy:   "Look at the Set-Cookie of `/user/<name>/oauth_callback`: is it there, and are its path and host those of the next request? Remove `proxy_hide_header Set-Cookie` and cookie rewrites; jupyterhub in the image must fit the hub's version.",
	},
	{
		ID: "xsrf-403", Title: "XSRF protection refuses the request", Hop: HopServer,
		Match: func(v *View) bool {
			return status(v.X) == 403 && holds(body(v.X), "'_xsrf' argument missing", "XSRF cookie does not match")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s refuses a request for its missing _xsrf (%s): the cookie or the X-XSRFToken header is dropped on the way", v.who(), quote(trimmed(v.X)))
		},
		Suspects: []string{"xsrf-403", "ws-credentials-stripped"},
		Mutes:    []string{"short-lived-session", "server-not-stopped"},
		Remedy:   "Pass Cookie and X-XSRFToken on (nginx drops headers with underscores, not this one: look for header allow-lists). Since JupyterHub 4.1 extensions and clients must send the header, or a token: update them.",
	},
	{
		ID: "service-scope-403", Title: "The login may not use BinderHub", Hop: HopHub,
		Match: func(v *View) bool {
			return status(v.X) == 403 && strings.HasSuffix(urlOf(v.X).Path, "/api/oauth2/authorize")
		},
		Sentence: sentence("JupyterHub knows the user but does not let it use this service: the role lacks `access:services!service=binder`"),
		Suspects: []string{"service-scope-403"},
		Remedy:   "Give the role `user` the scopes `self` and `access:services!service=binder` (`hub.loadRoles`); since JupyterHub 5 set `Authenticator.allow_all` or `allowed_users`.",
	},
	{
		ID: "host-header-nonlocal-403", Title: "The user server does not accept the Host it gets", Hop: HopIngress,
		Match: func(v *View) bool {
			return (forbidden(v) && openAPI(v.X)) || (handshake(v.X) && status(v.X) == 403 && serverPage(v.X) && header(v.X, "Set-Cookie") == "" && !v.openAPIServed())
		},
		Sentence: sentence("The user server refuses even what needs no login: the Host header that reaches it is not the public one"),
		Ask:      askOpenAPI,
		Suspects: []string{"host-header-nonlocal-403", "ws-origin-403"},
		Remedy:   "Pass the public name on: plain nginx `proxy_set_header Host $http_host;`, Apache `ProxyPreserveHost On`, HAProxy without `http-request set-header Host`, Traefik `passHostHeader: true`, community without `upstream-vhost`, F5 without `nginx.org/proxy-set-headers: Host …`, Caddy without `header_up Host`, Envoy and Istio without `host_rewrite`. Else `ServerApp.allow_remote_access=True`.",
	},
}

// mangled is a redirect of the hub's in place of its version, which it tells at /hub/api/ to everybody: another path arrived
// (jupyterhub/apihandlers/hub.py and handlers/base.py, PrefixRedirectHandler).
func mangled(v *View) bool {
	to := redirectsTo(v.X)
	return strings.HasSuffix(urlOf(v.X).Path, "/hub/api/") && v.Answer.Hop == HopHub && to != "" && !loginPage(to)
}

// forbidden is a 403 of the user server itself.
func forbidden(v *View) bool {
	return status(v.X) == 403 && v.Answer.Hop == HopServer && !handshake(v.X)
}

// openAPI is the one URL of a user server that needs no login: its version.
func openAPI(x *wire.Exchange) bool {
	return strings.HasSuffix(strings.TrimSuffix(urlOf(x).Path, "/"), "/api")
}

// chain is the redirects of the step, as far as they belong to the hub host.
func chain(v *View) []*wire.Exchange {
	var out []*wire.Exchange
	for _, x := range v.All {
		if x.Scenario == v.Scenario && x.Step == v.Step && status(x) >= 300 && status(x) < 400 && host(x.Open.Role) == "hub" && x.Client == v.X.Client {
			out = append(out, x)
		}
	}
	return out
}

func redirects(v *View) int { return len(chain(v)) }

// loops is a chain of redirects that comes to the same place again, or an application that says so itself.
func loops(v *View) bool {
	if holds(body(v.X)+v.Text(), "Redirect loop detected", "ERR_TOO_MANY_REDIRECTS") {
		return true
	}
	if !v.Symptom(wire.Redirected) || redirects(v) < 4 {
		return false
	}
	seen := map[string]int{}
	for _, x := range chain(v) {
		seen[urlOf(x).Path]++
		if seen[urlOf(x).Path] > 1 {
			return true
		}
	}
	return false
}

// prefixes counts the different paths before /hub/ and /user/ in a chain of redirects.
func prefixes(v *View) int {
	seen := map[string]bool{}
	for _, x := range chain(v) {
		for _, raw := range []string{urlOf(x).Path, header(x, "Location")} {
			raw, _, _ = strings.Cut(raw, "?")
			_, raw, found := cutHost(raw)
			if i := strings.Index(raw, "/hub/"); found && i >= 0 {
				seen[raw[:i]] = true
			} else if i := strings.Index(raw, "/user/"); found && i >= 0 {
				seen[raw[:i]] = true
			}
		}
	}
	return len(seen)
}

// cutHost splits a URL or a path before its path.
func cutHost(raw string) (before, path string, found bool) {
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return raw, "", false
		}
		return rest[:i], rest[i:], true
	}
	return "", raw, strings.HasPrefix(raw, "/")
}
