package browser

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// secured is the double behind TLS, which service workers want, with what it says of caching left as the handler sets it.
func secured(t *testing.T, handler http.Handler) (*double, *Browser) {
	t.Helper()
	needsCertutil(t)
	ca := newAuthority(t, "ours")
	d := &double{tl: newTimeline("https://binder.test/", "https://hub.test/")}
	d.handler.Store(&handler)
	server := ca.serve(t, "hub.test", time.Now().Add(time.Hour), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*d.handler.Load()).ServeHTTP(w, r)
	}))
	var err error
	d.browser, err = Start(t.Context(), Options{Timeline: d.tl, CA: ca.pem, Resolve: map[string]string{"hub.test:443": server.Listener.Addr().String()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.browser.Close(context.Background())) })
	return d, d.browser
}

const securedURL = "https://hub.test/user/jo-1/"

// A second visit meets what the first has left in the profile.
func TestWarmProfile(t *testing.T) {
	worker := func(answer string) routes {
		return routes{
			"/user/jo-1/": html(`<body class=jp-LabShell><p>text<script>navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready).then(() => document.title = "installed")</script><script src=/a.js></script>`),
			"/sw.js":      script(`oninstall = () => skipWaiting(); onactivate = (e) => e.waitUntil(clients.claim()); onfetch = (e) => { if (e.request.url.endsWith("a.js")) e.respondWith(` + answer + `) }`),
			"/a.js":       script(`1`),
		}
	}
	cached := func(max string, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", max)
			h(w, r)
		}
	}
	old := routes{"/user/jo-1/": cached("max-age=3600", html(`<p>old<script src=/old.js></script>`)), "/old.js": cached("no-store", script(`document.title = "installed"`))}
	replaced := routes{"/user/jo-1/": html(`<p>new<script src=/new.js></script>`), "/new.js": script(`1`)}
	for name, c := range map[string]struct {
		first, second routes
		symptom       wire.Symptom
		got           string
	}{
		"worker that answers with an error": {worker(`new Response("gone", {status: 503})`), nil, wire.Status, "503 text/plain (from the page's service worker)"},
		"worker that answers with a page":   {worker(`new Response("<p>", {headers: {"Content-Type": "text/html"}})`), nil, wire.ContentType, "200 text/html (from the page's service worker)"},
		"worker that passes all on":         {worker(`fetch(e.request)`), nil, "", ""},
		"page of an earlier release":        {old, replaced, wire.Status, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := secured(t, c.first)
			require.NoError(t, b.OpenServer(limited(t, 20*time.Second), securedURL, ""))
			_, err := until[bool](limited(t, 20*time.Second), b, `() => document.title === "installed"`)
			require.NoError(t, err)
			if c.second != nil {
				d.serve(c.second)
			}
			require.NoError(t, b.OpenServer(limited(t, 20*time.Second), securedURL, ""))
			short := limited(t, 3*time.Second)
			err = b.rec.wait(short, func() bool { return false })
			if c.symptom == "" {
				require.ErrorIs(t, err, short.Err())
				return
			}
			f, _ := requireFault(t, d.tl, err, c.symptom)
			require.Contains(t, f.Got, c.got)
		})
	}
}
