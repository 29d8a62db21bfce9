package scenarios_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// What a user pod reaches and what it does not, asked from within a real kernel. The outside is loopback.
func TestPod(t *testing.T) {
	d := deployment(t)
	open, closed := listen(t, healthyBinder(nil)), closedPort(t)
	asking := func(egress, isolation []string) func(*smoke.Target) {
		return func(target *smoke.Target) { target.Egress, target.Isolation = egress, isolation }
	}
	for name, c := range map[string]struct {
		trial
		wants []expectation
	}{
		"healthy": {trial{sick: well, target: asking([]string{open, "localhost:" + port(open)}, []string{closed})}, []expectation{
			{"pod/dns", smoke.Pass, ""}, {"pod/egress", smoke.Pass, ""}, {"pod/hairpin", smoke.Pass, ""}, {"pod/isolation", smoke.Pass, ""},
		}},
		"nothing asked for": {trial{sick: well}, []expectation{
			{"pod/dns", smoke.Skipped, "no public name"}, {"pod/egress", smoke.Skipped, "no egress is given"},
			{"pod/hairpin", smoke.Pass, ""}, {"pod/isolation", smoke.Skipped, "nothing that must not be reached"},
		}},
		"all wrong": {trial{sick: well, ingress: inside("return 503;"), target: asking([]string{open, closed}, []string{closed, open})}, []expectation{
			{"pod/egress", smoke.Failed, "a connection to " + closed + ", got ConnectionRefusedError"},
			{"pod/hairpin", smoke.Failed, "an HTTP answer of hub.smoke.test, got HTTP status 503"},
			{"pod/isolation", smoke.Failed, "no connection to " + open + ", got a connection"},
		}},
		"no DNS":                      {trial{sick: nameless, target: asking([]string{"localhost:443"}, nil)}, []expectation{{"pod/dns", smoke.Failed, "an address for localhost, got gaierror"}}},
		"no way back":                 {trial{sick: enclosed}, []expectation{{"pod/hairpin", smoke.Failed, "an HTTP answer of binder.smoke.test, got TimeoutError"}}},
		"closed to the cluster's API": {trial{sick: clustered + " " + closed}, []expectation{{"pod/isolation", smoke.Pass, ""}}},
		"a wall, and the cluster's API": {trial{sick: clustered + " " + open, target: asking(nil, []string{open})}, []expectation{
			{"pod/isolation", smoke.Failed, "no connection to " + open + ", got a connection"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.run = []string{"pod"}
			r := c.against(t, d)
			for _, want := range c.wants {
				want.check(t, r)
			}
			require.NotEqual(t, smoke.Failed, step(t, r, "pod/stop").Verdict)
		})
	}
}

// port is the port of an address.
func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }

// inside does something to the requests that a kernel makes: Python's client asks for no compression, ours does.
func inside(directive string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Hub.Server = `if ($http_accept_encoding = identity) { ` + directive + " }"
	}
}

// The metadata address is never asked from a server that runs on this very machine, whatever the settings say.
func TestMetadataIsNotAskedOfLoopback(t *testing.T) {
	d := deployment(t)
	open := listen(t, healthyBinder(nil))
	r := trial{sick: well, run: []string{"pod/isolation"}, target: func(target *smoke.Target) { target.Metadata = open }}.against(t, d)
	expectation{"pod/isolation", smoke.Skipped, "nothing that must not be reached"}.check(t, r)
}

// That a pod reaches the cluster's own API is a warning: the API asks for a login of its own.
func TestClusterAPI(t *testing.T) {
	d := deployment(t)
	open := listen(t, healthyBinder(nil))
	r := trial{sick: clustered + " " + open, run: []string{"pod/isolation"}}.against(t, d)
	requireWarning(t, r, "pod/isolation", "expected no connection to the cluster's API at "+open+", got a connection")
	require.Equal(t, "netpol-not-enforced", findingOf(t, r, "pod/isolation").Cause)
}

// A deployment elsewhere: its names are only in DNS. There a pod must not reach the cloud's metadata.
func TestMetadataThatAnswers(t *testing.T) {
	d := deployment(t)
	names(t, map[string][]string{fixtures.HubHost: {"127.0.0.1"}, fixtures.BinderHost: {"127.0.0.1"}})
	p := borrow(t, d)
	put(t, d, p.launchedServer, smokeMode, well)
	target := loopback(t, d)
	p.URL = strings.Replace(p.URL, fixtures.HubHost, fixtures.HubHost+":"+port(target.Resolve[fixtures.HubHost+":443"]), 1)
	hub, err := url.Parse(p.URL)
	require.NoError(t, err)
	target.Hub = hub.ResolveReference(&url.URL{Path: "/"})
	target.Binder = &url.URL{Scheme: "http", Host: fixtures.BinderHost + ":" + port(listen(t, healthyBinder(map[string]http.HandlerFunc{"/build/": handOut(p.launchedServer)}))), Path: "/"}
	target.Resolve, target.Scenarios, target.Skip = nil, []string{"pod/isolation"}, []string{"clean-up"}
	for name, c := range map[string]struct {
		metadata string
		expectation
	}{
		"answers": {listen(t, healthyBinder(nil)), expectation{"pod/isolation", smoke.Failed, ", got a connection"}},
		"closed":  {closedPort(t), expectation{"pod/isolation", smoke.Pass, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			target.Metadata = c.metadata
			c.check(t, engine(t, target, patience{grace: time.Second}, nil))
		})
	}
}
