package browser

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// heard keeps what a server was sent.
type heard struct {
	mu      sync.Mutex
	asks    map[string]string // path to the secret header
	arrived chan string       // paths; nil tells nobody
}

func (h *heard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks[r.URL.Path] = r.Header.Get("X-Secret")
	if h.arrived != nil {
		h.arrived <- r.URL.Path
	}
	http.NotFound(w, r)
}

func (h *heard) all() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	copied := map[string]string{}
	for path, value := range h.asks {
		copied[path] = value
	}
	return copied
}

func TestHeadersReachTheTargetsHostsOnly(t *testing.T) {
	needsChromium(t)
	own, other, plain := &heard{asks: map[string]string{}, arrived: make(chan string, 100)}, &heard{asks: map[string]string{}}, &heard{asks: map[string]string{}}
	stranger := httptest.NewServer(other)
	defer stranger.Close()
	sister := httptest.NewServer(plain) // another port of the target's own host
	defer sister.Close()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			own.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		port := portOf(stranger.URL)
		fmt.Fprintf(w, `<img src="http://other.smoke.test:%[1]s/name"><img src="%[2]s/address"><img src="%[3]s/port">
<script>new WebSocket("ws://" + location.host + "/socket"); new WebSocket("%[2]s/socket".replace("http", "ws"));
fetch("/fetch").then(() => fetch("%[2]s/fetch").catch(() => fetch("/end")));</script>`, port, stranger.URL, sister.URL)
	}))
	defer target.Close()

	tl := newTimeline(target.URL+"/", target.URL+"/")
	ctx := limited(t, 60*time.Second)
	b, err := Start(ctx, Options{
		Timeline: tl, Header: http.Header{"X-Secret": {"hunter2hunter2"}},
		Resolve: map[string]string{"other.smoke.test:1": "127.0.0.1:1"},
	})
	var f *wire.Fault
	if errors.As(err, &f) && strings.Contains(f.Want, "151 or later") {
		require.True(t, f.Inconclusive, "this machine's Chromium cannot do it, and says so")
		return
	}
	require.NoError(t, err)
	defer b.Close(ctx)
	require.NoError(t, b.navigate(ctx, target.URL+"/"))
	for own.all()["/end"] == "" || own.all()["/socket"] == "" {
		select {
		case <-own.arrived:
		case <-ctx.Done():
			require.Fail(t, "the page did not ask for all", "%v", own.all())
		}
	}
	assert.Equal(t, "hunter2hunter2", own.all()["/fetch"])
	assert.Equal(t, "hunter2hunter2", own.all()["/socket"], "a websocket's handshake carries it too")
	assert.Empty(t, other.all(), "no other host was even reached")
	assert.Empty(t, plain.all(), "nor another port of the same host")
	for r := range tl.Records() {
		assert.NotContains(t, string(r.Data), "hunter2hunter2")
	}
}

func TestHeadersNeedBothHosts(t *testing.T) {
	f := requireNoStart(t, Options{Timeline: newTimeline(binderURL, ""), Header: http.Header{"X-Secret": {"x"}}})
	assert.Contains(t, f.Got, "set SMOKE_HUB")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	for _, exempt := range []string{"binder.example.org", "hub.example.org"} {
		t.Setenv("NO_PROXY", exempt)
		f = requireNoStart(t, Options{Timeline: newTimeline("https://binder.example.org/", "https://hub.example.org/"), Header: http.Header{"X-Secret": {"x"}}})
		assert.Contains(t, f.Got, "NO_PROXY")
	}
}

func TestHeadersNeedANewBrowser(t *testing.T) {
	for product, refused := range map[string]bool{
		"Chrome/150.0.7871.100": true, "HeadlessChrome/99.1": true, "Chrome/151.0.1.2": false, "Chrome/156.0.8078.79": false, "Other": false, "": false,
	} {
		f := tooOld(product)
		require.Equal(t, refused, f != nil, product)
		if refused {
			require.True(t, f.Inconclusive)
			require.Equal(t, product, f.Got)
		}
	}
}

func requireNoStart(t *testing.T, o Options) *wire.Fault {
	t.Helper()
	b, err := Start(t.Context(), o)
	require.Nil(t, b)
	var f *wire.Fault
	require.ErrorAs(t, err, &f)
	require.True(t, f.Inconclusive)
	return f
}

func portOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Port()
}
