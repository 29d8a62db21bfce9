package scenarios_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// stream plays /build: these texts, each flushed, and then what end does.
func stream(end func(w http.ResponseWriter, r *http.Request), texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range texts {
			_, _ = w.Write([]byte(text + "\n\n"))
			_ = http.NewResponseController(w).Flush()
		}
		end(w, r)
	}
}

// The ways in which a stream can end.
var (
	inOrder = func(http.ResponseWriter, *http.Request) {}
	cut     = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	stays   = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
)

const (
	built     = `data: {"phase":"built","message":"Found built image, launching...\n"}`
	launching = `data: {"phase":"launching","message":"Server requested\n"}`
	waiting   = `data: {"phase":"waiting","message":"Waiting for build to start...\n"}`
)

func failed(code int, message string) string {
	return fmt.Sprintf(`data: {"phase":"failed","status_code":%d,"message":%q}`, code, message)
}

// launchedBy launches at a BinderHub whose /build is played, with no more patience than a test has.
func launchedBy(t *testing.T, build http.HandlerFunc, change func(*smoke.Target), budgets map[string]time.Duration) smoke.TargetResult {
	t.Helper()
	target := smoke.Target{
		Name: "small", Binder: serve(t, healthyBinder(map[string]http.HandlerFunc{"/build/": build})), UI: true,
		Spec: "gh/owner/repository/HEAD", Scenarios: []string{"launch"}, Repeat: 4,
	}
	if change != nil {
		change(&target)
	}
	return engine(t, target, patience{budgets: budgets, grace: 500 * time.Millisecond}, nil)
}

// Every way in which a launch's stream ends is an outcome of its own, at the step that was under way.
func TestWaysAStreamEnds(t *testing.T) {
	spawnFailed := `data: {"phase":"launching","message":"Spawn failed: no node has room\n"}`
	for name, c := range map[string]struct {
		build  http.HandlerFunc
		leaked int
		expectation
	}{
		"end at once":          {stream(inOrder), 1, expectation{"launch/build", smoke.Failed, "the stream's end after nothing"}},
		"end while building":   {stream(inOrder, waiting), 1, expectation{"launch/build", smoke.Failed, "the stream's end after"}},
		"end while launching":  {stream(inOrder, built, launching), 1, expectation{"launch/spawn", smoke.Failed, `the stream's end after "Server requested"`}},
		"cut while building":   {stream(cut, waiting), 1, expectation{"launch/build", smoke.Failed, "unexpected EOF"}},
		"cut while launching":  {stream(cut, built, launching), 1, expectation{"launch/spawn", smoke.Failed, "unexpected EOF"}},
		"build fails":          {stream(stays, waiting, `data: {"phase":"failed","message":"ERROR: no matching distribution\n"}`), 0, expectation{"launch/build", smoke.Inconclusive, "no matching distribution"}},
		"bare failed":          {stream(stays, waiting, `data: {"phase":"failed"}`), 0, expectation{"launch/build", smoke.Failed, "Waiting for build"}},
		"spawn fails":          {stream(inOrder, built, launching, spawnFailed, failed(500, "Failed to launch image\n")), 0, expectation{"launch/spawn", smoke.Failed, "status_code 500"}},
		"reason only before":   {stream(inOrder, built, spawnFailed, failed(500, "")), 0, expectation{"launch/spawn", smoke.Failed, "no node has room"}},
		"no JSON":              {stream(stays, "data: hello"), 1, expectation{"launch/build", smoke.Failed, "hello"}},
		"a page":               {text(200, "text/html", "<html>"), 0, expectation{"launch/build", smoke.Failed, "text/html"}},
		"ingress has no one":   {text(502, "text/html", nginx502), 0, expectation{"launch/build", smoke.Failed, "502"}},
		"ready without a URL":  {stream(inOrder, built, `data: {"phase":"ready","token":"t"}`), 1, expectation{"launch/spawn", smoke.Failed, "the URL of a user server"}},
		"ready with no URL":    {stream(inOrder, built, `data: {"phase":"ready","token":"t","url":"://"}`), 1, expectation{"launch/spawn", smoke.Failed, "://"}},
		"Accept was taken off": {stream(inOrder, failed(400, "Missing Accept header: text/event-stream\n")), 0, expectation{"launch/build", smoke.Failed, "Accept"}},
		"token not accepted":   {stream(inOrder, failed(403, "Invalid build token\n")), 0, expectation{"launch/build", smoke.Failed, "Invalid build token"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := launchedBy(t, c.build, nil, nil)
			c.check(t, r)
			require.Len(t, r.Leaked, c.leaked)
		})
	}
}

// A stream that stops moving is noticed, and the sentence says where it stood. That no keepalive came for 65 s is tested
// beside the stream's client.
func TestAStreamThatStalls(t *testing.T) {
	short := map[string]time.Duration{"launch/build": time.Second, "launch/spawn": time.Second}
	alive := func(w http.ResponseWriter, r *http.Request) {
		for tick := time.Tick(100 * time.Millisecond); ; {
			select {
			case <-r.Context().Done():
				return
			case <-tick:
				_, _ = w.Write([]byte(":keepalive\n\n"))
				_ = http.NewResponseController(w).Flush()
			}
		}
	}
	for name, c := range map[string]struct {
		build http.HandlerFunc
		expectation
	}{
		"before any event":       {stream(stays), expectation{"launch/build", smoke.Failed, "HEAD: expected \"ready\" within the step's time, got nothing new after nothing"}},
		"while the build waits":  {stream(stays, waiting), expectation{"launch/build", smoke.Failed, "Waiting for build to start"}},
		"while launching":        {stream(stays, built, launching), expectation{"launch/spawn", smoke.Failed, "Server requested"}},
		"but for its keepalives": {stream(alive, built, launching), expectation{"launch/spawn", smoke.Failed, "keepalives)"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := launchedBy(t, c.build, nil, short)
			c.check(t, r)
			require.Len(t, r.Leaked, 1, "BinderHub goes on with it")
		})
	}
}

// userServer answers for a launched server as its API does, and after it was told to stop as the proxy does.
func userServer() http.HandlerFunc {
	var stopped atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case stopped.Load():
			w.Header()["Content-Type"] = nil // as configurable-http-proxy, which names none
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, http.StatusText(http.StatusServiceUnavailable))
		case strings.HasSuffix(r.URL.Path, "/api/shutdown"):
			stopped.Store(true)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/api"):
			text(200, "application/json", `{"version": "2.21.1"}`)(w, r)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

func readyAt(u string) string {
	return fmt.Sprintf(`data: {"phase":"ready","url":%q,"token":"a-server-token"}`, u)
}

// handedTo hands each launch to a member of a federation.
func handedTo(u *url.URL) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimSuffix(u.String(), "/")+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}
}

// A federation hands a launch to a member by a redirect. It is followed once, the member is recorded, and no further.
func TestFederation(t *testing.T) {
	hub := serve(t, userServer())
	var asked, askedTwice atomic.Int32
	counted := func(n *atomic.Int32, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { n.Add(1); h(w, r) }
	}
	member := serve(t, counted(&asked, stream(inOrder, built, launching, readyAt(hub.String()+"user/x/"))))
	r := launchedBy(t, handedTo(member), nil, nil)
	expectation{"launch/route", smoke.Pass, ""}.check(t, r)
	require.EqualValues(t, 1, asked.Load())
	require.Contains(t, strings.Join(r.Notes, "\n"), member.String())

	relay := serve(t, counted(&askedTwice, handedTo(member)))
	r = launchedBy(t, handedTo(relay), nil, nil)
	expectation{"launch/build", smoke.Failed, "307"}.check(t, r)
	require.EqualValues(t, 1, askedTwice.Load())
	require.EqualValues(t, 1, asked.Load(), "the second redirect was not followed")
}

// A redirect to a login is no member of a federation.
func TestALoginIsNoFederation(t *testing.T) {
	r := launchedBy(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/hub/login", http.StatusFound) }, nil, nil)
	expectation{"launch/build", smoke.Inconclusive, "302"}.check(t, r)
	require.Equal(t, "login-required", findingOf(t, r, "launch/build").Cause)
}

// What BinderHub refuses for reasons that are not the deployment's says nothing about the deployment.
func TestRefusalsAreInconclusive(t *testing.T) {
	for name, message := range map[string]string{
		"rate limit": failed(429, "Rate limit exceeded. Try again in 3600 seconds.\n"),
		"quota":      failed(500, "Too many users on this BinderHub! Try again soon.\n"),
		"repo quota": failed(500, "Too many users running owner/repository! Try again soon.\n"),
		"ban":        failed(403, "Requests from a cloud are not allowed\n"),
		"banned":     failed(0, "Sorry, owner/repository is not allowed to launch. Please contact admins for more info!"),
		"refused":    failed(0, "Sorry, owner/repository has been temporarily disabled from launching.\n"),
		"no ref":     failed(0, "Could not resolve ref for gh:owner/repository/HEAD. Double check your URL and that your repo is public.\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := launchedBy(t, stream(inOrder, message), nil, nil)
			expectation{"launch/build", smoke.Inconclusive, ""}.check(t, r)
			require.NotEmpty(t, findingOf(t, r, "launch/build").Remedy)
			require.NotEqual(t, diagnose.Unrecognised, findingOf(t, r, "launch/build").Cause)
			require.Empty(t, r.Leaked)
		})
	}
}

// BinderHub sees an address of the inside in place of ours, though we come from outside: its visitors' addresses are lost on
// the way. That BinderHub is at a public address is what DNS says when it is first asked.
func TestWhomBinderHubSees(t *testing.T) {
	const public = "203.0.113.7"
	for name, c := range map[string]struct {
		seen, binder string
		warned       bool
	}{
		"a pod's address":         {"10.244.3.9", public, true},
		"a node's, by IPv6":       {"fd00:10::9", public, true},
		"of a shared range":       {"100.64.1.2", public, true},
		"of a sidecar":            {"127.0.0.1", public, true},
		"mapped into IPv6":        {"::ffff:10.244.3.9", public, true},
		"ours":                    {"198.51.100.20", public, false},
		"nothing":                 {"", public, false},
		"of a private deployment": {"10.244.3.9", "10.1.2.3", false},
	} {
		t.Run(name, func(t *testing.T) {
			hub := serve(t, userServer())
			ready := fmt.Sprintf(`data: {"phase":"ready","url":%q,"token":"a-server-token","binder_client_ip":%q}`, hub.String()+"user/x/", c.seen)
			seen := &endings{steps: map[string]smoke.StepResult{}}
			namesNow(t, func() map[string][]string {
				if !seen.ended("binder-host/dns") {
					return map[string][]string{"binder.smoke.test": {c.binder}}
				}
				return map[string][]string{"binder.smoke.test": {"127.0.0.1"}}
			})
			u := serve(t, healthyBinder(map[string]http.HandlerFunc{"/build/": stream(inOrder, built, launching, ready)}))
			u.Host = "binder.smoke.test:" + u.Port()
			r := engine(t, smoke.Target{
				Name: "small", Binder: u, UI: true, Spec: "gh/owner/repository/HEAD", Scenarios: []string{"launch"}, Repeat: 4,
			}, patience{grace: 500 * time.Millisecond, observer: seen}, nil)
			if !c.warned {
				expectation{"launch/spawn", smoke.Pass, ""}.check(t, r)
				require.Empty(t, r.Findings)
				return
			}
			requireWarning(t, r, "launch/spawn", "expected our public address as binder_client_ip")
			require.Equal(t, "client-ip-lost", findingOf(t, r, "launch/spawn").Cause)
		})
	}
}
