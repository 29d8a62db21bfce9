package scenarios_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// A server that does not stop is named, and so is one that could not be told to.
func TestCleanUp(t *testing.T) {
	d := deployment(t)
	const noEvents = "location ~ /api/events/ { return 404; } "
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		expectation
	}{
		"goes on":        {hubServer(noEvents + "location ~ /api/shutdown$ { return 200; }"), expectation{"clean-up/gone", smoke.Failed, "no answer of the server, got 200 OK"}},
		"is not told to": {hubServer("location ~ /api/shutdown$ { return 403; }"), expectation{"clean-up/shutdown", smoke.Failed, "403"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := alive(t, d)
			trial := trial{ingress: c.ingress, run: []string{"launch"}, budgets: map[string]time.Duration{"clean-up/gone": 2 * time.Second}}
			r := trial.against(t, d)
			c.check(t, r)
			left := newcomers(before, alive(t, d))
			require.Len(t, left, 1)
			require.Len(t, r.Leaked, 1)
			require.Equal(t, "gh/binder-examples/requirements/HEAD", r.Leaked[0].Repository)
			dismiss(t, d, left[0])
		})
	}
}

// A server that took only a repeated shutdown is gone; that it had to be repeated is told all the same.
func TestARepeatedShutdownIsFlaky(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"the connection ended":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a kernel was restarting": text(500, "application/json", `{"message":"Kernel is restarting","reason":null}`),
	} {
		t.Run(name, func(t *testing.T) {
			hub := serve(t, stubbornServer(first))
			ready := handOut(launchedServer{URL: hub.String() + "user/x/", Token: "a-token-of-a-server"})
			r := againstURL(t, nil, serve(t, healthyBinder(map[string]http.HandlerFunc{"/build/": ready})), hub, "launch")
			st := step(t, r, "clean-up/shutdown")
			require.Equal(t, smoke.Flaky, st.Verdict, overview(r))
			require.Contains(t, st.Reason, "The user server's shutdown")
			require.Equal(t, diagnose.Warn, findingOf(t, r, "clean-up/shutdown").Severity)
			expectation{"clean-up/gone", smoke.Pass, ""}.check(t, r)
			require.Empty(t, r.Leaked)
		})
	}
}

// stubbornServer plays a hub with one user server, which takes a shutdown only when it is repeated.
func stubbornServer(first http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/api/shutdown") && asked.Add(1) == 1:
			first(w, r)
		case strings.HasSuffix(r.URL.Path, "/api/shutdown"):
			w.WriteHeader(http.StatusOK)
		case asked.Load() < 2:
			text(200, "application/json", `{"version":"2.21.1"}`)(w, r)
		default:
			http.Redirect(w, r, (&url.URL{Path: "/hub" + r.URL.Path}).String(), http.StatusFound)
		}
	}
}

// A server that hangs on its way out is told as a leak and warned of. A route that leads to nothing is as silent, and is a failure.
func TestAStoppedServerThatIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		lives   bool // its process, and so the websocket that it held when it was told to stop
		verdict smoke.Verdict
		cause   string
	}{
		"its process lives on":  {true, smoke.Pass, "server-not-stopped"},
		"its process has ended": {false, smoke.Failed, diagnose.Unrecognised},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := serve(t, silentServer(c.lives))
			ready := handOut(launchedServer{URL: hub.String() + "user/x/", Token: "a-token-of-a-server"})
			r := engine(t, smoke.Target{
				Name: "small", Binder: serve(t, healthyBinder(map[string]http.HandlerFunc{"/build/": ready})), Hub: hub, UI: true,
				Spec: "gh/owner/repository/HEAD", Scenarios: []string{"launch"}, Repeat: 4,
			}, patience{budgets: map[string]time.Duration{"clean-up/gone": 9 * time.Second}, grace: time.Second}, nil)
			require.Equal(t, c.verdict, step(t, r, "clean-up/gone").Verdict, overview(r))
			require.Equal(t, c.verdict == smoke.Pass, findingOf(t, r, "clean-up/gone").Severity == diagnose.Warn)
			require.Equal(t, c.cause, findingOf(t, r, "clean-up/gone").Cause)
			require.Len(t, r.Leaked, 1)
		})
	}
}

// silentServer plays a hub with one user server, which answers nothing once it was told to stop.
func silentServer(lives bool) http.HandlerFunc {
	told := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/api/shutdown"):
			close(told)
		case strings.HasSuffix(r.URL.Path, "/api/events/subscribe"):
			websocket.Server{Handler: func(c *websocket.Conn) {
				if !lives {
					go func() { <-told; _ = c.Close() }()
				}
				_, _ = io.Copy(io.Discard, c)
			}}.ServeHTTP(w, r)
		case r.URL.Path == "/hub/api/":
			text(200, "application/json", `{"version":"5.5.4"}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/api"):
			select {
			case <-told:
				<-r.Context().Done()
			default:
				text(200, "application/json", `{"version":"2.21.1"}`)(w, r)
			}
		default:
			http.NotFound(w, r)
		}
	}
}
