package scenarios_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// held is a BinderHub that has the image of its one repository, and holds the streams of what it builds anew.
func held(t *testing.T, hold, keepalive time.Duration, repository string) func(*binderhub.Config) {
	return func(c *binderhub.Config) {
		c.BuiltHold, c.KeepaliveInterval, c.ReposFile = hold, keepalive, repositories(t, "    cached: true\n"+repository)
	}
}

func rebuilding(target *smoke.Target) { target.Rebuild = true }

const quickBuild = "    build: {duration: 500ms, log: [Collecting numpy]}\n"

// An image that is not cached, on a BinderHub whose keepalives and whose last minute are scaled down to seconds.
func TestRebuild(t *testing.T) {
	d := deployment(t)
	const failing = "    build: {duration: 500ms, fails: 'ERROR: No matching distribution found'}\n"
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"builds":      {trial{binder: held(t, 2*time.Second, 500*time.Millisecond, quickBuild), target: rebuilding}, expectation{"rebuild/spawn", smoke.Pass, ""}},
		"build fails": {trial{binder: held(t, 2*time.Second, 500*time.Millisecond, failing), target: rebuilding}, expectation{"rebuild/build", smoke.Inconclusive, "No matching distribution found"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.run = []string{"rebuild"}
			r := c.against(t, d)
			c.check(t, r)
			expectation{"clean-up/gone", smoke.Pass, ""}.check(t, r)
		})
	}
}

// What happens to the stream in its last minute, which BinderHub holds open after "ready".
func TestRebuiltStreamIsHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("a silence longer than BinderHub's keepalives takes its time")
	}
	d := deployment(t)
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"no keepalives": {trial{binder: held(t, 32*time.Second, -1, quickBuild)}, expectation{"rebuild/spawn", smoke.Failed, "keepalives while the stream is held, one each 25 s, got nothing for"}},
		"cut": {trial{binder: held(t, 30*time.Second, -1, quickBuild), ingress: func(in *fixtures.Ingress) { in.Binder.ReadTimeout = "15s" }},
			expectation{"rebuild/spawn", smoke.Failed, "an event stream that ends with a last chunk"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.target, c.run = rebuilding, []string{"rebuild"}
			r := c.against(t, d)
			c.check(t, r)
			require.Equal(t, map[string]string{"no keepalives": "sse-keepalive-lost", "cut": "sse-idle-cut"}[name], findingOf(t, r, c.step).Cause)
			expectation{"clean-up/gone", smoke.Pass, ""}.check(t, r)
		})
	}
}

// A repository whose name can be written in one way only cannot be built anew: that is no fault of anybody.
func TestRebuildNeedsAnotherName(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		expectation
	}{
		"a Git URL":     {"git/https%3A%2F%2Fexample.org%2Fx/HEAD", expectation{"rebuild/build", smoke.Skipped, "no way to name"}},
		"no letters":    {"gh/1234/5678/HEAD", expectation{"rebuild/build", smoke.Skipped, "no way to name"}},
		"built already": {"gh/a/b/HEAD", expectation{"rebuild/build", smoke.Inconclusive, "had been built before"}},
	} {
		t.Run(name, func(t *testing.T) {
			hub := serve(t, userServer())
			c.check(t, launchedBy(t, stream(inOrder, built, launching, readyAt(hub.String()+"user/x/")), func(target *smoke.Target) {
				target.Spec, target.Rebuild, target.Scenarios = c.spec, true, []string{"rebuild"}
			}, nil))
		})
	}
}

// A build that shows no log leaves users in the dark.
func TestRebuildWithoutLog(t *testing.T) {
	hub := serve(t, userServer())
	r := launchedBy(t, stream(inOrder, waiting, strings.Replace(built, "Found built", "Built", 1), launching, readyAt(hub.String()+"user/x/")), func(target *smoke.Target) {
		target.Rebuild, target.Scenarios = true, []string{"rebuild"}
	}, nil)
	expectation{"rebuild/build", smoke.Failed, "the build's log lines"}.check(t, r)
}

// A federation whose members take turns: the rebuild is another member's, whose hub is its own. Both are shut down.
func TestRebuildOnAnotherMember(t *testing.T) {
	type member struct {
		base, hub *url.URL
		asked     atomic.Int32
	}
	var members [2]member
	for i := range members {
		m := &members[i]
		m.hub = serve(t, userServer())
		m.base = serve(t, func(w http.ResponseWriter, r *http.Request) {
			events := []string{built, launching, readyAt(m.hub.String() + "user/x/")}
			if m.asked.Add(1); i == 1 {
				events = []string{waiting, `data: {"phase":"building","message":"Step 1\n"}`, strings.Replace(built, "Found built", "Built", 1), launching, events[2]}
			}
			stream(inOrder, events...)(w, r)
		})
	}
	var turn atomic.Int32
	r := launchedBy(t, func(w http.ResponseWriter, r *http.Request) {
		handedTo(members[(turn.Add(1)-1)%2].base)(w, r)
	}, func(target *smoke.Target) { target.Rebuild, target.Scenarios = true, []string{"rebuild"} }, nil)
	expectation{"rebuild/spawn", smoke.Pass, ""}.check(t, r)
	expectation{"clean-up/gone", smoke.Pass, ""}.check(t, r)
	require.Empty(t, r.Leaked)
	require.Equal(t, members[0].hub.String(), r.Hub)
	for i := range members {
		require.EqualValues(t, 1, members[i].asked.Load(), "a launch is asked for once")
		require.Contains(t, r.Notes, "the federation handed the launch to "+members[i].base.String())
		response, err := http.Get(members[i].hub.String() + "user/x/api")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "it was shut down")
	}
}

// What is wrong with a member's server is told of the member.
func TestMemberThatIsBroken(t *testing.T) {
	hub := serve(t, text(502, "text/html", nginx502))
	member := serve(t, stream(inOrder, built, launching, readyAt(hub.String()+"user/x/")))
	r := launchedBy(t, handedTo(member), func(target *smoke.Target) { target.Hub = serve(t, nil) }, nil)
	expectation{"launch/route", smoke.Failed, "at " + hub.String() + "user/x/api: expected 200"}.check(t, r)
	require.Equal(t, wire.RoleServer, findingOf(t, r, "launch/route").Role)
}

// The same on the real deployment: its BinderHub stands behind another host that hands all launches to it.
func TestRebuildOnAMember(t *testing.T) {
	d := deployment(t)
	before := alive(t, d)
	address := binderHub(t, d, held(t, 2*time.Second, 500*time.Millisecond, quickBuild))
	member := &url.URL{Scheme: "http", Host: address, Path: "/"}
	pages := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(member) }} // its tokens are for the member's host
	front := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/build/") {
			handedTo(member)(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	r := trial{upstream: front, target: rebuilding, run: []string{"rebuild"}}.against(t, d)
	expectation{"launch/route", smoke.Pass, ""}.check(t, r)
	expectation{"rebuild/spawn", smoke.Pass, ""}.check(t, r)
	expectation{"clean-up/gone", smoke.Pass, ""}.check(t, r)
	require.Contains(t, r.Notes, "the federation handed the launch to "+member.String())
	require.Empty(t, newcomers(before, alive(t, d)))
}

// A run without a rebuild says what it has not tried of the builder, where its verdict stands.
func TestNotRebuilt(t *testing.T) {
	anew := strings.Replace(built, "Found built", "Built", 1)
	for reason, events := range map[string][]string{
		"rebuild (only a cached image was launched; SMOKE_REBUILD=on builds one anew)":                    {built, launching},
		"rebuild (not asked for; the launch built its image itself, and SMOKE_REBUILD=on builds another)": {waiting, anew, launching},
	} {
		hub := serve(t, userServer())
		r := launchedBy(t, stream(inOrder, append(events, readyAt(hub.String()+"user/x/"))...), func(target *smoke.Target) { target.Scenarios = []string{"rebuild"} }, nil)
		expectation{"rebuild/build", smoke.Skipped, "SMOKE_REBUILD=on"}.check(t, r)
		require.Contains(t, r.NotTried, reason)
	}
}
