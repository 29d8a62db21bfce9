package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// journey is a run on which everything answers, behind nginx.
func (h *hand) journey() {
	secured := &wire.TLS{Version: "TLS 1.3", ALPN: "h2", Seconds: wire.Seconds(8 * time.Millisecond)}
	named := &wire.DNS{Host: "binder.example.org", Addresses: []string{"192.0.2.1"}, Seconds: wire.Seconds(20 * time.Millisecond)}
	for _, after := range []time.Duration{9, 2, 4} {
		h.get("binder-host/page", page, binderPage.with(func(a *answer) {
			a.after, a.tls, a.dns = after*time.Millisecond, secured, named
			a.tcp = &wire.TCP{Address: "192.0.2.1:443", Seconds: wire.Seconds(5 * time.Millisecond)}
			a.header = a.header.Clone()
			a.header.Set("Server", "nginx/1.22.1")
			a.header.Set("Via", "1.1 front")
		}))
	}
	h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	h.get("hub-host/api", hubURL+"/hub/api/", hubAPI)
	h.get("server/api", serverURL+"api", serverAPI)
	id := h.ws("kernel/channel", serverURL+channels, socketOpen)
	h.add(at("kernel/info"), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Data: "kernel_info_reply"})
}

func (h *hand) routes() []Route { return Examine("example", h.tl.Records()).Routes }

func (r Route) hop(t *testing.T, of Hop) RouteHop {
	t.Helper()
	for _, h := range r.Hops {
		if h.Hop == of {
			return h
		}
	}
	require.Fail(t, "no hop", "%s in %s", of, r)
	return RouteHop{}
}

func TestTheRouteOfAHealthyRun(t *testing.T) {
	h := byHand(t)
	h.journey()
	found := h.routes()
	require.Len(t, found, 2)
	binder, hub := found[0], found[1]
	require.False(t, binder.Broken())
	require.Equal(t, "you → nginx/1.22.1 (TLS) → BinderHub", binder.String())
	require.Equal(t, "192.0.2.1:443", binder.hop(t, HopLB).Name)
	require.Contains(t, hub.String(), " → CHP → JupyterHub → user server → kernel")
	for _, h := range append(binder.Hops, hub.Hops...) {
		require.Equal(t, StateOK, h.State)
		require.NotNil(t, h.Adds)
	}
	require.Contains(t, hub.hop(t, HopHub).Adds, "X-Jupyterhub-Version: "+hubAPI.header.Get("X-Jupyterhub-Version"))
	require.Equal(t, []string{"ALPN: h2"}, binder.hop(t, HopTLS).Adds)
	require.Equal(t, []string{"Server: nginx/1.22.1", "Via: 1.1 front"}, binder.hop(t, HopIngress).Adds)
}

func TestTheRouteTellsWhatWasMeasured(t *testing.T) {
	h := byHand(t)
	h.journey()
	h.get("notebook/launch", page, binderPage.with(func(a *answer) { a.client, a.after = wire.Browser, time.Minute }))
	binder := h.routes()[0]
	for of, want := range map[Hop]struct {
		measured string
		median   time.Duration
	}{
		HopDNS: {"lookup", 20 * time.Millisecond}, HopLB: {"connection", 5 * time.Millisecond}, HopTLS: {"handshake", 8 * time.Millisecond},
		HopBinderHub: {"first byte", 4 * time.Millisecond},
	} {
		got := binder.hop(t, of)
		require.Equal(t, want.measured, got.Measured)
		require.Equal(t, wire.Seconds(want.median), *got.Seconds)
		require.Equal(t, 3, got.Count, "%s: of the raw clients only", of)
	}
	require.Nil(t, binder.hop(t, HopIngress).Seconds, "it answered nothing by itself, so nothing is known of its share")
}

// A request is recorded before its connection is made: what that takes is no hop's.
func TestTheFirstByteIsCountedFromTheConnection(t *testing.T) {
	x := &wire.Exchange{
		Request: &wire.Request{At: 1 * time.Second}, TCP: []wire.TCP{{At: 2 * time.Second}}, TLS: &wire.TLS{At: 5 * time.Second},
		Response: &wire.Response{At: 7 * time.Second},
	}
	require.Equal(t, 2*time.Second, firstByte(x))
	x.TLS = nil
	require.Equal(t, 5*time.Second, firstByte(x))
	x.TCP = nil // over a kept connection
	require.Equal(t, 6*time.Second, firstByte(x))
}

func TestARouteWithABrokenHop(t *testing.T) {
	for want, broken := range map[string]func(*hand){
		"you → ✗ nginx/1.22.1 (TLS, upstream-refused) → BinderHub":   func(h *hand) { h.refusedPageLate() },
		"→ ✗ CHP (stale-route-503) → JupyterHub → user server":       failsWith("launch/route", serverURL+"api", wire.Status, answer{status: 503, header: nginxHeader, body: relayed503}),
		"you → ✗ TLS (tls-expired-front) → nginx/1.22.1 → BinderHub": failsWith("binder-host/tls", page, wire.TLSExpired, answer{tls: &wire.TLS{Error: "expired"}, fault: wire.TLSExpired}),
		"you → ✗ 192.0.2.1 (tcp-refused) → nginx/1.22.1 (TLS)":       failsWith("binder-host/page", page, wire.TCPRefused, answer{tcp: &wire.TCP{Address: "192.0.2.1:443", Error: "refused"}, fault: wire.TCPRefused}),
	} {
		h := byHand(t)
		h.journey()
		broken(h)
		lines := ""
		for _, r := range h.routes() {
			if r.Broken() {
				lines += r.String() + "\n"
			}
		}
		require.Contains(t, lines, want)
	}
}

// refusedPageLate is a 502 of another page than those that were served.
func (h *hand) refusedPageLate() {
	failsWith("binder-host/health", binderURL+"/health", wire.Status, nginxSays(502, "502 Bad Gateway", 0))(h)
}

// A hop that nothing was seen of is on the map when a finding names it.
func TestABrokenHopNeedsNoAnswer(t *testing.T) {
	h := byHand(t)
	failsWith("binder-host/page", page, wire.DNSNotFound, answer{dns: &wire.DNS{Host: "binder.example.org", Error: "no such host"}, fault: wire.DNSNotFound})(h)
	found := h.routes()
	require.Len(t, found, 1)
	require.Equal(t, "you → ✗ DNS (dns-not-found)", found[0].String())
	require.Equal(t, "dns-not-found", found[0].hop(t, HopDNS).Cause)
}

func TestAWarningBreaksNoRoute(t *testing.T) {
	h := byHand(t)
	h.canaryWarns()
	for _, r := range h.routes() {
		require.False(t, r.Broken(), r.String())
	}
}

func TestWithoutExchangesThereIsNoRoute(t *testing.T) {
	h := byHand(t)
	h.get("notebook/lab", "https://cdn.example.com/lab.js", answer{status: 200})
	require.Equal(t, []Route{}, h.routes())
}

// A server may answer each time under another name.
func TestARouteIsBounded(t *testing.T) {
	h := byHand(t)
	for i := range 40 {
		h.get("binder-host/repeat", page, binderPage.with(func(a *answer) {
			a.header = headers("Server", "nginx/1."+string(rune('A'+i)), "Access-Control-Allow-Headers", "cache-control")
		}))
	}
	hop := h.routes()[0].hop(t, HopIngress)
	require.LessOrEqual(t, len(hop.Adds), maxAdds)
	require.Less(t, len(hop.Name), 100)
}
