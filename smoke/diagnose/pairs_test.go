package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// alone is a cause's first signature by itself: its finding, the host that it is on, and whether the timeline serves the
// binder host besides.
type alone struct {
	cause, step string
	binder      bool
	ours        bool // of the runner, which has no host
	serves      bool
	make        func(*hand)
}

func signatureOf(t *testing.T, cause string) alone {
	h := byHand(t)
	require.NotEmpty(t, signatures[cause], "no timeline shows %s", cause)
	s := signatures[cause][0]
	s.make(h)
	f := h.one(cause)
	serves := slices.ContainsFunc(wire.Fold(h.tl.Records()), func(x *wire.Exchange) bool { return x.Open.Role == wire.RoleBinder && byApplication(x) })
	return alone{cause: cause, step: f.step(), binder: strings.Contains(f.Key, "|binder|"), ours: f.Hop == HopClient, serves: serves, make: s.make}
}

// TestTwoIndependentFaultsAreTwoFindings lays a fault of the binder host and one of the hub host into one timeline: neither
// may hide or change the other, unless its data say so.
func TestTwoIndependentFaultsAreTwoFindings(t *testing.T) {
	var binders, hubs []alone
	for _, cause := range Causes() {
		switch a := signatureOf(t, cause); {
		case cause == Unrecognised, a.ours:
		case a.binder:
			binders = append(binders, a)
		case !a.serves: // one that serves the binder host speaks of both
			hubs = append(hubs, a)
		}
	}
	pairs := 0
	for i, a := range binders {
		for j, b := range hubs {
			if a.step == b.step || (i+j)%4 != 0 {
				continue // a quarter of all pairs, in which each cause meets many others
			}
			pairs++
			h := byHand(t)
			a.make(h)
			b.make(h)
			var got []string
			for _, f := range h.diagnose() {
				got = append(got, f.Cause)
			}
			want := []string{a.cause, b.cause}
			if slices.Contains(causes[b.cause].MutesLaunch, a.cause) {
				want = []string{b.cause}
			}
			require.ElementsMatch(t, want, got, "%s on the binder host and %s on the hub host", a.cause, b.cause)
		}
	}
	require.Greater(t, pairs, 400)
}

// TestAConsequenceIsMutedByItsCauseOnly holds pairs on one host: what explains and what follows is one finding, and what is
// independent is two.
func TestAConsequenceIsMutedByItsCauseOnly(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*hand)
		want []string
	}{
		"a dead hub, and a launch that it refuses": {func(h *hand) {
			h.hubIsDown()
			launchFails(builtEvent, launchingEvent(progress), failedEvent(500, "Failed to create temporary user for x"))(h)
		}, []string{"hub-down"}},
		"a dead hub, and a build without network": {func(h *hand) {
			h.hubIsDown()
			builds("building", "CondaHTTPError: HTTP 000 CONNECTION FAILED")(h)
		}, []string{"hub-down", "build-network-broken"}},
		"a bad replica, and the page that met it": {func(h *hand) {
			h.refusedPage()
			alternating("binder-host/repeat", binderURL+"/versions", binderPage)(h)
		}, []string{"one-of-n-bad"}},
		"a dropped upgrade, and a body limit": {func(h *hand) {
			h.strippedCanary()
			besideServed("server/files", serverURL+"api/contents/x", "PUT", nginxSays(413, "413 Request Entity Too Large", 0))(h)
		}, []string{"ws-upgrade-missing", "save-413"}},
		"a placeholder certificate on both hosts": {func(h *hand) {
			tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", fakeCert)(h)
			failsWith("hub-host/tls", hubURL+"/", wire.TLSAuthority, answer{fault: wire.TLSAuthority, tls: &wire.TLS{Certificates: []wire.Certificate{fakeCert}, Error: "unknown authority"}})(h)
		}, []string{"tls-fake-cert", "tls-fake-cert"}},
		"a name that TLS does not know, and that is not redirected": {func(h *hand) {
			tlsIs("binder-host/tls", wire.TLSFailed, "remote error: tls: internal error")(h)
			id := h.get("binder-host/redirect", "http://binder.example.org/", answer{header: headers("Server", "Caddy", "Content-Length", "0")})
			h.ends("binder-host/redirect", "pass", wire.Fault{Symptom: wire.Content, Got: "200 OK"}, id)
		}, []string{"tls-refused"}},
		"a login that is over, and a websocket after it": {func(h *hand) {
			h.get("server/api", serverURL+"api/contents?content=0", serverSays(200, `{"name": ""}`))
			saving(serverSays(403, `{"message": "Forbidden", "reason": null}`))(h)
			socketFails("terminal/open", "terminals/websocket/1", jupyter403)(h)
		}, []string{"short-lived-session"}},
		"an expired certificate, and no redirect": {func(h *hand) {
			tlsIs("binder-host/tls", wire.TLSExpired, "certificate has expired", goodCert)(h)
			id := h.get("binder-host/redirect", "http://binder.example.org/", binderPage)
			h.ends("binder-host/redirect", "pass", wire.Fault{Symptom: wire.Content, Got: "200 OK"}, id)
		}, []string{"tls-expired-front", "no-https-redirect"}},
		"a server that died, and what it left": {func(h *hand) {
			lostAtWork(chpGone)(h)
			h.fails("server/files", wire.Status, "503", h.get("server/files", serverURL+"api/contents/x", chpGone))
		}, []string{"server-died"}},
		"a server that died, and a stripped terminal before it": {func(h *hand) {
			socketFails("terminal/open", "terminals/websocket/1", tornado400)(h)
			lostAtWork(chpGone)(h)
		}, []string{"ws-path-whitelist", "server-died"}},
		"HTTP/2 and the connections that spoke it": {func(h *hand) {
			h.get("binder-host/repeat", binderURL+"/versions", binderPage)
			failsWith("binder-host/repeat", binderURL+"/versions", wire.EOF, losing(wire.EOF, "EOF", over("h2")))(h)
		}, []string{"http2-broken"}},
		"a refused path, and blank pages by it": {func(h *hand) {
			besideServed("server/api", serverURL+"api/contents", "", nginxSays(403, "403 Forbidden", 0))(h)
			assetIs("server/lab", serverURL+"static/lab/main.js", "The script of the user server's page", wire.Status, nginxSays(403, "403 Forbidden", 0))(h)
		}, []string{"path-refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := byHand(t)
			c.make(h)
			var got []string
			for _, f := range h.diagnose() {
				got = append(got, f.Cause)
			}
			require.ElementsMatch(t, c.want, got)
		})
	}
}
