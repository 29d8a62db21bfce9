package scenarios_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// slow is a repository whose build takes longer than a stream that is held back may keep silent.
const slow = "    build: {duration: 2500ms, log: [Collecting numpy]}\n"

// What an ingress does to the event stream.
func TestLaunchThroughAnIngress(t *testing.T) {
	d := deployment(t)
	building := func(c *binderhub.Config) { c.ReposFile, c.BuiltHold = repositories(t, slow), -1 }
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"live": {trial{binder: building}, expectation{"launch/build", smoke.Pass, ""}},
		"held back": {trial{binder: building, ingress: func(in *fixtures.Ingress) { in.Binder.HTTP10, in.Binder.Buffering = true, true }},
			expectation{"launch/build", smoke.Failed, "all of them in a heap"}},
		"held back by compression": {trial{binder: building, ingress: func(in *fixtures.Ingress) {
			in.Binder.Buffering, in.Binder.Location = true, "gzip on; gzip_types text/event-stream; gzip_min_length 1; gzip_proxied any;"
		}}, expectation{"launch/build", smoke.Failed, "all of them in a heap"}},
		"cut by a short timeout": {trial{binder: func(c *binderhub.Config) {
			c.ReposFile = repositories(t, "    build: {duration: 60s, log: [Collecting numpy]}\n")
		}, ingress: func(in *fixtures.Ingress) { in.Binder.ReadTimeout = "1s" }, grace: time.Second},
			expectation{"launch/build", smoke.Failed, "an event stream that ends with a last chunk"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.run = []string{c.step}
			c.check(t, c.against(t, d))
		})
	}
}

// Where "ready" sends users, if not to the hub by https.
func TestWhereReadyLeads(t *testing.T) {
	d := deployment(t)
	hub := func(u string) func(*binderhub.Config) { return func(c *binderhub.Config) { c.HubURL = u } }
	for name, c := range map[string]struct {
		hub string
		expectation
	}{
		"in the clear":    {strings.Replace(d.HubURL, "https", "http", 1), expectation{"launch/spawn", smoke.Failed, "an https:// URL of the user server"}},
		"to another host": {"https://other.smoke.test", expectation{"launch/spawn", smoke.Failed, "a user server below https://hub.smoke.test/"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := alive(t, d)
			trial := trial{binder: hub(c.hub), run: []string{"launch"}, target: func(target *smoke.Target) {
				target.Resolve["other.smoke.test:443"] = closedPort(t)
			}}
			c.check(t, trial.against(t, d))
			for _, user := range newcomers(before, alive(t, d)) {
				dismiss(t, d, user) // clean-up could not know where it is
			}
		})
	}
}

// An ingress that does not say that visitors came by https: BinderHub believes that it is at http://.
func TestLostForwardedProto(t *testing.T) {
	d := deployment(t)
	address := binderHub(t, d, func(*binderhub.Config) {})
	r := trial{run: []string{"launch/spawn"}, ingress: func(in *fixtures.Ingress) {
		in.Binder.WithoutRoot = true
		in.Binder.Server = fmt.Sprintf("location / { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_buffering off; }", address)
	}}.against(t, d)
	requireWarning(t, r, "launch/spawn", "X-Forwarded-Proto")
}

// What BinderHub refuses on the real deployment: it says nothing about the deployment, and the remedy says what to do.
func TestRefusals(t *testing.T) {
	d := deployment(t)
	none := 0
	apiOnly := func(target *smoke.Target) { target.UI = false }
	for name, c := range map[string]struct {
		binder func(*binderhub.Config)
		target func(*smoke.Target)
		expectation
	}{
		"rate limit": {func(c *binderhub.Config) { c.RateLimit, c.APIOnly = 1, true }, apiOnly, expectation{"launch/build", smoke.Inconclusive, "Rate limit exceeded"}},
		"ban":        {func(c *binderhub.Config) { c.BanNetworks, c.APIOnly = map[string]string{"127.0.0.0/8": "us"}, true }, apiOnly, expectation{"launch/build", smoke.Inconclusive, "Requests from us are not allowed"}},
		"quota":      {func(c *binderhub.Config) { c.TotalQuota = &none }, nil, expectation{"launch/spawn", smoke.Inconclusive, "Too many users"}},
		"repository": {func(c *binderhub.Config) { c.BannedSpecs = []string{"binder-examples/.*"} }, nil, expectation{"launch/build", smoke.Inconclusive, "not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			address := binderHub(t, d, c.binder)
			exhaust(t, address)
			r := trial{upstream: address, target: c.target, run: []string{"launch"}}.against(t, d)
			c.check(t, r)
			require.NotEmpty(t, findingOf(t, r, c.step).Remedy)
			require.Empty(t, r.Leaked)
		})
	}
	t.Run("a banned page", func(t *testing.T) {
		r := trial{binder: func(c *binderhub.Config) { c.BanNetworks = map[string]string{"127.0.0.0/8": "us"} }, run: []string{"launch"}}.against(t, d)
		expectation{"binder-host/page", smoke.Inconclusive, "403"}.check(t, r)
		require.Equal(t, smoke.Blocked, step(t, r, "launch/build").Verdict)
	})
}

// exhaust uses up the one launch of a rate limit of one. BinderHub counts before it looks at what is asked for.
func exhaust(t *testing.T, address string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/build/none/x/y/z", nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// The token of the launch page keeps the suite, as it does a browser, out of a rate limit that is used up.
func TestTokenKeepsOutOfTheRateLimit(t *testing.T) {
	d := deployment(t)
	address := binderHub(t, d, func(c *binderhub.Config) { c.RateLimit = 1 })
	exhaust(t, address)
	r := trial{upstream: address, run: []string{"launch/route"}}.against(t, d)
	expectation{"launch/route", smoke.Pass, ""}.check(t, r)
}

// Refs that do not resolve, for three reasons.
func TestRefs(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]struct {
		spec  string
		known bool
		expectation
	}{
		"no host":          {"gh/binder-examples/unreachable/HEAD", false, expectation{"launch/build", smoke.Failed, "Error resolving ref"}},
		"unknown":          {"gh/binder-examples/requirements/no-such-ref", false, expectation{"launch/build", smoke.Inconclusive, "Could not resolve ref"}},
		"unknown, not now": {"gh/binder-examples/requirements/no-such-ref", true, expectation{"launch/build", smoke.Failed, "resolved in a run on record"}},
	} {
		t.Run(name, func(t *testing.T) {
			known, _, err := state.Open(context.Background(), t.TempDir())
			require.NoError(t, err)
			if c.known {
				u, err := url.Parse(d.BinderURL + "/")
				require.NoError(t, err)
				require.NoError(t, known.Target(u).SetResolved(context.Background(), c.spec))
			}
			trial := trial{known: known, run: []string{"launch"}, target: func(target *smoke.Target) { target.Spec = c.spec }}
			c.check(t, trial.against(t, d))
		})
	}
}

// What a launch tells is remembered: that its spec resolves, and where the hub is.
func TestLaunchIsRemembered(t *testing.T) {
	d := deployment(t)
	known, _, err := state.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	var target smoke.Target
	r := trial{known: known, run: []string{"launch", "hub-host/api"}, target: func(given *smoke.Target) {
		given.Hub = nil
		target = *given
	}}.against(t, d)
	expectation{"hub-host/api", smoke.Pass, ""}.check(t, r)
	require.Equal(t, d.HubURL+"/", r.Hub)
	at := known.Target(target.Binder)
	require.True(t, at.Resolved(target.Spec))
	require.Equal(t, d.HubURL+"/", at.Hub().String())
	require.Len(t, at.Launches(time.Time{}), 1)
}
