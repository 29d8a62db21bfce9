package diagnose

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// lookAlike is a fault that looks like another one until a probe was answered.
type lookAlike struct {
	name   string
	broken func(*hand)
	before string // the cause without the answer
	ask    Probe  // what is asked
	answer func(*hand)
	after  string                    // the cause with it
	check  func(*testing.T, Finding) // of what else the answer changed; may be nil
}

// probed is an answer to a probe, in the step that asked.
func (h *hand) probed(step, target string, a answer) wire.ExchangeID {
	a.client = wire.Probe
	return h.get(step, target, a)
}

func again(url string) Probe { return Probe{Kind: ProbeAgain, URL: url} }

func gone(err wire.Symptom) answer { return answer{fault: err, err: string(err)} }

func hubPath(kind ProbeKind, path string) Probe {
	return Probe{Kind: kind, Role: wire.RoleHub, Path: path}
}

var hubCanary = answer{status: 302, header: headers("X-Jupyterhub-Version", "5.5.4", "Location", "/hub/_chp_healthz")}

func summary(want string) func(*testing.T, Finding) {
	return func(t *testing.T, f Finding) { require.Contains(t, f.Summary, want) }
}

func suspectsFirst(want string) func(*testing.T, Finding) {
	return func(t *testing.T, f Finding) { require.Equal(t, want, f.Suspects[0]) }
}

const page = binderURL + "/"

var upstreamProbes = []lookAlike{
	{
		name: "always or now and then", broken: pageIs(nginxSays(502, "502 Bad Gateway", 0)), before: "upstream-refused", ask: again(page),
		answer: func(h *hand) {
			h.probed("binder-host/page", page, nginxSays(502, "502 Bad Gateway", 0))
			h.probed("binder-host/page", page, binderPage)
		}, after: "one-of-n-bad", check: summary("2 bad, 1 good"),
	},
	{
		name: "it was served before, and has died", before: "one-of-n-bad", broken: func(h *hand) {
			h.get("launch/build", page, binderPage)
			pageIs(nginxSays(502, "502 Bad Gateway", 0))(h)
		}, ask: again(page), answer: func(h *hand) { h.probed("binder-host/page", page, nginxSays(502, "502 Bad Gateway", 0)) }, after: "upstream-refused",
	},
	{
		name: "one of several hangs", broken: pageIs(nginxSays(504, "504 Gateway Time-out", 60*time.Second)), before: "upstream-hang", ask: again(page),
		answer: func(h *hand) { h.probed("binder-host/page", page, binderPage) }, after: "one-of-n-bad",
	},
	{
		name: "one of several resets connections", broken: failsWith("binder-host/page", page, wire.Reset, gone(wire.Reset)), before: "connection-cut", ask: again(page),
		answer: func(h *hand) {
			h.probed("binder-host/page", page, gone(wire.Reset))
			h.probed("binder-host/page", page, binderPage)
		}, after: "one-of-n-bad",
	},
	{
		name: "the host hangs, or this request", broken: failsWith("binder-host/page", page, wire.Timeout, answer{after: 30 * time.Second, fault: wire.Timeout}),
		before: "upstream-hang", ask: Probe{Kind: ProbePlain, Role: wire.RoleBinder, Path: "versions"},
		answer: func(h *hand) { h.probed("binder-host/page", binderURL+"/versions", binderPage) }, after: Unrecognised,
	},
	{
		name: "one Ingress is missing, or both", broken: pageIs(nginxSays(404, "404 Not Found", 0)), before: "default-backend-404", ask: hubPath(ProbePlain, "hub/api/"),
		answer: func(h *hand) { h.probed("binder-host/page", hubURL+"/hub/api/", nginxSays(404, "404 Not Found", 0)) },
		after:  "default-backend-404", check: suspectsFirst("dns-points-to-old-lb"),
	},
	{
		name: "one path is missing, or the host", broken: pageIs(nginxSays(404, "404 Not Found", 0)), before: "default-backend-404",
		ask:    Probe{Kind: ProbePlain, Role: wire.RoleBinder, Path: "versions"},
		answer: func(h *hand) { h.probed("binder-host/page", binderURL+"/versions", binderPage) }, after: "path-refused",
	},
	{
		name: "one version of HTTP", broken: failsWith("binder-host/page", page, wire.Malformed, gone(wire.Malformed)), before: Unrecognised, ask: again(page),
		answer: func(h *hand) {
			for range 2 {
				h.probed("binder-host/page", page, binderPage)
				second := gone(wire.Malformed)
				second.tls = &wire.TLS{ALPN: "h2"}
				h.probed("binder-host/page", page, second)
			}
		}, after: "http2-broken", check: summary("over HTTP/2"),
	},
}

var hubProbes = []lookAlike{
	{
		name: "the hub is down, or one route", before: "hub-down", after: "stale-route-503", ask: hubPath(ProbePlain, "hub/api/"),
		broken: failsWith("launch/route", serverURL+"api", wire.Status, answer{status: 503, header: headers("Server", "nginx/1.22.1"), body: "Service Unavailable"}),
		answer: func(h *hand) { h.probed("launch/route", hubURL+"/hub/api/", hubAPI) },
	},
	{
		name: "the hub hangs, or the proxy", before: "upstream-hang", after: "hub-down", ask: hubPath(ProbePlain, "hub/api/"),
		broken: failsWith("hub-host/repeat", hubURL+"/hub/login", wire.Timeout, answer{fault: wire.Timeout, after: 20 * time.Second}),
		answer: func(h *hand) { h.probed("hub-host/repeat", hubURL+"/_chp_healthz", chpOK) },
	},
	{
		name: "the Host is changed, or the credentials go", before: "host-header-nonlocal-403", after: Unrecognised, ask: Probe{Kind: ProbePlain, URL: serverURL + "api"},
		broken: socketAlone("kernel/channel", channels, answer{status: 403, header: headers("Server", "nginx/1.22.1"), body: "<title>Jupyter Server</title>"}),
		answer: func(h *hand) { h.probed("kernel/channel", serverURL+"api", serverAPI) },
	},
	{
		name: "credentials are lost, or it is something else", before: Unrecognised, after: "ws-credentials-stripped", ask: Probe{Kind: ProbePlain, URL: serverURL + "api"},
		broken: failsWith("server/files", serverURL+"api/contents", wire.Status, serverAPI.with(func(a *answer) {
			a.status, a.body, a.send = 403, `{"message": "Forbidden", "reason": null}`, headers("Authorization", wire.Redacted)
		})),
		answer: func(h *hand) { h.probed("server/files", serverURL+"api", serverAPI) },
	},
}

var socketProbes = []lookAlike{
	{
		name: "every upgrade is dropped, or some", before: "ws-upgrade-missing", after: "ws-path-whitelist", ask: hubPath(ProbeUpgrade, "_chp_healthz"),
		broken: socketFails("kernel/channel", channels, tornado400),
		answer: func(h *hand) {
			a := hubCanary
			a.client = wire.Probe
			h.ws("kernel/channel", hubURL+"/_chp_healthz", a)
		}, check: summary("upgrade request to /_chp_healthz passes"),
	},
	{
		name: "browsers' sockets only", before: "ws-upgrade-missing", after: "ws-over-h2-extended-connect", ask: Probe{Kind: ProbeUpgrade, URL: probedKernel},
		broken: socketFails("notebook/open", channels, refusedBy("400")),
		answer: func(h *hand) { h.openedByProbe("notebook/open") },
	},
	{
		name: "websockets over HTTP/2 are not offered at all", before: "ws-over-h2-extended-connect", after: Unrecognised, ask: Probe{Kind: ProbeExtended, URL: probedKernel},
		broken: func(h *hand) {
			h.ws("kernel/channel", serverURL+channels, socketOpen)
			socketFails("notebook/open", channels, refusedBy("400"))(h)
		},
		answer: func(h *hand) {
			h.ws("notebook/open", serverURL+channels, answer{client: wire.Probe, method: http.MethodConnect, fault: wire.UpgradeRefused, err: "the server offers no websockets over HTTP/2 (RFC 8441)"})
		},
	},
	{
		name: "the proxy refuses websockets, or everything", before: Unrecognised, after: "ws-handshake-refused", ask: Probe{Kind: ProbePlain, URL: probedKernel},
		broken: socketAlone("kernel/channel", channels, nginxSays(403, "403 Forbidden", 0)),
		answer: func(h *hand) { h.probed("kernel/channel", probedKernel, serverAPI) },
	},
}

// probedKernel is the kernel's websocket as a probe asks for it.
var probedKernel, _, _ = strings.Cut(serverURL+channels, "?")

// socketAlone is a refused handshake before anything else was tried on the host.
func socketAlone(step, path string, a answer) func(*hand) {
	return func(h *hand) { h.fails(step, wire.UpgradeRefused, "refused", h.ws(step, serverURL+path, a)) }
}

// openedByProbe is a websocket that a probe could open.
func (h *hand) openedByProbe(step string) {
	a := socketOpen
	a.client = wire.Probe
	h.ws(step, serverURL+channels, a)
}

// oldAddress and newAddress are those of one host.
var oldAddress, newAddress = &wire.TCP{Address: "192.0.2.1:443", Error: "connection refused"}, &wire.TCP{Address: "[2001:db8::2]:443"}

func certificateOf(from, to time.Time) *wire.TLS {
	return &wire.TLS{Error: "expired", Certificates: []wire.Certificate{{Subject: "CN=binder.example.org", NotBefore: from, NotAfter: to}}}
}

var networkProbes = []lookAlike{
	{
		name: "all addresses, or one", before: "tcp-refused", after: "tcp-refused", ask: Probe{Kind: ProbeAddresses, URL: page},
		broken: failsWith("binder-host/page", page, wire.TCPRefused, answer{tcp: oldAddress, fault: wire.TCPRefused}),
		answer: func(h *hand) { h.connectedTo("binder-host/page", newAddress) },
		check: func(t *testing.T, f Finding) {
			require.Equal(t, "dns-points-to-old-lb", f.Suspects[0])
			require.Contains(t, f.Summary, "[2001:db8::2]:443 of the same host does")
		},
	},
	{
		name: "our clock is wrong, or the certificate is old", before: "tls-expired-front", after: "clock-skew", ask: Probe{Kind: ProbeClock, URL: page},
		broken: func(h *hand) {
			h.started(midnight)
			failsWith("binder-host/page", page, wire.TLSExpired, answer{tls: certificateOf(midnight.AddDate(0, 0, -100), midnight.AddDate(0, 0, -10)), fault: wire.TLSExpired})(h)
		},
		answer: func(h *hand) {
			h.probed("binder-host/page", "http://binder.example.org/", dated(midnight.AddDate(0, 0, -20)))
		},
		check: summary("differ by 20 days"),
	},
	{
		name: "our clock is right, and the certificate is of the future", before: "clock-skew", after: "tls-expired-front", ask: Probe{Kind: ProbeClock, URL: page},
		broken: func(h *hand) {
			h.started(midnight)
			failsWith("binder-host/page", page, wire.TLSExpired, answer{tls: certificateOf(midnight.AddDate(0, 0, 1), midnight.AddDate(0, 0, 91)), fault: wire.TLSExpired})(h)
			h.ends("binder-host/page", "fail", wire.Fault{Symptom: wire.TLSExpired, Got: "current time is before 2026", URL: page})
		},
		answer: func(h *hand) { h.probed("binder-host/page", "http://binder.example.org/", dated(midnight)) },
		check:  summary("valid only from 2026-05-02"),
	},
}

var midnight = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func dated(at time.Time) answer {
	return answer{status: 301, header: headers("Server", "nginx/1.22.1", "Date", at.Format(http.TimeFormat))}
}

func (h *hand) started(at time.Time) {
	h.tl.Note(h.t.Context(), wire.Note{Name: wire.NoteRun, Run: &wire.RunStart{Schema: wire.Schema, Started: at}})
}

// connectedTo is a probe's connection to one address.
func (h *hand) connectedTo(step string, to *wire.TCP) {
	id := h.tl.BeginAt(at(step), wire.Probe, wire.Open{Type: wire.TypeConnect, Method: "CONNECT", URL: page}, h.now)
	h.add(at(step), wire.Probe, id, wire.KindTCP, *to)
	h.add(at(step), wire.Probe, id, wire.KindClose, wire.Close{})
}

func TestProbesTellLookAlikesApart(t *testing.T) {
	for _, c := range slices.Concat(upstreamProbes, hubProbes, socketProbes, networkProbes) {
		t.Run(c.name, func(t *testing.T) {
			h := byHand(t)
			c.broken(h)
			h.one(c.before)
			require.Contains(t, Examine("example", h.tl.Records()).Asks, c.ask)
			c.answer(h)
			f := h.one(c.after)
			require.NotContains(t, f.Summary, "%!")
			if c.check != nil {
				c.check(t, f)
			}
		})
	}
}

func TestNothingIsAskedInVain(t *testing.T) {
	for name, broken := range map[string]func(*hand){
		"nothing is wrong": func(h *hand) { h.get("binder-host/page", page, binderPage) },
		"only a warning":   func(h *hand) { h.canaryWarns() },
		"a third party's":  failsWith("notebook/lab", "https://cdn.example.com/lab.js", wire.Status, answer{status: 500}),
		"a kernel's words": kernelSilent("kernel/execute", wire.CellError, "error NameError"),
		"no exchange":      func(h *hand) { h.fails("notebook/launch", wire.Unavailable, "no browser") },
	} {
		t.Run(name, func(t *testing.T) {
			h := byHand(t)
			broken(h)
			require.Empty(t, Examine("example", h.tl.Records()).Asks)
		})
	}
}

// A launch costs, and a redacted secret would be sent as it stands.
func TestALaunchIsNeverAsked(t *testing.T) {
	for _, url := range []string{binderURL + "/build/gh/a/b/HEAD", binderURL + "/v2/" + wire.Redacted + "/x"} {
		require.Empty(t, askable(&wire.Exchange{Open: wire.Open{URL: url}}), url)
	}
	require.Equal(t, serverURL+"api", askable(&wire.Exchange{Open: wire.Open{URL: "wss" + serverURL[len("https"):] + "api?session_id=1"}}))
	h := byHand(t)
	failsWith("launch/build", binderURL+"/build/gh/a/b/HEAD?build_token=x", wire.Timeout, answer{fault: wire.Timeout, after: time.Minute})(h)
	for _, p := range Examine("example", h.tl.Records()).Asks {
		require.NotContains(t, p.URL, "build")
	}
}

func TestARequestIsComparedWithFreshConnections(t *testing.T) {
	good, bad := answer{status: 200}, answer{status: 500}
	second := func(a answer) answer { return a.with(func(a *answer) { a.proto = "HTTP/2.0" }) }
	for want, answers := range map[string][]answer{
		"":                                      {},
		"over 2 further connections was served": {good, second(good)},
		"on each of 2 further connections":      {bad, second(bad)},
		"over HTTP/2 it is not":                 {good, good, second(bad), second(bad)},
		"over HTTP/1.1 it is not":               {bad, bad, second(good), second(good)},
		"on 1 of 3 further connections":         {good, bad, second(good)},
	} {
		h := byHand(t)
		failsWith("binder-host/page", page, wire.Status, bad)(h)
		for _, a := range answers {
			h.probed("binder-host/page", page, a)
		}
		require.Contains(t, h.one(Unrecognised).Summary, want)
	}
}
