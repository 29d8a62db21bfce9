package diagnose

import (
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// healthPath is where CHP answers plain requests by itself, while an upgrade request to the same path goes down its
// websocket path: the pair is the canary (configproxy.js handleWs and handleWeb).
const healthPath = "/_chp_healthz"

// kind tells what a websocket is for, by its path: an ingress may treat them differently.
func kind(x *wire.Exchange) string {
	p := urlOf(x).Path
	switch {
	case strings.HasSuffix(p, healthPath):
		return "canary"
	case kernelChannels.MatchString(p):
		return "kernel"
	case strings.Contains(p, "/terminals/websocket/"):
		return "terminal"
	case strings.HasSuffix(p, "/api/events/subscribe"):
		return "events"
	}
	return "other"
}

var kernelChannels = regexp.MustCompile(`/api/kernels/[^/]+/channels$`)

// socketName names a kind of websocket in a sentence.
func socketName(x *wire.Exchange) string {
	switch kind(x) {
	case "canary":
		return "upgrade request to " + healthPath
	case "kernel":
		return "kernel channel"
	case "terminal":
		return "terminal's websocket"
	case "events":
		return "events websocket"
	}
	return "websocket"
}

// stripped is a handshake that arrived as a plain request: a proxy dropped Upgrade or Connection. CHP's health answer and
// Tornado's words prove it.
func stripped(x *wire.Exchange) bool {
	if !handshake(x) || x.Opened() {
		return false
	}
	if b := trimmed(x); b == noUpgrade || b == noConnection {
		return true
	}
	return kind(x) == "canary" && chpHealth(x)
}

// strippedInBrowser is what a browser shows of the same: the number 400 and nothing else. A user server that has answered
// over HTTP sends it for a lost Upgrade only.
func (v *View) strippedInBrowser(x *wire.Exchange) bool {
	return x.Client == wire.Browser && socket(x) && !x.Opened() && status(x) == 400 && x.Open.Role == wire.RoleServer
}

// reached is a handshake that came through to CHP or to what is behind it.
func reached(x *wire.Exchange) bool {
	if x.Opened() {
		return true
	}
	return kind(x) == "canary" && handshake(x) && !stripped(x) && byApplication(x)
}

// openedBeside returns another websocket of another kind that came through on the same host. A browser is compared with
// itself, and with raw sockets only of user servers: its way to the canary is not ours.
func (v *View) openedBeside() (*wire.Exchange, bool) {
	return v.Other(func(x *wire.Exchange) bool {
		comparable := x.Client == v.X.Client || (v.X.Client != wire.Browser && x.Client != wire.Browser)
		return comparable && v.SameHost(x) && kind(x) != kind(v.X) && reached(x)
	})
}

// rawOpened returns a raw websocket of the same kind that opened where the browser's did not.
func (v *View) rawOpened() (*wire.Exchange, bool) {
	return v.Other(func(x *wire.Exchange) bool {
		return x.Client != wire.Browser && v.SameHost(x) && kind(x) == kind(v.X) && x.Opened()
	})
}

// rawTwin returns a raw handshake that was refused as the browser's was. A browser tells the number only, and the raw one
// shows who refused it, and why. One to the same kind of path comes first. Where a raw client was let in, the two differ in
// more than what they show.
func (v *View) rawTwin() (*wire.Exchange, bool) {
	if v.X.Client != wire.Browser || !socket(v.X) || v.X.Opened() || status(v.X) == 0 {
		return nil, false
	}
	if _, opened := v.rawOpened(); opened {
		return nil, false
	}
	refused := func(x *wire.Exchange) bool {
		return x.Client != wire.Browser && handshake(x) && v.SameHost(x) && kind(x) != "canary" && status(x) == status(v.X)
	}
	if x, ok := v.Other(func(x *wire.Exchange) bool { return refused(x) && kind(x) == kind(v.X) }); ok {
		return x, true
	}
	return v.Other(refused)
}
