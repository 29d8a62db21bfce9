package diagnose

import (
	"fmt"
	"net/url"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// redirectCauses are of redirects that lead nowhere, or elsewhere.
var redirectCauses = []Cause{
	{
		ID: "redirect-loop", Title: "The host redirects to itself", Hop: HopIngress,
		Match: func(v *View) bool { return toItself(v.X) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s redirects %s to the same URL (%s): no visitor gets in. What ends TLS in front does not say so, and the ingress sends everybody to https again", hostOf(v), pathOf(v.X), say(status(v.X)))
		},
		Suspects: []string{"redirect-loop", "tls-http-redirect-uri", "no-https-redirect"},
		Remedy: "Behind a TLS load balancer or CDN: community ConfigMap `use-forwarded-headers: \"true\"` or annotation `nginx.ingress.kubernetes.io/ssl-redirect: \"false\"`, F5 `nginx.org/redirect-to-https: \"True\"` in place of `ingress.kubernetes.io/ssl-redirect`, Traefik `forwardedHeaders.trustedIPs`, plain nginx `if ($http_x_forwarded_proto = http)`, Apache `RewriteCond %{HTTP:X-Forwarded-Proto} !https`. " +
			"Cloudflare: SSL mode Full and not Flexible. AWS: the target group's port must not be the one that redirects.",
	},
	{
		ID: "federation-loop", Title: "The federation hands the launch on and on", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return launchStream(v.X) && strings.Contains(redirectsTo(v.X), "/build/") && v.handedOn()
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The federation hands the launch to %s, which hands it on again to %s: a member takes itself for the redirector, or is sent away as unhealthy", authority(v.X), hostIn(redirectsTo(v.X)))
		},
		Suspects: []string{"federation-loop", "redirect-loop", "dns-points-to-old-lb"},
		Remedy:   "Does the member's host name lead to the member and not to the redirector (`dig +short <member>`; mybinder.org-deploy `federationRedirect.hosts`)? `/active_hosts` of the redirector says whom it takes for healthy. To test a member by itself, set SMOKE_BINDER to its own URL.",
	},
	{
		ID: "redirect-elsewhere", Title: "The host sends its visitors elsewhere", Hop: HopIngress,
		Match: func(v *View) bool {
			to := redirectsTo(v.X)
			return v.Symptom(wire.Redirected, wire.Status, wire.ContentType) && to != "" && hostIn(to) != "" && !strings.EqualFold(hostIn(to), urlOf(v.X).Hostname()) && !v.Answer.application()
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s redirects %s to another host, %s (%s)", hostOf(v), pathOf(v.X), hostIn(redirectsTo(v.X)), say(status(v.X)))
		},
		Suspects: []string{"redirect-elsewhere", "no-https-redirect", "dns-points-to-old-lb", "default-backend-404"},
		Remedy: "If the deployment has moved, set SMOKE_BINDER or SMOKE_HUB to where it is now. Else look for the redirect: community `permanent-redirect`, `from-to-www-redirect`, `app-root`; F5 `nginx.org/rewrites` and snippets; Traefik `redirectRegex`; plain nginx `return 301`, `server_name` and the default server; HAProxy `http-request redirect`; a CDN's page rule; " +
			"a parking page of the registrar.",
	},
}

// toItself tells whether an exchange is redirected to its own URL.
func toItself(x *wire.Exchange) bool {
	to, err := url.Parse(redirectsTo(x))
	at := urlOf(x)
	if err != nil || to.Host == "" || header(x, "Set-Cookie") != "" {
		return false // with a cookie the second visit may be another matter
	}
	return to.Scheme == at.Scheme && strings.EqualFold(to.Hostname(), at.Hostname()) && to.EscapedPath() == at.EscapedPath() && to.RawQuery == at.RawQuery
}

func hostIn(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// handedOn tells whether the launch came here by a redirect already.
func (v *View) handedOn() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool {
		return x.Scenario == v.Scenario && launchStream(x) && redirectsTo(x) != "" && x.Open.At <= v.X.Open.At
	})
	return ok
}

// siteCauses are of hosts that answer in order, and are not what they should be.
var siteCauses = []Cause{
	{
		ID: "api-only-mode", Title: "This BinderHub has no pages", Hop: HopBinderHub, Severity: Inconclusive,
		Match: func(v *View) bool {
			return v.Answer.Product == "BinderHub" && status(v.X) == 404 && tornadoPage.MatchString(trimmed(v.X)) && host(v.Role()) == "binder" && !launchStream(v.X)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub answers 404 to %s: it runs in API-only mode and has no pages, so nothing was launched", pathOf(v.X))
		},
		Suspects: []string{"api-only-mode", "base-url-mismatch", "version-drift"},
		Remedy:   "If that is meant, tell the suite: SMOKE_UI=off (`ui: off` in smoke.yaml). If people should see a page: `BinderHub.enable_api_only_mode: false` (binderhub-service's chart has it on by default; before 2023 `require_build_only`).",
	},
	{
		ID: "maintenance-page", Title: "The site is closed for maintenance",
		Match: maintained,
		Sentence: func(v *View) string {
			text := fmt.Sprintf("The %s shows a maintenance page in place of the application (%s)", hostOf(v), say(status(v.X)))
			if after := header(v.X, "Retry-After"); after != "" {
				text += ", to be tried again after " + after + " s"
			}
			return text
		},
		Suspects: []string{"maintenance-page", "wrong-site"},
		Remedy:   "Is the maintenance over, and was the switch forgotten? Community `custom-http-errors` and `default-backend`, F5 `nginx.org/server-snippets` or an ErrorPage of a VirtualServer, Traefik `errors` middleware, HAProxy `errorfile 503`, plain nginx `error_page 503`, a CDN's page. An `errorfile` for 503 also shows when no upstream is there: `kubectl get endpointslices`.",
	},
	{
		ID: "build-not-routed", Title: "The launch URL leads to BinderHub's page", Hop: HopIngress,
		Match: func(v *View) bool {
			return launchStream(v.X) && status(v.X) == 200 && html(v.X) && v.Answer.Product == "BinderHub"
		},
		Sentence: sentence("BinderHub answers its launch URL with its own page, not with an event stream: the path that reaches it is another one, so it takes it for a page's"),
		Suspects: []string{"double-or-trailing-slash", "base-url-mismatch", "encoded-char-rejected", "build-not-routed"},
		Remedy: "Compare what arrives (BinderHub's log, `kubectl logs deploy/binder | grep build`) with what was asked: a rewrite (`rewrite-target`, `nginx.org/rewrites`, Traefik `stripPrefix` or `replacePath`, the URI part of `proxy_pass`), a doubled slash from a base URL with and without its end, or `BinderHub.base_url` that is not the Ingress's path. " +
			"SMOKE_BINDER must have the same path.",
	},
	{
		ID: "service-route-missing", Title: "JupyterHub has no route to its service BinderHub", Hop: HopCHP,
		Match: func(v *View) bool {
			return host(v.Role()) == "binder" && strings.Contains(urlOf(v.X).Path, "/services/") && (v.Answer.Hop == HopHub || v.Answer.Hop == HopCHP) && !v.Symptom(wire.PhaseFailed)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("JupyterHub answers %s in place of its service BinderHub (%s): its proxy has no route there, or nothing answers behind the route", pathOf(v.X), say(status(v.X)))
		},
		Suspects: []string{"service-route-missing", "base-url-mismatch", "proxy-token-mismatch", "upstream-refused"},
		Remedy:   "`hub.services.binder.url` must be set, and be BinderHub's address inside the cluster (`http://binder`); a service without `url` gets no route. Then `kubectl logs deploy/hub | grep -i service`, and whether BinderHub's pod is ready and its `base_url` is `/services/binder/`.",
	},
	{
		ID: "wrong-site", Title: "Another site answers",
		Match: wrongSite,
		Sentence: func(v *View) string {
			switch {
			case v.Answer.application():
				return fmt.Sprintf("%s answers on the %s, where %s should: the ingress sends this host to the wrong service", v.who(), hostOf(v), expected(v))
			case defaultPage(v.X) != "":
				return fmt.Sprintf("%s on the %s: a web server's default page, and no deployment behind it", defaultPage(v.X), hostOf(v))
			case launchStream(v.X):
				return fmt.Sprintf("A page that is not BinderHub's answers its launch URL (%s): something in front takes /build/ for its own", firstOf(short(v.Fault.Got), say(status(v.X))))
			}
			return fmt.Sprintf("Another site than %s answers on the %s: %s", expected(v), hostOf(v), firstOf(short(v.Fault.Got), say(status(v.X))))
		},
		Suspects: []string{"wrong-site", "default-backend-404", "dns-points-to-old-lb", "base-url-mismatch"},
		Likelier: func(v *View) []string {
			if defaultPage(v.X) != "" {
				return []string{"default-backend-404", "dns-points-to-old-lb"}
			}
			return nil
		},
		Remedy: "`dig +short <host>` against `kubectl get svc -A | grep LoadBalancer`: is it this cluster? Then `kubectl get ingress -A | grep <host>`: one Ingress for the host, with the service that is meant (`binder` for BinderHub, `proxy-public` for JupyterHub), its `ingressClassName` of the running controller. Plain nginx and Apache: `server_name` or ServerName of the site, or the default site takes it (`rm sites-enabled/default`). " +
			"Caddy and HAProxy: the site's address, the order of `use_backend`. A registrar's parking page or a captive portal: DNS, the runner's network.",
	},
}

// wrongSite is a complete answer that is not of the application whose place it is.
func wrongSite(v *View) bool {
	if v.X.Client == wire.Browser || handshake(v.X) || v.X.Response == nil || v.Warning() || v.Fault.Inconclusive {
		return false
	}
	switch role := v.X.Open.Role; {
	case v.Answer.application():
		return strange(role, v.Answer.Hop) && v.Symptom(wire.Content, wire.ContentType, wire.Status)
	case status(v.X) != 200:
		return false
	case launchStream(v.X):
		return v.Symptom(wire.ContentType) && html(v.X)
	}
	return v.Symptom(wire.Content, wire.ContentType) && html(v.X) && v.In("binder-host/page", "binder-host/health", "binder-host/providers", "hub-host/api", "launch/route", "launch/build")
}

// strange tells whether an application answered in another one's place. The hub answers in the place of CHP and of user
// servers when they are not there; JupyterHub's own BinderHub service is on the hub's host.
func strange(role wire.Role, answered Hop) bool {
	switch role {
	case wire.RoleBinder:
		return answered == HopServer || answered == HopHub || answered == HopCHP
	case wire.RoleHub, wire.RoleServer:
		return answered == HopBinderHub
	}
	return false
}

func expected(v *View) string {
	switch v.X.Open.Role {
	case wire.RoleHub:
		return "JupyterHub"
	case wire.RoleServer:
		return "the user server"
	}
	return "BinderHub"
}

// defaultPages are the pages that web servers come with.
var defaultPages = map[string]string{
	"<title>Welcome to nginx!</title>":           "nginx greets its visitors",
	"Apache2 Debian Default Page":                "Apache greets its visitors",
	"Apache2 Ubuntu Default Page":                "Apache greets its visitors",
	"<h1>It works!</h1>":                         "Apache greets its visitors",
	"<title>Caddy works!</title>":                "Caddy greets its visitors",
	"<title>IIS Windows Server</title>":          "IIS greets its visitors",
	"Test Page for the HTTP Server on":           "Apache greets its visitors",
	"Welcome to OpenResty!":                      "OpenResty greets its visitors",
	"<title>HTTP Server Test Page powered by":    "Apache greets its visitors",
	"<title>Test Page for the Nginx HTTP Server": "nginx greets its visitors",
}

// defaultPage says whose default page an answer is; empty when it is none.
func defaultPage(x *wire.Exchange) string {
	for words, says := range defaultPages {
		if strings.Contains(body(x), words) {
			return says
		}
	}
	return ""
}
