package diagnose

import (
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// edgeCauses are of what stands before the ingress, or in it, and turns the suite away before any application sees it.
var edgeCauses = []Cause{
	{
		ID: "waf-blocked", Title: "A firewall takes what users write for an attack",
		Match: firewalled,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.Other(v.savedBefore); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s refuses to save a file with %s because of what stands in it, and passed a harmless one of the same kind: a web application firewall takes users' code for an attack", v.who(), front(v.X), say(status(v.X)))
		},
		Suspects: []string{"waf-blocked", "bot-challenge"},
		Remedy: "Switch its rules off for the hub host, or at least for `/user/`: community ingress-nginx `nginx.ingress.kubernetes.io/enable-modsecurity: \"false\"`, F5 `appprotect.f5.com/app-protect-enable: \"False\"`, plain nginx `modsecurity off;` in the location, " +
			"Cloudflare a WAF rule with action Skip, AWS WAF a rule that counts. Notebooks hold SQL, HTML and shell commands: no rule can tell them from an attack.",
	},
	{
		ID: "bot-challenge", Title: "A bot challenge stands in the way", Hop: HopEdge, Severity: Inconclusive,
		Match: func(v *View) bool { return challenge(v.X) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("A bot challenge in front of the %s stops the suite (%s): nothing behind it was tested", hostOf(v), say(status(v.X)))
		},
		Suspects: []string{"bot-challenge", "datacenter-ip-ban"},
		Remedy:   "Let the suite's User-Agent or address pass the challenge (Cloudflare: a WAF rule with action Skip), or send a secret header by SMOKE_HEADERS_FILE that the rule lets through.",
		Mutes:    []string{"login-required", "ws-handshake-refused"},
	},
	{
		ID: "credential-refused", Title: "The suite's credential is refused", Severity: Inconclusive,
		Match: refusesCredential,
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s refuses the credential that the suite was given (%s)", v.who(), firstOf(v.Fault.Got, say(status(v.X))))
		},
		Suspects: []string{"credential-refused", "login-required", "ws-credentials-stripped", "service-scope-403"},
		Remedy:   "Give the suite one that is valid: tokens and passwords expire and are revoked. A JupyterHub token needs the scope `access:services!service=binder` and `self`. If `curl` with the same credential works past the ingress, the ingress drops Authorization. `credentials.must_work: on` makes this a failure.",
		Mutes:    []string{"login-required", "ws-handshake-refused"},
	},
	{
		ID: "login-required", Title: "The host wants credentials that the suite does not have", Severity: Inconclusive,
		Match: wantsLogin,
		Sentence: func(v *View) string {
			who := v.who()
			if !v.Answer.application() {
				who += " " + front(v.X)
			}
			return fmt.Sprintf("%s wants a login that the suite does not have (%s)", who, firstOf(v.Fault.Got, say(status(v.X))))
		},
		Suspects: []string{"login-required"},
		Remedy: "BinderHub with `auth_enabled`: give the suite a JupyterHub token by SMOKE_TOKEN_FILE. Basic auth at the ingress: an Authorization header by SMOKE_HEADERS_FILE. If nobody should have to log in here: community `auth-url`, `auth-signin`, `auth-type`; F5 `nginx.org/basic-auth-secret`, an OIDC policy; Traefik `basicAuth`, `forwardAuth`; plain nginx `auth_basic`, `auth_request`; HAProxy `http-request auth`; Apache `AuthType`, `Require`. " +
			"`/build`, `/versions`, `/health` and ACME's path must stay open where pages do.",
	},
	{
		ID: "cdn-origin-lost", Title: "The CDN cannot reach the cluster",
		At: func(v *View) Hop {
			switch status(v.X) {
			case 525, 526:
				return HopTLS
			case 520, 524:
				return HopIngress
			case 530:
				return HopDNS
			}
			return HopLB
		},
		Match: func(v *View) bool { return originStatus(v.X) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("Cloudflare answers %d on the %s: %s", status(v.X), hostOf(v), firstOf(originWords[status(v.X)], "it gets no good answer from the cluster"))
		},
		Suspects: []string{"cdn-origin-lost", "tcp-refused", "tcp-timeout", "upstream-hang", "dns-points-to-old-lb", "tls-fake-cert"},
		Likelier: func(v *View) []string {
			switch status(v.X) {
			case 521:
				return []string{"tcp-refused", "dns-points-to-old-lb"}
			case 522, 523:
				return []string{"tcp-timeout", "dns-points-to-old-lb"}
			case 524:
				return []string{"upstream-hang"}
			case 525, 526:
				return []string{"tls-fake-cert", "tls-expired-front", "tls-san-missing-host"}
			case 530:
				return []string{"dns-not-found"}
			}
			return nil
		},
		Remedy: "Test past the CDN: SMOKE_RESOLVE='<host>:443=<the load balancer's address>'. The DNS record in Cloudflare must hold the load balancer of now (521 to 523, 530); its security group must let Cloudflare's addresses in; 525 and 526: a certificate of the origin that is valid for the host, or SSL mode Full without (strict); " +
			"524: an answer that takes more than 100 s; 520: headers above 32 kB or an answer that is none.",
	},
	{
		ID: "no-https-redirect", Title: "http:// does not lead to https://", Hop: HopIngress,
		Match: func(v *View) bool {
			return v.In("*/redirect") && v.Symptom(wire.Content, wire.Redirected)
		},
		Sentence: func(v *View) string {
			if v.Fault.Symptom == wire.Redirected {
				return fmt.Sprintf("Visitors of the %s who come by http:// are sent to the wrong place (%s)", hostOf(v), v.Fault.Got)
			}
			return fmt.Sprintf("Visitors of the %s who come by http:// are not sent to https:// (%s)", hostOf(v), v.Fault.Got)
		},
		Suspects: []string{"no-https-redirect", "default-backend-404"},
		Likelier: func(v *View) []string {
			if v.Fault.Symptom == wire.Redirected {
				return []string{"tls-http-redirect-uri", "dns-points-to-old-lb"}
			}
			return nil
		},
		Remedy: "F5 nginx-ingress: `nginx.org/redirect-to-https: \"true\"`; community ingress-nginx: `nginx.ingress.kubernetes.io/force-ssl-redirect: \"true\"`; Traefik: the entry point's `http.redirections`; " +
			"plain nginx: `return 308 https://$host$request_uri;` in the server on port 80, and `/.well-known/acme-challenge/` before it; HAProxy: `http-request redirect scheme https code 308 unless { ssl_fc }`; Apache: `Redirect permanent / https://…`; Istio: `tls.httpsRedirect: true` on the Gateway's port 80; Caddy does it by default.",
	},
	{
		ID: "encoded-char-rejected", Title: "URLs with encoded characters are rejected", Hop: HopIngress,
		Match: func(v *View) bool {
			s := status(v.X)
			if v.In("*/encoded") && v.Symptom(wire.Content, wire.Redirected) {
				return true
			}
			return encoded(v.X.Open.URL) && (s == 400 || s == 403 || s == 404 || s == 414) && (v.In("*/encoded") || v.servedHere()) && !v.Answer.application()
		},
		Sentence: func(v *View) string {
			if status(v.X) < 400 {
				return fmt.Sprintf("A proxy %s decodes or rewrites URLs with encoded characters, so that BinderHub gets another one: expected %s, got %s", front(v.X), v.Fault.Want, v.Fault.Got)
			}
			return fmt.Sprintf("%s %s rejects a URL with encoded characters (%%2F, %%40, %%3A …) with %s before it reaches the application", v.who(), front(v.X), say(status(v.X)))
		},
		Suspects: []string{"encoded-char-rejected", "double-or-trailing-slash"},
		Remedy: "Traefik 3.6.4 and later: on the entry point set `http.encodedCharacters.allowEncodedSlash: true` (and the others in use). Apache: `AllowEncodedSlashes NoDecode` with `ProxyPass … nocanon`. " +
			"Plain nginx: remove rewrites and the URI part of `proxy_pass`, which decode the path; community ingress-nginx: no `rewrite-target`; F5: no `nginx.org/rewrites`; HAProxy: no `http-request normalize-uri`; Envoy and Istio: `path_with_escaped_slashes_action: KEEP_UNCHANGED` (Istio `pathNormalization: BASE`).",
	},
}

// originWords is what Cloudflare's own statuses mean, by its documentation.
var originWords = map[int]string{
	520: "the cluster's answer is none that it can use", 521: "the cluster's address refuses its connections", 522: "the cluster's address does not answer its connections",
	523: "it has no route to the cluster's address", 524: "the cluster took the request and did not answer in 100 s", 525: "the TLS handshake with the cluster fails",
	526: "the cluster's certificate is not valid for the host", 530: "it cannot resolve the cluster's name, or the zone is not served",
}

// firewalled is a file that a proxy refused to let through, though it let another one pass: its content made the
// difference. Of the two that server/files writes, the second has the awkward one.
func firewalled(v *View) bool {
	s := status(v.X)
	if !contents(v.X) || (s != http.StatusForbidden && s != http.StatusNotAcceptable) || v.Answer.application() {
		return false
	}
	_, ok := v.Other(v.savedBefore)
	return ok
}

// contents tells whether an exchange writes a file (jupyter_server/services/contents/handlers.py).
func contents(x *wire.Exchange) bool {
	return x.Open.Method == http.MethodPut && strings.Contains(urlOf(x).Path, "/api/contents/")
}

func (v *View) savedBefore(x *wire.Exchange) bool {
	return v.SameHost(x) && contents(x) && (status(x) == http.StatusOK || status(x) == http.StatusCreated)
}

// wantsLogin is a demand for credentials: 401, a redirect to a login, or BinderHub's 403 of a /build that would be such a
// redirect (builder.py turns it into 403).
func wantsLogin(v *View) bool {
	if refusedWith(v.X, http.StatusUnauthorized) || (status(v.X) == http.StatusUnauthorized && header(v.X, "Www-Authenticate") != "") {
		return true
	}
	if refusedWith(v.X, http.StatusForbidden) && holds(body(v.X), "/oauth2/start", "/oauth2/sign_in") { // oauth2-proxy's page
		return true
	}
	to := redirectsTo(v.X)
	own := v.X.Open.Role == wire.RoleServer && strings.EqualFold(hostIn(to), urlOf(v.X).Hostname()) // a token that was lost on the way
	if !v.Answer.application() && loginPage(to) && !own {
		return true
	}
	if sent(v.X, "Authorization") != "" {
		return false
	}
	if e, ok := failed(v); ok && e.StatusCode == http.StatusForbidden && strings.TrimSpace(e.Message) == "Forbidden" {
		return true
	}
	return host(v.Role()) == "binder" && status(v.X) == http.StatusFound && strings.Contains(to, "/hub/api/oauth2/authorize")
}

// refusesCredential is a demand for a login in answer to a request that had a credential: 401, the hub's word that it does not
// know the token, BinderHub's way to the hub's login, and its 403 of a /build that would be that.
func refusesCredential(v *View) bool {
	if strings.HasSuffix(urlOf(v.X).Path, "/hub/login") && strings.Contains(v.Fault.Got, "Invalid username or password") {
		return true
	}
	if status(v.X) == http.StatusForbidden && strings.HasSuffix(urlOf(v.X).Path, "/hub/api/user") {
		return true // who asks this has a credential, if only the cookies of a session that is over
	}
	if v.Role() == wire.RoleServer || sent(v.X, "Authorization") == "" {
		return false // a user server's token is of this run's own
	}
	if status(v.X) == http.StatusUnauthorized {
		return true
	}
	if e, ok := failed(v); ok && e.StatusCode == http.StatusForbidden && strings.TrimSpace(e.Message) == "Forbidden" {
		return true
	}
	return host(v.Role()) == "binder" && status(v.X) == http.StatusFound && strings.Contains(redirectsTo(v.X), "/hub/api/oauth2/authorize")
}

// loginPages are parts of URLs to which authenticating proxies send visitors: oauth2-proxy, Traefik's and Authelia's forward
// auth, Keycloak, CILogon, Google IAP, Microsoft, Cloudflare Access, AWS Cognito, Okta, Shibboleth, CAS.
var loginPages = []string{"/oauth2/start", "/oauth2/auth", "/oauth2/sign_in", "/oauth2/authorize", "/_oauth", "/protocol/openid-connect/auth", "cilogon.org/authorize", "accounts.google.com/", "login.microsoftonline.com/",
	"cloudflareaccess.com/", "/cdn-cgi/access/login", ".amazoncognito.com/", ".okta.com/", ".auth0.com/authorize", "/shibboleth", "/idp/profile/", "/saml", "/cas/login", "authelia", "/outpost.goauthentik.io/", "/dex/auth", "github.com/login/oauth", "/login?", "/signin?"}

// loginPage tells whether a URL is where one logs in.
func loginPage(url string) bool {
	return url != "" && (holds(url, loginPages...) || strings.HasSuffix(url, "/login") || strings.HasSuffix(url, "/signin"))
}

// encoded tells whether a URL's path holds characters that some proxies refuse when they are encoded.
func encoded(url string) bool {
	path, _, _ := strings.Cut(url, "?")
	return holds(path, "%2f", "%40", "%3a", "%23", "%25", "%5c")
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
