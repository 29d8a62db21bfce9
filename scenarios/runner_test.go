package scenarios_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// Troubles of the machine that runs the suite, and of its standing with the target, say nothing about the deployment.

func TestWithoutABrowser(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("the browser is found without PATH")
	}
	d := deployment(t)
	t.Setenv("PATH", t.TempDir())
	r := trial{run: []string{"binder-host/page", "notebook/launch"}}.against(t, d)
	expectation{"binder-host/page", smoke.Pass, ""}.check(t, r)
	expectation{"notebook/launch", smoke.Inconclusive, "apt-get install chromium"}.check(t, r)
	require.Equal(t, []string{"no-browser"}, causes(r))
	require.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestABotChallengeStopsTheSuite(t *testing.T) {
	challenge := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "cloudflare")
		w.Header().Set("Cf-Mitigated", "challenge")
		text(http.StatusForbidden, "text/html; charset=UTF-8", "<!DOCTYPE html><title>Just a moment...</title>")(w, r)
	}
	r := against(t, challenge, challenge, "binder-host", "hub-host/api", "hub-host/repeat")
	for _, id := range []string{"binder-host/page", "binder-host/health", "hub-host/api"} {
		expectation{id, smoke.Inconclusive, "403"}.check(t, r)
	}
	for _, f := range r.Findings {
		require.Equal(t, "bot-challenge", f.Cause)
		require.Equal(t, diagnose.HopEdge, f.Hop)
	}
	require.Equal(t, smoke.Inconclusive, r.Verdict)
}

// A certificate that has expired by our clock only: the target's plain port tells another time.
func TestAWrongClock(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		life, ahead time.Duration // of the certificate, from now; of the target's clock
		cause       string
		verdict     smoke.Verdict
	}{
		"ours is ahead":              {-10 * day, -20 * day, "clock-skew", smoke.Inconclusive},
		"ours is behind":             {100 * day, 20 * day, "clock-skew", smoke.Inconclusive},
		"it has expired":             {-10 * day, 0, "tls-expired-front", smoke.Failed},
		"it is of the future":        {100 * day, 0, "tls-expired-front", smoke.Failed},
		"both clocks are after it":   {-30 * day, -20 * day, "tls-expired-front", smoke.Failed},
		"the target does not say so": {100 * day, 1, "clock-skew", smoke.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			u, authorities := replicas(t, "clock.smoke.test", map[string]time.Duration{"127.0.0.1": c.life})
			plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
				if c.ahead == 1 {
					w.Header()["Date"] = nil
				}
				http.Redirect(w, r, "https://clock.smoke.test/", http.StatusMovedPermanently)
			}))
			defer plain.Close()
			target := asked(u, authorities, "binder-host/tls")
			target.Resolve = map[string]string{"clock.smoke.test:443": "127.0.0.1:" + u.Port(), "clock.smoke.test:80": plain.Listener.Addr().String()}
			site := *u
			site.Host = "clock.smoke.test"
			target.Binder = &site
			r := engine(t, target, patience{}, nil)
			expectation{"binder-host/tls", c.verdict, ""}.check(t, r)
			require.Equal(t, []string{c.cause}, causes(r))
		})
	}
}
