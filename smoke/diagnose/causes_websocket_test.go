package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// refusedBy is a handshake that Chromium reports as refused: a number, and nothing else.
func refusedBy(code string) answer {
	return answer{client: wire.Browser, fault: wire.UpgradeRefused, err: "Error during WebSocket handshake: Unexpected response code: " + code}
}

var tornado400 = answer{status: 400, header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html; charset=UTF-8"), body: tornado}

var _ = known("ws-upgrade-missing",
	signature{name: "canary", make: func(h *hand) { h.strippedCanary() }, hop: HopIngress, suspects: []string{"lb-l7-not-ws", "ws-mesh-not-enabled"}},
	signature{name: "kernel channel", make: socketFails("kernel/channel", channels, tornado400), hop: HopIngress},
	signature{name: "Connection rewritten", make: socketFails("kernel/channel", channels, tornado400.with(func(a *answer) { a.body = `"Connection" must be "Upgrade".` }))},
	signature{name: "browser, with the number only", make: socketFails("notebook/open", channels, refusedBy("400")), hop: HopIngress},
	signature{name: "raw and browser", make: func(h *hand) {
		socketFails("kernel/channel", channels, tornado400)(h)
		id := h.ws("notebook/open", serverURL+channels, refusedBy("400"))
		h.fails("notebook/open", wire.UpgradeRefused, "400", id)
	}},
	signature{name: "everything at once", make: func(h *hand) {
		h.strippedCanary()
		socketFails("kernel/channel", channels, tornado400)(h)
	}},
)

func TestRawAndBrowserAreOneFinding(t *testing.T) {
	h := byHand(t)
	socketFails("kernel/channel", channels, tornado400)(h)
	id := h.ws("notebook/open", serverURL+channels, refusedBy("400"))
	h.fails("notebook/open", wire.UpgradeRefused, "400", id)
	f := h.one("ws-upgrade-missing")
	require.Equal(t, "kernel/channel", f.step())
	require.Equal(t, []string{"notebook/open"}, f.Also)
	require.Contains(t, f.Exchanges, id)
}

func (h *hand) canaryWarns() {
	plain := h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	up := h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	h.ws("kernel/channel", serverURL+channels, socketOpen)
	h.ends("hub-host/upgrade", "pass", wire.Fault{Symptom: wire.UpgradeRefused, Got: "200"}, up, plain)
}

var _ = known("ws-path-whitelist",
	signature{name: "canary stripped, kernel open", make: func(h *hand) { h.canaryWarns() }, hop: HopIngress, severity: Warn},
	signature{name: "terminal stripped, kernel open", make: func(h *hand) {
		h.ws("kernel/channel", serverURL+channels, socketOpen)
		socketFails("terminal/open", "terminals/websocket/1", tornado400)(h)
	}, hop: HopIngress},
	signature{name: "canary open, kernel stripped", make: func(h *hand) {
		h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", answer{status: 302, header: headers("X-Jupyterhub-Version", "5.5.4", "Location", "/hub/_chp_healthz")})
		socketFails("kernel/channel", channels, tornado400)(h)
	}},
)

var _ = known("ws-subprotocol-stripped",
	signature{name: "raw", make: func(h *hand) {
		id := h.ws("kernel/channel", serverURL+channels, socketOpen.with(func(a *answer) { a.send = headers("Sec-Websocket-Protocol", "v1.kernel.websocket.jupyter.org") }))
		h.fails("kernel/channel", wire.SubprotocolLost, "none", id)
	}, hop: HopIngress},
	signature{name: "browser", make: socketFails("notebook/open", channels, answer{client: wire.Browser, fault: wire.UpgradeRefused,
		err: "Error during WebSocket handshake: Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received"})},
)

var origin403 = answer{status: 403, header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html; charset=UTF-8"), body: crossOrigin, send: headers("Origin", hubURL)}

// seesHost is an answer of a user server whose cookie tells the Host that it saw.
func (h *hand) seesHost(name string) {
	h.get("server/api", serverURL+"api/status", serverAPI.with(func(a *answer) {
		a.header = a.header.Clone()
		a.header.Set("Set-Cookie", "username-"+name+"=x; Path=/")
	}))
}

var _ = known("ws-origin-403",
	signature{name: "Tornado says so", make: socketFails("kernel/channel", channels, origin403), hop: HopIngress},
	signature{name: "browser, and the cookie names another host", make: func(h *hand) {
		h.seesHost("internal-svc")
		h.ws("kernel/channel", serverURL+channels, socketOpen)
		socketFails("notebook/open", channels, refusedBy("403"))(h)
	}},
)

var jupyter403 = answer{status: 403, header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html", "Set-Cookie", "_xsrf=x; Path=/user/binder-x-abc123/"), body: serverTop, send: headers("Authorization", "token x")}

var _ = known("ws-credentials-stripped",
	signature{name: "kernel channel", make: socketFails("kernel/channel", channels, jupyter403), hop: HopIngress},
	// As seen of jupyter_server 2.21 through nginx 1.22 with `proxy_set_header Cookie ""`: it sets no new cookie.
	signature{name: "cookies only", hop: HopIngress, make: func(h *hand) {
		h.ws("kernel/channel", serverURL+channels, socketOpen)
		socketFails("kernel/channel", channels, jupyter403.with(func(a *answer) {
			a.header, a.send = headers("Server", "nginx/1.22.1", "Content-Type", "text/html"), headers("Origin", hubURL, "Cookie", "[redacted]")
		}))(h)
	}},
	signature{name: "REST", make: func(h *hand) {
		h.served()
		failsWith("server/api", serverURL+"api/status", wire.Status, serverAPI.with(func(a *answer) {
			a.status, a.body, a.send = 403, `{"message": "Forbidden", "reason": null}`, headers("Authorization", "token x")
		}))(h)
	}},
	signature{name: "browser, and the cookie names our host", make: func(h *hand) {
		h.seesHost("hub-example-org")
		h.ws("kernel/channel", serverURL+channels, socketOpen)
		socketFails("notebook/open", channels, refusedBy("403"))(h)
	}},
)

var _ = known("host-header-nonlocal-403",
	signature{name: "even the open URL", make: failsWith("server/api", serverURL+"api", wire.Status, serverAPI.with(func(a *answer) {
		a.status, a.body = 403, `{"message": "Forbidden", "reason": null}`
	})), hop: HopIngress},
	signature{name: "websocket", make: func(h *hand) {
		id := h.ws("kernel/channel", serverURL+channels, jupyter403.with(func(a *answer) { a.header = headers("Content-Type", "text/html") }))
		h.fails("kernel/channel", wire.UpgradeRefused, "403", id)
	}},
)

var _ = known("ws-over-h2-extended-connect",
	signature{name: "browser 400, raw 101", make: func(h *hand) {
		h.ws("kernel/channel", serverURL+channels, socketOpen)
		socketFails("notebook/open", channels, refusedBy("400"))(h)
	}, hop: HopIngress},
)

var _ = known("ws-mesh-not-enabled",
	signature{name: "envoy's empty 403", make: socketFails("kernel/channel", channels, answer{status: 403, header: headers("Server", "istio-envoy")}), hop: HopIngress},
)

var _ = known("ws-handshake-refused",
	signature{name: "haproxy denies", hop: HopIngress, make: socketFails("kernel/channel", channels, answer{status: 403, header: headers("Content-Type", "text/html"),
		body: "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"})},
	signature{name: "canary refused", make: func(h *hand) {
		plain := h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
		up := h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", nginxSays(400, "400 Bad Request", 0))
		h.fails("hub-host/upgrade", wire.UpgradeRefused, "400", up, plain)
	}},
)

// silentThenLost is a socket that opens, is quiet, and is gone.
func silentThenLost(step string, silence time.Duration, code int) func(*hand) {
	return func(h *hand) {
		id := h.ws(step, serverURL+channels, socketOpen)
		h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Size: 2, Data: "{}"})
		h.now += silence
		h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: code})
		h.fails(step, wire.SocketLost, "lost", id)
	}
}

var _ = known("ws-idle-60s", signature{name: "cut after a minute", make: silentThenLost("idle/hold", time.Minute, 1006), hop: HopIngress})

var _ = known(Unrecognised,
	signature{name: "a socket lost while busy", make: silentThenLost("kernel/execute", 10*time.Millisecond, 1006)},
	signature{name: "a socket lost after a silence that an earlier one had outlasted", make: func(h *hand) {
		step := "idle/hold"
		id := h.ws(step, serverURL+channels, socketOpen)
		for range 2 {
			h.now += time.Minute
			h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Size: 2, Data: "{}"})
		}
		h.now += 10 * time.Second
		h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: 1006})
		h.fails(step, wire.SocketLost, "lost", id)
	}},
	signature{name: "browser 400 though the canary came through", make: func(h *hand) {
		h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", answer{status: 302, header: headers("X-Jupyterhub-Version", "5.5.4", "Location", "/hub/_chp_healthz")})
		socketFails("notebook/open", channels, refusedBy("400"))(h)
	}},
)

var _ = known("ws-handshake-refused", signature{name: "a 400 that is not Tornado's", hop: HopIngress, make: socketFails("kernel/channel", channels, tornado400.with(func(a *answer) { a.body = "no" }))})

// A browser tells the number of a refusal only. A raw client's refusal of the same kind says who it was and why, so that the
// two are one finding.
func TestABrowsersRefusalIsExplainedByARawOne(t *testing.T) {
	const events = "api/events/subscribe"
	h := byHand(t)
	h.ws("kernel/channel", serverURL+channels, socketOpen)
	raw := h.ws("terminal/open", serverURL+events, tornado400)
	h.fails("terminal/open", wire.UpgradeRefused, "400", raw)
	seen := h.ws("notebook/lab", serverURL+events, refusedBy("400"))
	h.fails("notebook/lab", wire.UpgradeRefused, "400", seen)
	f := h.one("ws-path-whitelist")
	require.Equal(t, []string{"notebook/lab"}, f.Also)
	require.Contains(t, f.Exchanges, seen)

	h = byHand(t)
	h.served()
	mesh := h.ws("kernel/channel", serverURL+channels, answer{status: 403, header: headers("Server", "envoy")})
	h.fails("kernel/channel", wire.UpgradeRefused, "403", mesh)
	seen = h.ws("notebook/lab", serverURL+events, refusedBy("403"))
	h.fails("notebook/lab", wire.UpgradeRefused, "403", seen)
	require.Equal(t, []string{"notebook/lab"}, h.one("ws-mesh-not-enabled").Also)
}
