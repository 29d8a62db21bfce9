package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// A signature is a hand-made timeline with one fault in it.
type signature struct {
	name     string
	make     func(h *hand)
	hop      Hop
	severity Severity // Fail when empty
	suspects []string // must be among the finding's
}

// signatures holds, for each cause, timelines that must be named so.
var signatures = map[string][]signature{}

// known adds signatures of a cause; test files of the groups call it when they are loaded.
func known(cause string, s ...signature) bool {
	signatures[cause] = append(signatures[cause], s...)
	return true
}

func TestEverySignatureIsNamed(t *testing.T) {
	for cause, list := range signatures {
		for i, s := range list {
			t.Run(fmt.Sprintf("%s/%d %s", cause, i, s.name), func(t *testing.T) {
				h := byHand(t)
				s.make(h)
				f := h.one(cause)
				require.NotEmpty(t, f.Summary)
				require.NotContains(t, f.Summary, "%!")
				require.False(t, strings.HasSuffix(f.Summary, "."), "a summary has no full stop: %s", f.Summary)
				require.NotEmpty(t, f.Remedy)
				if s.hop != "" {
					require.Equal(t, s.hop, f.Hop)
				}
				if s.severity == "" {
					s.severity = Fail
				}
				require.Equal(t, s.severity, f.Severity)
				for _, want := range append(s.suspects, cause) {
					if cause != Unrecognised && !slices.Contains(noFaults, want) {
						require.Contains(t, f.Suspects, want)
					}
				}
				require.Equal(t, h.diagnose(), h.diagnose(), "diagnosis is not deterministic")
			})
		}
	}
}

// noFaults are causes that no fault is called by: each is one of several looks of a fault.
var noFaults = []string{"git-host-unreachable", "ws-handshake-refused", "ref-no-longer-resolves"}

func TestEveryCauseHasASignature(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range Causes() {
		require.False(t, seen[id], "two causes are called %s", id)
		seen[id] = true
		require.NotEmpty(t, signatures[id], "no timeline shows %s", id)
	}
	for id := range signatures {
		require.True(t, seen[id], "timelines show %s, which is no cause", id)
	}
}

func TestEveryCauseIsComplete(t *testing.T) {
	for _, c := range rules {
		require.NotEmpty(t, c.Title, c.ID)
		require.NotEmpty(t, c.Remedy, c.ID)
		require.NotEmpty(t, c.Suspects, c.ID)
		for _, m := range append(append([]string{}, c.Mutes...), c.MutesLaunch...) {
			require.Contains(t, causes, m, "%s mutes what does not exist", c.ID)
			require.NotEqual(t, c.ID, m)
		}
	}
}

// page answers of applications, as seen from BinderHub, JupyterHub 5.5.4 and jupyter_server 2.21.1 behind nginx 1.22.1.
var (
	binderPage = answer{status: 200, body: `<html><script>window.pageConfig = {"baseUrl":"/"};</script></html>`,
		header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html", "Access-Control-Allow-Headers", "cache-control")}
	hubAPI = answer{status: 200, body: `{"version": "5.5.4"}`, header: headers("Server", "nginx/1.22.1", "X-Jupyterhub-Version", "5.5.4",
		"Content-Type", "application/json", "Content-Security-Policy", "frame-ancestors 'none'; report-uri /hub/security/csp-report; default-src 'none'")}
	serverAPI = answer{status: 200, body: `{"version": "2.21.1"}`, header: headers("Server", "nginx/1.22.1", "Content-Type", "application/json",
		"X-Content-Type-Options", "nosniff", "Content-Security-Policy", "frame-ancestors 'self'; report-uri /user/binder-x-abc123/api/security/csp-report; default-src 'none'")}
	socketOpen = answer{status: 101, reason: "Switching Protocols", header: headers("Server", "nginx/1.22.1", "Upgrade", "websocket", "Connection", "upgrade")}
)

const (
	channels  = "api/kernels/38a0fb50-c15e-4826-9653-7ad7ff8c2f5e/channels?session_id=a"
	tornado   = `Can "Upgrade" only to "WebSocket".`
	buildURL  = binderURL + "/build/gh/binder-examples/requirements/HEAD"
	serverTop = `<!DOCTYPE HTML>
<html><head><title>Jupyter Server</title></head>`
)

func (a answer) with(change func(*answer)) answer {
	change(&a)
	return a
}

func (a answer) from(client wire.Client) answer {
	a.client = client
	return a
}

// served is a deployment that answers on both hosts.
func (h *hand) served() {
	h.get("binder-host/page", binderURL+"/", binderPage)
	h.get("hub-host/api", hubURL+"/hub/api/", hubAPI)
	h.get("server/api", serverURL+"api", serverAPI)
}

// build is a launch whose stream holds the given events, and then ends.
func (h *hand) build(gap time.Duration, end wire.Symptom, events ...string) wire.ExchangeID {
	step := "launch/build"
	id := h.exchange(step, wire.TypeStream, buildURL, answer{status: 200, header: headers("Content-Type", "text/event-stream", "Access-Control-Allow-Headers", "cache-control")})
	for _, e := range events {
		h.now += gap
		h.add(at(step), wire.Raw, id, wire.KindEvent, wire.Event{Data: e})
	}
	h.now += gap
	h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: end})
	return id
}

// launchFails is a launch that ends with an event "failed" after the given ones.
func launchFails(events ...string) func(*hand) {
	return func(h *hand) {
		id := h.build(10*time.Millisecond, "", events...)
		h.fails("launch/build", wire.PhaseFailed, "failed", id)
	}
}

func failedEvent(code int, message string) string {
	if code == 0 {
		return fmt.Sprintf(`{"phase": "failed", "message": %q}`, message+"\n")
	}
	return fmt.Sprintf(`{"phase": "failed", "status_code": %d, "message": %q}`, code, message+"\n")
}

func launchingEvent(message string) string {
	return fmt.Sprintf(`{"phase": "launching", "message": %q}`, message+"\n")
}

const builtEvent = `{"phase": "built", "imageName": "x", "message": "Found built image, launching...\n"}`

// failsWith is one request that fails with an answer.
func failsWith(step, url string, symptom wire.Symptom, a answer) func(*hand) {
	return func(h *hand) {
		id := h.get(step, url, a)
		h.fails(step, symptom, fmt.Sprint(a.status, " ", a.err), id)
	}
}

func socketFails(step, path string, a answer) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.ws(step, serverURL+path, a)
		h.fails(step, wire.UpgradeRefused, fmt.Sprint(a.status), id)
	}
}
