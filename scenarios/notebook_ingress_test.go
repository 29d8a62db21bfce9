package scenarios_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
)

// injected makes the hub's ingress write something into JupyterLab's page, as a faulty filter would.
func injected(what string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Hub.Location = injection(what)
	}
}

// injection are nginx's directives that write something into every page.
func injection(what string) string {
	return "proxy_set_header Accept-Encoding \"\";\nsub_filter '<head>' '<head>" + what + "';\nsub_filter_once on;"
}

// answers makes the hub's ingress itself answer what is asked of a user server below a path, a regular expression.
func answers(path, directives string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Hub.Server = "location ~ ^/user/[^/]+/" + path + " { " + directives + " }"
	}
}

// policy makes the hub's ingress add a Content-Security-Policy.
func policy(directive string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Hub.Location = `add_header Content-Security-Policy "` + directive + `" always;`
	}
}

// staleWorker makes the first page that is visited on a host leave a service worker, which answers for the files of the next ones.
func staleWorker(host *fixtures.IngressHost) {
	host.Location = injection(`<script>navigator.serviceWorker.register("/sw.js", {scope: "/"})</script>`)
	host.Server = `location = /sw.js { default_type text/javascript; return 200 'onfetch = (e) => { if (e.request.url.includes("/static/")) e.respondWith(new Response("gone", {status: 503})) }'; }`
}

// lending is BinderHub, with its pages, that hands out the borrowed server. It returns its address.
func lending(t *testing.T, d *fixtures.Deployment) string {
	t.Helper()
	p := borrow(t, d)
	put(t, d, p.launchedServer, smokeMode, well)
	upstream := &url.URL{Scheme: "http", Host: binderHub(t, d, func(*binderhub.Config) {})}
	pages := httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.Host = r.In.Host
	}}
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/build/") {
			handOut(p.launchedServer)(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
}

// An ingress that breaks what only a browser needs, in front of real servers: it is named, within a second of its proof, and
// not laid at another's door.
func TestNotebookBehindABrokenIngress(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser each; the browser's own tests break the same in doubles")
	}
	d := deployment(t)
	binder := lending(t, d)
	for name, c := range map[string]struct {
		ingress           func(*fixtures.Ingress)
		step, cause, says string
	}{
		"policy against scripts": {policy("script-src 'self'"), "notebook/lab", "csp-blocks-page", "the directive script-src"},
		"policy against sockets": {policy("connect-src https:"), "notebook/lab", "csp-blocks-page", "the directive connect-src"},
		"uncaught error":         {injected(`<script>throw new Error("injected")</script>`), "notebook/lab", "page-error", "Error: injected"},
		"mixed content":          {injected(`<script>fetch("http://` + fixtures.HubHost + `/hub/api/").catch(() => {})</script>`), "notebook/lab", "ws-wrong-scheme", "the browser blocks http://"},
		"mixed websocket": {injected(`<script>window.WebSocket = class extends WebSocket { constructor(u, p) { super(u.replace("wss:", "ws:"), p) } }</script>`),
			"notebook/lab", "ws-wrong-scheme", "the browser blocks ws://"},
		"scripts of another type": {answers(`static/lab/.*\.js`, `default_type text/html; return 200 "<p>log in";`), "notebook/lab", "assets-404-white-page", "200 text/html"},
		"settings forbidden":      {answers("lab/api/settings", "return 403;"), "notebook/lab", "", "403"},
		"sessions behind 502":     {answers("api/sessions", "return 502;"), "notebook/lab", "", "502"},
		"save too large":          {func(in *fixtures.Ingress) { in.Hub.MaxBodySize = "3k" }, "notebook/save", "save-413", "413"},
		"service worker":          {func(in *fixtures.Ingress) { staleWorker(&in.Hub) }, "notebook/open", "assets-stale-cache", "503"},
		"BinderHub's worker":      {func(in *fixtures.Ingress) { staleWorker(&in.Binder) }, "notebook/launch", "assets-stale-cache", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			r := trial{upstream: binder, ingress: c.ingress, run: []string{"notebook"}, target: func(target *smoke.Target) {
				target.Skip = []string{"clean-up"} // the server is borrowed
			}}.against(t, d)
			expectation{c.step, smoke.Failed, c.says}.check(t, r)
			if c.cause != "" { // else it is one of the raw clients' too, with tests of its own
				require.Equal(t, c.cause, findingOf(t, r, c.step).Cause, overview(r))
			}
		})
	}
}
