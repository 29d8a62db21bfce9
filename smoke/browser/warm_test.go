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
	return securedAt(t, "hub.test", handler)
}

// securedAt is secured under another name.
func securedAt(t *testing.T, host string, handler http.Handler) (*double, *Browser) {
	t.Helper()
	needsCertutil(t)
	ca := newAuthority(t, "ours")
	d := &double{tl: newTimeline("https://binder.test/", "https://hub.test/")}
	d.handler.Store(&handler)
	server := ca.serve(t, host, time.Now().Add(time.Hour), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*d.handler.Load()).ServeHTTP(w, r)
	}))
	var err error
	d.browser, err = Start(t.Context(), Options{Timeline: d.tl, CA: ca.pem, Resolve: map[string]string{host + ":443": server.Listener.Addr().String()}})
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
		"page of an earlier release":        {old, replaced, wire.Status, "404 text/plain (named by a page that comes from the browser's cache)"},
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

// The same of BinderHub's own front page, which is opened again to launch by its form.
func TestWarmFrontPage(t *testing.T) {
	const url = "https://binder.test/"
	files := func(register string) routes {
		return withFront(front+register).with("/sw.js", script(`onfetch = (e) => { if (e.request.url.endsWith("bundle.js")) e.respondWith(new Response("gone", {status: 503})) }`))
	}
	bundle := "binder.test/static/dist/bundle.js"
	kept := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		html(front)(w, r)
	}
	uncached := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		script("1")(w, r)
	}
	for name, c := range map[string]struct {
		first, second routes
		got           string
	}{
		"healthy":                    {files(""), nil, ""},
		"service worker":             {files(`<script>navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready).then(() => document.title = "installed")</script>`), nil, "503 text/plain (from the page's service worker)"},
		"page of an earlier release": {files("").with("binder.test/", kept).with(bundle, uncached), routes{}, "404 text/plain (named by a page that comes from the browser's cache)"},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := securedAt(t, "binder.test", c.first)
			_, err := b.FillForm(limited(t, 20*time.Second), url, "gh/owner/repo/HEAD")
			require.NoError(t, err)
			if name == "service worker" {
				_, err := until[bool](limited(t, 20*time.Second), b, `() => document.title === "installed"`)
				require.NoError(t, err)
			}
			if c.second != nil {
				d.serve(c.second)
			}
			_, err = b.FillForm(limited(t, 20*time.Second), url, "gh/owner/repo/HEAD")
			if c.got == "" {
				require.NoError(t, err)
				return
			}
			if err == nil { // the form was filled before the file was missed
				err = b.rec.wait(limited(t, 3*time.Second), func() bool { return false })
			}
			f, x := requireFault(t, d.tl, err, wire.Status)
			require.Equal(t, c.got, f.Got)
			require.Equal(t, wire.RoleBinder, x.Open.Role)
		})
	}
}
