package browser

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// What keeps a person from working fails the step that waits, and says what it is.
func TestPageTrouble(t *testing.T) {
	blocks := func(policy string, page http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			page(w, r)
		}
	}
	fetching := func(url string) http.HandlerFunc {
		return html(`<body>text<script>fetch("` + url + `").catch(() => {})</script>`)
	}
	typed := func(mime, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mime)
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Write([]byte(body))
		}
	}
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		page    http.HandlerFunc
		path    string
		broken  http.HandlerFunc
		symptom wire.Symptom
		got     string
	}{
		"uncaught error":           {page: html(`text<script>throw new Error("boom")</script>`), symptom: wire.PageError, got: "“Uncaught Error: boom”"},
		"script throws":            {page: html(`text<script src=/user/jo-1/a.js></script>`), path: "/user/jo-1/a.js", broken: script(`nothing.at.all`), symptom: wire.PageError, got: "nothing is not defined"},
		"policy against inline":    {page: blocks("script-src 'self'", html(`text<script>1</script>`)), symptom: wire.PageError, got: "the directive script-src"},
		"policy against requests":  {page: blocks("connect-src 'none'", fetching("/user/jo-1/api/me")), symptom: wire.PageError, got: "the directive connect-src, which forbids http://hub.test/user/jo-1/api/me"},
		"policy against sockets":   {page: blocks("connect-src 'none'", html(`text<script>try { new WebSocket("ws://hub.test/user/jo-1/api/events/subscribe") } catch {}</script>`)), symptom: wire.PageError, got: "the directive connect-src, which forbids ws://hub.test"},
		"policy against styles":    {page: blocks("style-src 'self'", html(`text<style>p {}</style>`)), symptom: wire.PageError, got: "the directive style-src"},
		"blank page":               {page: html(`<div id=main></div>`), symptom: wire.PageError, got: "a blank page"},
		"blank page after a while": {page: html(`<div id=main></div><script src=/user/jo-1/a.js></script>`), path: "/user/jo-1/a.js", broken: script(`1`), symptom: wire.PageError, got: "a blank page"},
		"API is a bad gateway":     {page: fetching("api/contents?1"), path: "/user/jo-1/api/contents", broken: status(502, "nginx"), symptom: wire.Status, got: "502"},
		"API is forbidden":         {page: fetching("api/kernelspecs"), path: "/user/jo-1/api/kernelspecs", broken: status(403, `{"message": "Forbidden"}`), symptom: wire.Status, got: "403"},
		"API is limited":           {page: fetching("lab/api/settings/x"), path: "/user/jo-1/lab/api/settings/x", broken: status(429, ""), symptom: wire.Status, got: "429"},
		"API is a page":            {page: fetching("api/sessions"), path: "/user/jo-1/api/sessions", broken: html("log in"), symptom: wire.ContentType, got: "200 text/html"},
		"API is reset":             {page: fetching("api/me"), path: "/user/jo-1/api/me", broken: hangUp(true), symptom: wire.Reset, got: "ERR_CONNECTION_RESET"},
		"API is cut off":           {page: fetching("api/me"), path: "/user/jo-1/api/me", broken: raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"), symptom: wire.EOF, got: "ERR_CONTENT_LENGTH_MISMATCH"},
		"extension behind 504":     {page: fetching("git/status"), path: "/user/jo-1/git/status", broken: status(504, "nginx"), symptom: wire.Status, got: "504"},
		"script as text":           {page: html(`text<script src=/user/jo-1/a.js></script>`), path: "/user/jo-1/a.js", broken: typed("text/plain", "1"), symptom: wire.ContentType, got: "200 text/plain"},
		"script as page":           {page: html(`text<script src=/user/jo-1/a.js></script>`), path: "/user/jo-1/a.js", broken: html("x"), symptom: wire.ContentType, got: "200 text/html"},
		"style as text":            {page: html(`text<link rel=stylesheet href=/user/jo-1/a.css>`), path: "/user/jo-1/a.css", broken: typed("text/plain", "a {}"), symptom: wire.ContentType, got: "200 text/plain"},
		"script is reset":          {page: html(`text<script src=/user/jo-1/a.js></script>`), path: "/user/jo-1/a.js", broken: hangUp(true), symptom: wire.Reset, got: "ERR_CONNECTION_RESET"},
		"dialog": {page: html(`text<div class=jp-Dialog><div class=jp-Dialog-content>Kernel Restarting</div></div>`), symptom: wire.PageError,
			got: "the dialog “Kernel Restarting”"},
	} {
		t.Run(name, func(t *testing.T) {
			rs := lab().with("/user/jo-1/", c.page)
			if c.path != "" {
				rs = rs.with(c.path, c.broken)
			}
			d.serve(rs)
			require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, ""))
			f, x := requireFault(t, d.tl, d.browser.WaitLab(limited(t, 20*time.Second)), c.symptom)
			require.Contains(t, f.Got, c.got)
			require.NotNil(t, x)
			if c.symptom == wire.PageError {
				require.Greater(t, f.At, x.Open.At, "the page, not its document, shows it")
				require.Less(t, d.tl.Now()-f.At, time.Second)
			}
			if c.path != "" && c.symptom != wire.PageError {
				require.Contains(t, x.Open.URL, c.path)
			}
		})
	}
}

// What healthy pages do, what third parties do, and what only an extension lacks, fails nothing.
func TestHarmlessTrouble(t *testing.T) {
	own := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "frame-ancestors 'self'; report-uri /user/jo-1/api/security/csp-report")
		w.WriteHeader(500)
	}
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		html    string
		notices []string
	}{
		"third party's errors":     {`<script src=http://third.test/throws.js></script><script>fetch("http://third.test/x").catch(() => {})</script><iframe src=http://third.test/missing></iframe>`, nil},
		"page gives up a request":  {`<script>const c = new AbortController(); fetch("api/contents/slow", {signal: c.signal}).catch(() => {}); setTimeout(() => c.abort(), 100)</script>`, nil},
		"icons that are not there": {`<link rel=icon href=/static/favicon_building.ico>`, nil},
		"a picture in a notebook":  {`<img src=files/missing.png>`, nil},
		"layout in two passes":     {`<p id=p>text</p><script>new ResizeObserver(() => { p.style.height = p.offsetHeight + 1 + "px" }).observe(p)</script>`, nil},
		"build recommended": {`<div class=jp-Dialog><div class=jp-Dialog-content>Build Recommended
			<button class=jp-mod-reject onclick="document.querySelector('.jp-Dialog').remove()">Cancel</button></div></div>`, nil},
		"extension without its server":         {`<script>fetch("git/status")</script>`, []string{"404 text/plain"}},
		"extension's server errs":              {`<script>fetch("git/error")</script>`, []string{"500"}},
		"extension throws":                     {`<script src=/user/jo-1/lab/extensions/x/static/a.js></script>`, []string{"the uncaught error “Uncaught Error: extension”"}},
		"unhandled rejection":                  {`<script>Promise.reject(new TypeError("boom"))</script>`, []string{"the uncaught error “Uncaught (in promise) TypeError: boom”"}},
		"settings without a schema":            {`<script>Promise.reject(new TypeError("Cannot read properties of undefined (reading 'schema')"))</script>`, nil},
		"a list of files that has not started": {`<script>Promise.reject(new Error("Command 'filebrowser:open-path' not registered."))</script>`, nil},
		"a font is missing":                    {`<style>@font-face { font-family: f; src: url(missing.woff) } body { font-family: f }</style>text`, []string{"404 text/plain"}},
		"a poll that the server errs at":       {`<script>fetch("api/kernels?1")</script>`, []string{"500"}},
		"eval is forbidden":                    {`<script>try { eval("1") } catch {}</script>`, []string{"the directive script-src, which forbids Eval code or style"}},
		"a policy that only reports":           {`<img src=http://third.test/x.png><style>p {}</style>`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			rs := lab().with("/user/jo-1/", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Security-Policy", "script-src 'unsafe-inline' *")
				w.Header().Set("Content-Security-Policy-Report-Only", "style-src 'none'; img-src 'none'; report-uri /x")
				html(strings.Replace(labPage, "<script>", c.html+"<script>", 1))(w, r)
			})
			rs["http://third.test/throws.js"] = script(`throw new Error("third")`)
			rs["/user/jo-1/lab/extensions/x/static/a.js"] = script(`throw new Error("extension")`)
			rs["/user/jo-1/git/error"], rs["/user/jo-1/api/kernels"] = own, own
			rs["/user/jo-1/api/contents/slow"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			d.serve(rs)
			require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, ""))
			require.NoError(t, d.browser.WaitLab(limited(t, 20*time.Second)))
			// Whatever the page does comes before the picture, and what waits for a better proof has waited.
			short, cancel := context.WithTimeout(limited(t, 20*time.Second), 2*eyeGrace)
			defer cancel()
			require.ErrorIs(t, d.browser.rec.wait(short, func() bool { return false }), context.DeadlineExceeded)
			var got []string
			for _, f := range d.browser.Notices() {
				got = append(got, strings.TrimSpace(f.Got))
			}
			require.Len(t, got, len(c.notices), got)
			for i, want := range c.notices {
				require.Contains(t, got[i], want)
			}
		})
	}
}
