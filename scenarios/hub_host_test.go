package scenarios_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// proxied answers plain requests as configurable-http-proxy does, and upgrade requests as given.
func proxied(upgrade http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/_chp_healthz":
			http.NotFound(w, r)
		case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
			upgrade(w, r)
		default:
			text(200, "application/json", `{"status":"OK"}`)(w, r)
		}
	}
}

const nginx502 = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// The table of what an upgrade request for the proxy's health URL may meet.
func TestUpgradeCanary(t *testing.T) {
	redirect := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/hub/_chp_healthz")
		w.Header().Set("X-JupyterHub-Version", "5.5.4")
		w.WriteHeader(http.StatusFound)
	}
	for name, c := range map[string]struct {
		hub     http.HandlerFunc
		verdict smoke.Verdict
	}{
		"the hub answers":              {proxied(redirect), smoke.Pass},
		"hub down, proxy's bare 503":   {proxied(text(503, "", "")), smoke.Pass},
		"base_url, proxy's bare 404":   {proxied(text(404, "", "")), smoke.Pass},
		"default target's 424":         {proxied(text(424, "text/html", "Binder not found")), smoke.Pass},
		"upgrade dropped":              {proxied(text(200, "application/json", `{"status":"OK"}`)), smoke.Failed},
		"refused by a proxy":           {proxied(text(502, "text/html", nginx502)), smoke.Failed},
		"forbidden by a proxy":         {proxied(text(403, "text/html", "<html>no</html>")), smoke.Failed},
		"another proxy than CHP":       {text(404, "text/plain", "404 page not found\n"), smoke.Skipped},
		"a page that is not CHP's 200": {text(200, "text/html", "<html>hello</html>"), smoke.Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			r := against(t, nil, c.hub, "hub-host/upgrade")
			expectation{"hub-host/upgrade", c.verdict, ""}.check(t, r)
		})
	}
}

func TestDroppedUpgradeIsNamed(t *testing.T) {
	r := against(t, nil, proxied(text(200, "application/json", `{"status":"OK"}`)), "hub-host/upgrade")
	require.Equal(t, []string{"ws-upgrade-missing"}, causes(r))
	st := step(t, r, "hub-host/upgrade")
	require.NotNil(t, st.ProvedAt)
	require.LessOrEqual(t, *st.ProvedAt, *st.FailedAt)
}

// An ingress that upgrades only the paths of user servers is healthy for kernels: known from the last full run, it is a
// warning, also where no kernel is tried.
func TestDroppedUpgradeIsAWarningWhereKernelsConnect(t *testing.T) {
	known, _, err := state.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	hub := proxied(text(200, "application/json", `{"status":"OK"}`))
	binder := serve(t, nil)
	remember := func(canary, channel smoke.Verdict) {
		at := known.Target(binder)
		require.NoError(t, at.SetCanary(context.Background(), state.Check{Verdict: string(canary), Run: "r", At: time.Now()}))
		require.NoError(t, at.SetChannel(context.Background(), state.Check{Verdict: string(channel), Run: "r", At: time.Now()}))
	}
	run := func() smoke.StepResult {
		r := againstURL(t, known, binder, serve(t, hub), "hub-host/upgrade")
		return step(t, r, "hub-host/upgrade")
	}
	remember(smoke.Failed, smoke.Pass)
	require.Equal(t, smoke.Pass, run().Verdict)
	remember(smoke.Pass, smoke.Pass) // the upgrade used to arrive: that it no longer does is a fault
	require.Equal(t, smoke.Failed, run().Verdict)
}

func TestHubAPI(t *testing.T) {
	for name, c := range map[string]struct {
		hub     http.HandlerFunc
		verdict smoke.Verdict
	}{
		"a version":         {text(200, "application/json", `{"version": "5.5.4"}`), smoke.Pass},
		"a page":            {text(200, "text/html", "<html></html>"), smoke.Failed},
		"JSON of a strange": {text(200, "application/json", `{"hello": 1}`), smoke.Failed},
		"the ingress's 502": {text(502, "text/html", nginx502), smoke.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			r := against(t, nil, c.hub, "hub-host/api")
			expectation{"hub-host/api", c.verdict, ""}.check(t, r)
		})
	}
}

// Without the hub's URL the canary cannot run; the reason says how to give it.
func TestUnknownHubIsBlockedWithAdvice(t *testing.T) {
	r := againstURL(t, nil, serve(t, text(500, "text/plain", "")), (*url.URL)(nil))
	st := step(t, r, "hub-host/upgrade")
	require.Equal(t, smoke.Blocked, st.Verdict)
	require.Contains(t, st.Reason, "SMOKE_HUB")
}

// A hub that is only remembered may be gone with its deployment: that is no fault of the one under test.
func TestRememberedHubThatIsGoneIsInconclusive(t *testing.T) {
	known, _, err := state.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	binder, gone := serve(t, nil), serve(t, text(502, "text/html", nginx502))
	require.NoError(t, known.Target(binder).SetHub(context.Background(), &url.URL{Scheme: "https", Host: "127.0.0.1:1", Path: "/"}))
	r := againstURL(t, known, binder, nil, "hub-host/tls")
	require.Equal(t, smoke.Inconclusive, step(t, r, "hub-host/tls").Verdict)
	require.Contains(t, step(t, r, "hub-host/tls").Reason, "SMOKE_HUB")

	require.NoError(t, known.Target(binder).SetHub(context.Background(), gone))
	r = againstURL(t, known, binder, nil, "hub-host/api")
	require.Equal(t, smoke.Failed, step(t, r, "hub-host/api").Verdict, "no launch has told another hub")
}
