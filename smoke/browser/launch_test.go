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

func TestLaunch(t *testing.T) {
	told := make(chan Server, 2)
	d := newDouble(t, Options{UserAgent: "binderhub-smoke/1 (run r1)", OnServer: func(s Server) { told <- s }},
		// No launch is over before Chromium has been asked to pass the stream on to us.
		binderhub().with("binder.test/build/gh/owner/repo/HEAD", func(w http.ResponseWriter, r *http.Request) {
			events(false, building)(w, r)
			time.Sleep(time.Second)
			events(false, ready)(w, r)
		}))
	server, err := d.browser.Launch(limited(t, 20*time.Second), launchURL)
	require.NoError(t, err)
	require.Equal(t, Server{URL: serverURL, Token: token}, server)
	require.Equal(t, server, <-told)
	require.Empty(t, told, "told once")
	require.Equal(t, "http://hub.test/", d.tl.Places().Hub().String())
	require.NoError(t, d.browser.Close(t.Context()))

	var hops []string
	var stream *wire.Exchange
	for _, x := range d.tl.Exchanges() {
		require.Equal(t, wire.Browser, x.Client)
		require.Equal(t, "notebook/test", x.Scenario+"/"+x.Step)
		require.NotNil(t, x.Close, x.Open.URL)
		require.LessOrEqual(t, x.Open.At, x.Ended())
		if x.Open.Resource == "Document" {
			hops = append(hops, x.Open.URL)
			require.Contains(t, x.Request.Header.Get("User-Agent"), "binderhub-smoke/1 (run r1)")
		}
		if x.Open.Type == wire.TypeStream {
			stream = x
		}
	}
	require.Equal(t, []string{launchURL, serverURL + "?token=[redacted]", "http://hub.test/user/jo-1/lab?token=[redacted]"}, hops)
	require.NotNil(t, stream)
	require.Len(t, stream.Events, 2)
	require.Contains(t, stream.Events[1].Data, `"phase":"ready"`)
	for r := range d.tl.Records() {
		require.NotContains(t, string(r.Data), token)
	}
}

// A server is known as soon as the stream tells of it, though the page may never get there.
func TestLaunchTellsOfServerThatIsNotReached(t *testing.T) {
	told := make(chan Server, 1)
	d := newDouble(t, Options{OnServer: func(s Server) { told <- s }},
		binderhub().with("binder.test/static/dist/bundle.js", script(strings.ReplaceAll(bundle, "location.href =", "window.unused ="))))
	ctx := limited(t, 20*time.Second)
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, err := d.browser.Launch(ctx, launchURL)
		failed <- err
	}()
	require.Equal(t, Server{URL: serverURL, Token: token}, <-told)
	require.False(t, d.browser.Launching())
	cancel()
	f, _ := requireFault(t, d.tl, <-failed, wire.Cancelled)
	require.True(t, f.Inconclusive)
}

func TestLaunchFails(t *testing.T) {
	const build, page, asset = "binder.test/build/gh/owner/repo/HEAD", "binder.test/v2/gh/owner/repo/HEAD", "binder.test/static/dist/bundle.js"
	cut := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}
	broken := func(w http.ResponseWriter, r *http.Request) {
		events(false, building)(w, r)
		panic(http.ErrAbortHandler)
	}
	healthy := binderhub()
	healthy["hub.test/hub/login"] = html("<form>")
	d := newDouble(t, Options{}, healthy)
	for name, c := range map[string]struct {
		where   string
		broken  http.HandlerFunc
		symptom wire.Symptom
		got     string // in the fault
		body    string // in the exchange that proves it
	}{
		"page is a bad gateway":     {page, status(502, "<h1>502 Bad Gateway</h1>nginx"), wire.Status, "502", "nginx"},
		"page is not HTML":          {page, script("{}"), wire.ContentType, "200 text/javascript", ""},
		"page never answers":        {page, cut, wire.EOF, "net::ERR_EMPTY_RESPONSE", ""},
		"bundle is missing":         {asset, status(404, "not here"), wire.Status, "404", ""},
		"bundle is a login page":    {asset, status(200, "log in"), wire.ContentType, "200 text/html", "log in"},
		"bundle is cut off":         {asset, cut, wire.EOF, "net::ERR_EMPTY_RESPONSE", ""},
		"stream is a bad gateway":   {build, status(502, "<center>nginx</center>"), wire.Status, "502", "nginx"},
		"stream is a page":          {build, status(200, "<p>welcome"), wire.ContentType, "200 text/html", "welcome"},
		"stream is cut off":         {build, cut, wire.EOF, "net::ERR_EMPTY_RESPONSE", ""},
		"stream says failed":        {build, events(true, building, `{"phase":"failed","message":"No space left\n"}`), wire.PhaseFailed, "failed: No space left (its log: Step 1/2)", ""},
		"stream ends":               {build, events(false, building), wire.StreamEnded, "after the phase building", ""},
		"stream breaks off":         {build, broken, wire.EOF, "ERR_INCOMPLETE_CHUNKED_ENCODING", ""},
		"page shows failure":        {asset, script(`document.querySelector("#root").innerHTML = "<div id=loader class=error></div><h4>Launching your Binder failed!</h4>"`), wire.PhaseFailed, "Launching your Binder failed!", ""},
		"page knows no such thing":  {asset, script(`document.querySelector("#root").innerHTML = "<h1>404: Not Found</h1>"`), wire.Content, "404: Not Found", ""},
		"server is unavailable":     {"hub.test/user/jo-1/lab", status(503, "Your server appears to be down"), wire.Status, "503", "appears to be down"},
		"server wants a login":      {"hub.test/user/jo-1/lab", http.RedirectHandler("/hub/login", 302).ServeHTTP, wire.Redirected, "/hub/login", ""},
		"server's page is no HTML":  {"hub.test/user/jo-1/lab", script("1"), wire.ContentType, "text/javascript", ""},
		"server redirects for ever": {"hub.test/user/jo-1/lab", http.RedirectHandler("/user/jo-1/lab", 302).ServeHTTP, wire.Redirected, "ERR_TOO_MANY_REDIRECTS", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(healthy.with(c.where, c.broken))
			began := time.Now()
			_, err := d.browser.Launch(limited(t, 20*time.Second), launchURL)
			require.Less(t, time.Since(began), 4*time.Second, "a fault is no timeout: %v", err)
			f, x := requireFault(t, d.tl, err, c.symptom)
			require.Contains(t, f.Got, c.got)
			require.NotNil(t, x)
			require.False(t, d.browser.Launching())
			if c.body != "" {
				require.NotNil(t, x.Body)
				require.Contains(t, x.Body.Prefix, c.body)
			}
		})
	}
}

// An interrupted launch is one that may still bring a server.
func TestLaunching(t *testing.T) {
	d := newDouble(t, Options{}, binderhub().with("binder.test/build/gh/owner/repo/HEAD", events(true, building)))
	require.False(t, d.browser.Launching())
	ctx, cancel := context.WithCancel(limited(t, 20*time.Second))
	failed := make(chan error, 1)
	go func() {
		_, err := d.browser.Launch(ctx, launchURL)
		failed <- err
	}()
	require.NoError(t, d.browser.rec.wait(limited(t, 10*time.Second), func() bool {
		return d.browser.rec.launch.stream != nil && d.browser.rec.launch.stream.stream.phase == "building"
	}))
	require.True(t, d.browser.Launching())
	cancel()
	requireFault(t, d.tl, <-failed, wire.Cancelled)
	require.True(t, d.browser.Launching(), "the page goes on though nobody waits")
}

// What third parties do wrong is not the deployment's.
func TestLaunchForgivesThirdParties(t *testing.T) {
	handler := binderhub().with("binder.test/v2/gh/owner/repo/HEAD", html(`<div id=root></div>
		<script src=http://third.test/missing.js></script><iframe src=http://third.test/missing></iframe>
		<script>new WebSocket("ws://third.test/api/kernels/x/channels")</script><script src=/static/dist/bundle.js></script>`))
	d := newDouble(t, Options{}, handler)
	_, err := d.browser.Launch(limited(t, 20*time.Second), launchURL)
	require.NoError(t, err)
}
