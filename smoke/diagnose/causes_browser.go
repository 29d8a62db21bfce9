package diagnose

import (
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// browserCauses are of what only a browser does: it keeps files, refuses what pages may not do, and runs their scripts.
var browserCauses = []Cause{
	{
		ID: "assets-stale-cache", Title: "Returning visitors get what an earlier visit left", At: pagesOwner,
		Match: func(v *View) bool {
			kept := v.X.Client == wire.Browser && v.Says("(from the page's service worker)", "(from the browser's cache)")
			return kept || outdated(v)
		},
		Sentence: func(v *View) string {
			if outdated(v) {
				return fmt.Sprintf("A returning visitor gets a page that an earlier visit left, and the file that it names, %s, is no longer there (%s); a new visitor gets the page anew", urlOf(v.X).Path, v.Fault.Got)
			}
			from := "the browser's cache"
			if v.Says("(from the page's service worker)") {
				from = "a service worker that an earlier visit installed"
			}
			return fmt.Sprintf("A returning visitor gets %s from %s (%s), where a new visitor gets it from the deployment", urlOf(v.X).Path, from, v.Fault.Got)
		},
		Suspects: []string{"assets-stale-cache", "assets-404-white-page"},
		Remedy: "Pages must be asked for anew: `Cache-Control: no-cache` or `no-store` on HTML and on API answers; only files with a hash in their name may be kept (`immutable`). Look for `expires`, `add_header Cache-Control` or a CDN's rule on `/` or `/user/`. " +
			"A service worker stays until it is replaced: serve an empty one at its URL that calls `registration.unregister()`, or send `Clear-Site-Data: \"storage\"` once.",
	},
	{
		ID: "ws-wrong-scheme", Title: "A page over https asks for http", Hop: HopIngress,
		Match: func(v *View) bool { return pageFault(v) && v.Says("mixed content: the browser blocks") },
		Sentence: func(v *View) string {
			what := "a file"
			if v.Says("blocks ws:") {
				what = "a WebSocket"
			}
			return fmt.Sprintf("The page came over https and asks for %s without TLS, which browsers block (%s): somebody behind the TLS takes the request for a plain one", what, quote(v.Fault.Got))
		},
		Suspects: []string{"ws-wrong-scheme", "base-url-mismatch"},
		Remedy:   "Pass the scheme on: `proxy_set_header X-Forwarded-Proto $scheme;` (nginx), `RequestHeader set X-Forwarded-Proto https` (Apache), and at a load balancer in front trust its header (`use-forwarded-headers: \"true\"`, F5 `nginx.org/redirect-to-https`). Then look for http:// in `hub_url`, `badge_base_url`, and in what rewrites bodies.",
	},
	{
		ID: "csp-blocks-page", Title: "A Content-Security-Policy keeps the page from working", Hop: HopIngress,
		Match: func(v *View) bool {
			return pageFault(v) && v.Says("the directive ", "blocked: csp", "ERR_BLOCKED_BY_CSP")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("A Content-Security-Policy forbids what the page needs: %s", v.Fault.Got)
		},
		Suspects: []string{"csp-blocks-page"},
		Remedy: "Jupyter Server's own policy is `frame-ancestors 'self'; report-uri …`: another one comes from a proxy (`add_header Content-Security-Policy`, a `headers` middleware of Traefik, a CDN's rule) or from `tornado_settings` in the image. Take it out for `/user/` and BinderHub's page. " +
			"At the least they need `script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; connect-src 'self' wss://<host>; img-src * data: blob:; worker-src 'self' blob:`.",
	},
	{
		ID: "page-dialog", Title: "The front end tells people of an error", Hop: HopServer,
		Match: func(v *View) bool { return pageFault(v) && v.Says("the dialog “") },
		Sentence: func(v *View) string {
			return fmt.Sprintf("JupyterLab stops people with %s", v.Fault.Got)
		},
		Suspects: []string{"page-dialog", "kernel-dies-at-start", "default-url-404"},
		Remedy:   "\"Server Connection Error\": the way to the user server, see its other exchanges in the timeline. \"Kernel Restarting\", \"Kernel died\": memory, see kernel-dies-at-start. \"Select Kernel\": the notebook names a kernel that the image has not. \"File Save Error\", \"File Load Error\": the request of that file, its status and who answered.",
	},
	{
		ID: "page-blank", Title: "The page stays blank", At: pagesOwner,
		Match: func(v *View) bool { return pageFault(v) && v.Says("a blank page") && len(lostAssets(v)) == 0 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The page %s loads with all that it asks for, and shows nothing", urlOf(v.X).Path)
		},
		Suspects: []string{"page-blank", "assets-404-white-page", "assets-stale-cache"},
		Remedy:   "Open it with the browser's console open. A script that comes empty or cut (`Content-Length: 0`, a filter on bodies), a build of the front end that does not fit its page, an extension that never ends its start (`jupyter labextension list`).",
	},
	{
		ID: "page-error", Title: "A script of the page fails", At: pagesOwner,
		Match: func(v *View) bool { return pageFault(v) && v.Says("the uncaught error “") && len(lostAssets(v)) == 0 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("A script of the page stops with %s", v.Fault.Got)
		},
		Suspects: []string{"page-error", "assets-stale-cache", "server-lib-regression"},
		Remedy:   "The console beside the screenshot names file and line. A file that comes changed or cut on the way (compare `curl` through the ingress and through `kubectl port-forward`), files of two releases in one page (a cache, two replicas), or an extension that does not fit the front end's version.",
	},
}

// outdated tells of a file that is not there, named by a page that the browser had kept: new pages name other files.
func outdated(v *View) bool {
	return v.X.Client == wire.Browser && v.Says("(named by a page that comes from ") && lost(v.X) && status(v.X) != 403
}

// pagesOwner is whose page it is: BinderHub has some too.
func pagesOwner(v *View) Hop {
	switch v.Role() {
	case wire.RoleBinder:
		return HopBinderHub
	case wire.RoleHub:
		return HopHub
	}
	return HopServer
}

// pageFault is a fault that only the browser's page shows: its requests were all answered.
func pageFault(v *View) bool {
	return !v.Warning() && v.Fault.Symptom == wire.PageError && (v.X.ID == 0 || v.X.Client == wire.Browser)
}

// sideBySide says how raw client and browser fared with the same thing where one of them failed, and what that means. It is
// empty where there is nothing to compare.
func (v *View) sideBySide() string {
	switch {
	case v.X.ID == 0 || v.Warning():
		return ""
	case socket(v.X) && v.X.Client == wire.Browser && !v.X.Opened():
		return v.browserSocketBeside()
	case socket(v.X) && v.X.Client == wire.Raw && !v.X.Opened():
		return v.rawSocketBeside()
	case v.X.Open.Type == wire.TypeHTTP && v.X.Client != wire.Probe && (status(v.X) >= 400 || v.X.Response == nil):
		return v.requestBeside()
	}
	return ""
}

// browserSocketBeside compares a websocket that the browser could not open with the raw client's: by token, which skips the
// checks of Origin and cookie, and as a browser does.
func (v *View) browserSocketBeside() string {
	token := v.fared(func(x *wire.Exchange) bool { return x.Client != wire.Browser && sent(x, "Authorization") != "" })
	cookie := v.fared(func(x *wire.Exchange) bool {
		return x.Client != wire.Browser && sent(x, "Authorization") == "" && sent(x, "Origin") != ""
	})
	switch {
	case cookie == passes && v.repeated():
		return ". Side by side: the raw client opens it over HTTP/1.1 with the browser's own cookies and Origin, so only the browser's way differs: WebSockets over HTTP/2, extensions, or what it does not allow the page"
	case cookie == passes:
		return ". Side by side: the raw client's passes with a cookie and an Origin, so Origin and subprotocol are in order; what differs are the browser's own cookies, HTTP/2 and extensions"
	case token == passes && cookie != "":
		return fmt.Sprintf(". Side by side: the raw client's passes with a token and gets %s with a cookie and an Origin, as browsers send: Origin, Host or cookie do not arrive as they were sent", cookie)
	case token == passes:
		return ". Side by side: the raw client's passes with a token, which skips the checks of Origin and cookie"
	case cookie != "":
		return fmt.Sprintf(". Side by side: the raw client's gets %s too, so it is not the browser's doing", cookie)
	case token != "":
		return fmt.Sprintf(". Side by side: the raw client's gets %s too, so it is not the browser's doing", token)
	}
	return ""
}

// rawSocketBeside compares a websocket that the raw client could not open with the browser's.
func (v *View) rawSocketBeside() string {
	switch browser := v.fared(func(x *wire.Exchange) bool { return x.Client == wire.Browser }); browser {
	case "":
		return ""
	case passes:
		return ". Side by side: the browser's passes; what differs are the token in a header, the User-Agent and the version of HTTP: a proxy or a firewall treats scripts otherwise"
	default:
		return fmt.Sprintf(". Side by side: the browser's gets %s too, so it is neither Origin nor cookie", browser)
	}
}

// requestBeside compares a request with another client's for the same path.
func (v *View) requestBeside() string {
	other := wire.Browser
	name := "the browser"
	if v.X.Client == wire.Browser {
		other, name = wire.Raw, "the raw client"
	}
	if v.X.Open.Method != http.MethodGet {
		return "" // what they sent may differ
	}
	for _, x := range v.All {
		same := x.Client == other && x.Open.Type == wire.TypeHTTP && x.Open.Method == v.X.Open.Method && v.SameHost(x) && urlOf(x).Path == urlOf(v.X).Path
		if !same || status(x) == 0 {
			continue
		}
		if status(x) < 400 && v.X.Client == wire.Browser {
			return fmt.Sprintf(". Side by side: %s got %d from the same URL; what differs are cookies, headers that only browsers send, and what the browser has kept", name, status(x))
		}
		if status(x) < 400 {
			return fmt.Sprintf(". Side by side: %s got %d from the same URL; what differs are the token, the User-Agent and the version of HTTP", name, status(x))
		}
		return fmt.Sprintf(". Side by side: %s got %d too", name, status(x))
	}
	return ""
}

// passes is how a websocket fared that opened.
const passes = "101"

// fared tells how another websocket of the same kind on the same host fared: passes, its status or error, or empty when there
// was none. What opened counts more than what did not.
func (v *View) fared(keep func(*wire.Exchange) bool) string {
	worst := ""
	for _, x := range v.All {
		if x.ID == v.X.ID || !socket(x) || !v.SameHost(x) || kind(x) != kind(v.X) || !keep(x) {
			continue
		}
		switch {
		case x.Opened():
			return passes
		case status(x) != 0:
			worst = fmt.Sprint(status(x))
		case x.Close != nil && x.Close.Error != "" && worst == "":
			worst = short(x.Close.Error)
		}
	}
	return worst
}

// repeated tells whether the browser's handshake was made once more by the raw client, and opened.
func (v *View) repeated() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool {
		return x.Client == wire.Probe && x.Opened() && kind(x) == kind(v.X) && x.Step == v.Step && strings.HasPrefix(sent(x, "Origin"), "http")
	})
	return ok
}
