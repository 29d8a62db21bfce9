package probe_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/probe"
	"binderhub-smoke/smoke/wire"
)

// target is a server that counts what it is asked, as binder host and as hub host.
type target struct {
	url  string
	net  *wire.Network
	mu   sync.Mutex
	seen []*http.Request
}

func serve(t *testing.T, answer http.HandlerFunc) *target {
	t.Helper()
	s := &target{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	s.url = server.URL + "/"
	s.net = network(t, s.url+"binder/", s.url, nil)
	return s
}

func network(t *testing.T, binder, hub string, resolve map[string]string) *wire.Network {
	t.Helper()
	parse := func(raw string) *url.URL {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		return u
	}
	var places *wire.Places
	if hub == "" {
		places = wire.NewPlaces(parse(binder), nil)
	} else {
		places = wire.NewPlaces(parse(binder), parse(hub))
	}
	n := wire.NewNetwork(wire.Config{Timeline: wire.NewTimeline(time.Now(), wire.NewRedactor(), places, nil, wire.Limits{}), Resolve: resolve})
	t.Cleanup(n.Close)
	return n
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func ask(t *testing.T, n *wire.Network, p diagnose.Probe, authorize func(string) http.Header) []*wire.Exchange {
	t.Helper()
	probe.New(n, authorize).Ask(wire.WithStep(t.Context(), "kernel", "channel"), p)
	all := n.Timeline().Exchanges()
	for _, x := range all {
		assert.Equal(t, wire.Probe, x.Client)
		assert.Equal(t, "kernel/channel", x.Scenario+"/"+x.Step)
		assert.NotNil(t, x.Close)
	}
	return all
}

func TestAgainAsksOverFreshConnections(t *testing.T) {
	s := serve(t, ok)
	all := ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbeAgain, URL: s.url + "binder/health"}, nil)
	require.Len(t, all, 8)
	from := map[string]bool{}
	for i, r := range s.seen {
		from[r.RemoteAddr] = true
		assert.Equal(t, "/binder/health", r.URL.Path)
		assert.Equal(t, wire.RoleBinder, all[i].Open.Role)
	}
	assert.Len(t, from, 8)
}

func TestAPathIsAskedBelowItsHost(t *testing.T) {
	s := serve(t, ok)
	ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbePlain, Role: wire.RoleHub, Path: "hub/api/"}, nil)
	ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbePlain, Role: wire.RoleBinder, Path: "versions"}, nil)
	require.Len(t, s.seen, 2)
	assert.Equal(t, "/hub/api/", s.seen[0].URL.Path)
	assert.Equal(t, "/binder/versions", s.seen[1].URL.Path)
}

func TestUpgradeIsAHandshake(t *testing.T) {
	s := serve(t, ok)
	token := func(url string) http.Header {
		assert.Contains(t, url, "/user/")
		return http.Header{"Authorization": {"token abcdef123456"}}
	}
	all := ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbeUpgrade, URL: s.url + "user/a/api/kernels/1/channels"}, token)
	require.Len(t, s.seen, 1)
	assert.Equal(t, "websocket", s.seen[0].Header.Get("Upgrade"))
	assert.Equal(t, "token abcdef123456", s.seen[0].Header.Get("Authorization"))
	assert.Equal(t, wire.TypeWebSocket, all[0].Open.Type)
	assert.NotContains(t, all[0].Request.Header.Get("Authorization"), "abcdef")
}

func TestExtendedConnectSaysThatItIsNotOffered(t *testing.T) {
	s := serve(t, ok)
	all := ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbeExtended, URL: s.url + "user/a/api/kernels/1/channels"}, nil)
	require.Len(t, all, 1)
	assert.Equal(t, http.MethodConnect, all[0].Open.Method)
	assert.Contains(t, all[0].Close.Error, "offers no websockets over HTTP/2")
}

func TestEveryAddressIsTried(t *testing.T) {
	s := serve(t, ok)
	all := ask(t, s.net, diagnose.Probe{Kind: diagnose.ProbeAddresses, URL: s.url + "binder/"}, nil)
	require.Len(t, all, 1, "the host is an address")
	assert.Equal(t, strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"), all[0].TCP[0].Address)
	assert.Empty(t, s.seen, "nothing is sent")
}

// The plain port is the target's only where it is sure to be.
func TestTheClockIsAskedOfTheTargetOnly(t *testing.T) {
	s := serve(t, ok)
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/")
	for name, c := range map[string]struct {
		url     string
		resolve map[string]string
		asked   int
	}{
		"given an address of its own": {"https://a.smoke.test/", map[string]string{"a.smoke.test:443": address, "a.smoke.test:80": address}, 1},
		"given only one for TLS":      {"https://a.smoke.test/", map[string]string{"a.smoke.test:443": address}, 0},
		"with a port of its own":      {"https://a.smoke.test:8443/", map[string]string{"a.smoke.test:8443": address, "a.smoke.test:80": address}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			all := ask(t, network(t, c.url, "", c.resolve), diagnose.Probe{Kind: diagnose.ProbeClock, URL: c.url}, nil)
			require.Len(t, all, c.asked)
			for _, x := range all {
				assert.NotEmpty(t, x.Response.Header.Get("Date"))
			}
		})
	}
}

func TestWhatIsNotTheTargetsIsNotAsked(t *testing.T) {
	s := serve(t, ok)
	other := serve(t, ok)
	unknown := network(t, s.url+"binder/", "", nil)
	for _, c := range []struct {
		n *wire.Network
		p diagnose.Probe
	}{
		{s.net, diagnose.Probe{Kind: diagnose.ProbeAgain, URL: other.url}},
		{s.net, diagnose.Probe{Kind: diagnose.ProbePlain, URL: "http://127.0.0.1.nip.invalid/"}},
		{s.net, diagnose.Probe{Kind: diagnose.ProbePlain, URL: s.url + "binder/build/gh/a/b/HEAD"}},
		{s.net, diagnose.Probe{Kind: diagnose.ProbePlain, URL: s.url + "binder/?token=x"}},
		{s.net, diagnose.Probe{Kind: diagnose.ProbePlain, URL: "%"}},
		{s.net, diagnose.Probe{Kind: "later", URL: s.url}},
		{unknown, diagnose.Probe{Kind: diagnose.ProbePlain, Role: wire.RoleHub, Path: "hub/api/"}},
	} {
		assert.Empty(t, ask(t, c.n, c.p, nil), c.p)
	}
	assert.Empty(t, s.seen)
	assert.Empty(t, other.seen)
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // it takes connections and says nothing
	at := "http://" + listener.Addr().String() + "/"
	for _, kind := range []diagnose.ProbeKind{diagnose.ProbeAgain, diagnose.ProbePlain, diagnose.ProbeUpgrade} {
		n := network(t, at, "", nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); probe.New(n, nil).Ask(ctx, diagnose.Probe{Kind: kind, URL: at}) }()
		for len(n.Timeline().Exchanges()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-done
		for _, x := range n.Timeline().Exchanges() {
			assert.Equal(t, wire.Cancelled, x.Close.Symptom)
		}
	}
}
