package diagnose

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// handshakeCauses are of websockets that arrive as such and are refused, or are cut later.
var handshakeCauses = []Cause{
	{
		ID: "ws-subprotocol-stripped", Title: "A proxy drops the WebSocket subprotocol", Hop: HopIngress,
		Match: func(v *View) bool {
			return v.Symptom(wire.SubprotocolLost) || (socket(v.X) && v.Says("Sec-WebSocket-Protocol' header but no response"))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s opens without the subprotocol that was offered: a proxy %s drops Sec-WebSocket-Protocol, and browsers refuse such a socket", socketName(v.X), front(v.X))
		},
		Suspects: []string{"ws-subprotocol-stripped", "ws-framing-mismatch"},
		Remedy:   "Pass Sec-WebSocket-Protocol on in both directions: plain nginx and snippets of F5 and community without `proxy_set_header Sec-WebSocket-Protocol \"\"` and `proxy_hide_header`; HAProxy without `del-header`; Traefik without a headers middleware that sets it to \"\"; Apache without `RequestHeader unset`; Envoy without `request_headers_to_remove`. In a kernel gateway: update it together with jupyter_server.",
	},
	{
		ID: "ws-origin-403", Title: "The user server refuses the browser's Origin", Hop: HopIngress,
		Match: originRefused,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.rawOpened(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			text := fmt.Sprintf("The user server refuses the %s with 403 when it is opened as a browser does: the Host that reaches it is not the Origin's", socketName(v.X))
			if name := v.hostSeen(); name != "" && !v.hostKept() {
				text += fmt.Sprintf(" (it sees %s)", name)
			}
			return text
		},
		Suspects: []string{"ws-origin-403", "host-header-nonlocal-403", "ws-credentials-stripped"},
		Remedy:   "Pass the public name on: plain nginx `proxy_set_header Host $http_host;`, Apache `ProxyPreserveHost On`, HAProxy and Traefik without a rewrite of Host (Traefik `passHostHeader: true`), community ingress-nginx without `upstream-vhost`. Else `ServerApp.allow_origin_pat`.",
	},
	{
		ID: "ws-credentials-stripped", Title: "Credentials are dropped on the way to the user server", Hop: HopIngress,
		Match: credentialsLost,
		Sentence: func(v *View) string {
			what := "A request"
			if handshake(v.X) {
				what = "The " + socketName(v.X)
			}
			return fmt.Sprintf("%s reaches the user server without the credentials that were sent with it (403): a proxy %s drops Authorization or Cookie", what, front(v.X))
		},
		Suspects: []string{"ws-credentials-stripped", "ws-origin-403", "host-header-nonlocal-403"},
		Remedy: "Let Authorization and Cookie through, on upgrades too: plain nginx without `proxy_set_header Authorization \"\"` or `Cookie \"\"`; community ingress-nginx `auth-url` and F5 `nginx.org/basic-auth-secret` consume the header; " +
			"Traefik's basicAuth without `removeHeader: true`; HAProxy without `http-request del-header`; no authenticating proxy before the user servers.",
		Mutes: []string{"xsrf-403", "server-not-stopped"},
	},
	{
		ID: "ws-over-h2-extended-connect", Title: "Browsers' WebSockets fail where scripts' pass", Hop: HopIngress,
		Match: browserOnly,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.rawOpened(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			got := "an error"
			if s := status(v.X); s != 0 {
				got = fmt.Sprint(s)
			}
			return fmt.Sprintf("The browser's %s is refused with %s while a script's passes over HTTP/1.1: the proxy %s offers WebSockets over HTTP/2 and cannot carry them", socketName(v.X), got, front(v.X))
		},
		Ask:      same(ProbeExtended),
		Suspects: []string{"ws-over-h2-extended-connect", "ws-origin-403", "ws-credentials-stripped"},
		Remedy:   "HAProxy: `h2-workaround-bogus-websocket-clients`, or `alpn http/1.1` on the bind line; Envoy: `allow_connect: false`, or `upgrade_configs` for websocket on the route; a CDN or load balancer: HTTP/1.1 to the backend.",
	},
	{
		ID: "ws-mesh-not-enabled", Title: "The mesh does not allow WebSockets",
		Match: func(v *View) bool {
			return v.refusedByProxy() && v.Answer.Product == "Envoy"
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s refuses the %s with %s, and passes plain requests: upgrades are not enabled on this route", v.who(), front(v.X), socketName(v.X), say(status(v.X)))
		},
		Suspects: []string{"ws-mesh-not-enabled", "ws-upgrade-missing"},
		Remedy:   "Envoy: `upgrade_configs: [{upgrade_type: websocket}]` in the HTTP connection manager or on the route. Ambassador: `allow_upgrade: [websocket]` in the Mapping. Istio: name the Service's port `http-…`, or let the gateway's route be HTTP and not TCP.",
		ByAnswer: true,
	},
	{
		ID: "ws-handshake-refused", Title: "A proxy refuses WebSockets",
		Match: func(v *View) bool { return v.refusedByProxy() || v.refusedByStranger() },
		Sentence: func(v *View) string {
			if v.X.Response == nil {
				return fmt.Sprintf("The connection is cut when the handshake of the %s is sent, while plain requests are served: a proxy %s does not let WebSockets in", socketName(v.X), front(v.X))
			}
			return fmt.Sprintf("%s refuses the %s itself with %s, and passes plain requests", v.gate(), socketName(v.X), say(status(v.X)))
		},
		Suspects: []string{"lb-l7-not-ws", "ws-mesh-not-enabled", "ws-upgrade-missing", "ws-rewrite-target"},
		Remedy:   "Look in that proxy for a rule on Upgrade (HAProxy `http-request deny`, Apache `ProxyPass` without `upgrade=websocket`, a firewall's rule), and on a CDN for the switch that allows WebSockets.",
		ByAnswer: true,
	},
	{
		ID: "ingress-reload-cuts-ws", Title: "All WebSockets are cut at once", Hop: HopIngress,
		Match: func(v *View) bool {
			_, cut := v.cutTogether()
			return cut && v.servedAfter()
		},
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.cutTogether(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s and other WebSockets, busy ones too, were cut at the same moment, and the user server still answers: the ingress %s was reloaded or restarted", socketName(v.X), front(v.X))
		},
		Suspects: []string{"ingress-reload-cuts-ws", "keepalive-race-502"},
		Remedy: "Did anything change an Ingress, a Secret or the controller in that minute (`kubectl get events -A --sort-by=.lastTimestamp`)? Let old workers finish: nginx and its controllers `worker-shutdown-timeout: 1h` and more (community ConfigMap `worker-shutdown-timeout`, F5 `main-snippets: worker_shutdown_timeout 1h;`). " +
			"If it happens in every run, a sidecar or an autoscaler restarts the controller's pods: `kubectl get pods -A | grep -i ingress`, the restarts.",
		Mutes: []string{"ws-idle-60s"},
	},
	{
		ID: "ws-idle-60s", Title: "Quiet WebSockets are cut", Hop: HopIngress,
		Match:    func(v *View) bool { return v.cutInSilence() || v.deafAfterSilence() },
		Sentence: idleSentence,
		Suspects: []string{"ws-idle-60s", "ingress-reload-cuts-ws"},
		Remedy: "Raise the timeouts above 600 s. F5: `nginx.org/proxy-read-timeout: 600s` and `proxy-send-timeout`; community: `nginx.ingress.kubernetes.io/proxy-read-timeout: \"600\"`, `proxy-send-timeout`; plain nginx: `proxy_read_timeout 600s; proxy_send_timeout 600s;`; " +
			"HAProxy: `timeout tunnel 1h`; Apache: `ProxyTimeout 600`; Traefik: entry point `respondingTimeouts.idleTimeout`; AWS ALB: `idle_timeout.timeout_seconds=600`; Google: `timeoutSec: 600` in a BackendConfig.",
	},
}

// minIdle is the least silence that a cut is blamed on: a socket that dies while it is busy dies of something else.
const minIdle = 2 * time.Second

// pingInterval is how often the user server pings the websockets of kernels and terminals (jupyter_server/base/websocket.py).
const pingInterval = 30 * time.Second

// cutInSilence is a websocket that ended without a close frame when it had been silent for longer than ever before. Where a
// busy one went with it, silence is not the reason.
func (v *View) cutInSilence() bool {
	_, together := v.cutTogether()
	silent := v.Fault.Symptom == wire.QuietCut || idle(v.X) >= minIdle
	return v.X.Opened() && v.Symptom(wire.SocketLost) && withoutCloseFrame(v.X) && silent && idle(v.X) > busiest(v.X) && !together
}

// deafAfterSilence is a websocket that stands, takes what is sent after a long silence, and brings nothing any more, not
// even a ping: something on the way has forgotten the connection.
func (v *View) deafAfterSilence() bool {
	if !v.In("idle/resume") || !v.X.Opened() || v.Fault.Symptom != wire.NoReply {
		return false
	}
	var heard, asked time.Duration
	for _, f := range v.X.Frames {
		if f.Direction == wire.Sent {
			asked = f.At
		} else {
			heard = f.At
		}
	}
	return asked-heard > pingInterval
}

func idleSentence(v *View) string {
	if !v.cutInSilence() {
		return fmt.Sprintf("The %s still stands, but after a silence nothing comes through it any more: something %s forgets quiet connections without ending them", socketName(v.X), front(v.X))
	}
	text := fmt.Sprintf("The %s was cut without a close frame after %s of silence: a proxy %s gives up on quiet connections", socketName(v.X), sayTime(idle(v.X)), front(v.X))
	pinged := kind(v.X) == "kernel" || kind(v.X) == "terminal"
	switch {
	case pinged && idle(v.X) < pingInterval:
		text += ", sooner than the user server pings"
	case v.Warning():
		text += "; kernels and terminals outlive it, because the user server pings them, but applications that do not ping lose their connections"
	}
	return text
}

// cutTogether returns another websocket on the same host that was lost in the same second, where one of the two was busy.
func (v *View) cutTogether() (*wire.Exchange, bool) {
	if !v.X.Opened() || !v.Symptom(wire.SocketLost) || !withoutCloseFrame(v.X) {
		return nil, false
	}
	return v.Other(func(x *wire.Exchange) bool {
		return x.Opened() && v.SameHost(x) && withoutCloseFrame(x) && x.Close.Symptom == wire.SocketLost &&
			(x.Close.At-v.X.Close.At).Abs() <= time.Second && min(idle(x), idle(v.X)) < minIdle
	})
}

// servedAfter tells whether the user server answered after the websocket was lost: then it did not end with it.
func (v *View) servedAfter() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && servedUser(x) && x.Open.At > v.X.Close.At })
	return ok
}

// crossOrigin is Tornado's answer to a websocket whose Origin is not its Host (tornado/websocket.py).
const crossOrigin = "Cross origin websockets not allowed"

// originRefused is that answer, or a browser's bare 403 where a token passes and the user server shows, by the name of its
// cookie, that it does not see the public Host.
func originRefused(v *View) bool {
	if !handshake(v.X) || status(v.X) != 403 {
		return false
	}
	if trimmed(v.X) == crossOrigin {
		return true
	}
	if v.X.Client != wire.Browser {
		return false
	}
	_, same := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && kind(x) == kind(v.X) && trimmed(x) == crossOrigin })
	_, opened := v.rawOpened()
	return same || (opened && !v.hostKept())
}

// credentialsLost is a 403 of a user server that saw neither token nor cookie: to a websocket it then shows its page and
// sets a fresh _xsrf cookie, over HTTP it says "Forbidden" to a request that carried a token.
func credentialsLost(v *View) bool {
	if status(v.X) != 403 {
		return false
	}
	if handshake(v.X) && v.X.Client == wire.Browser {
		_, opened := v.rawOpened()
		return opened && v.hostKept()
	}
	if handshake(v.X) {
		return serverPage(v.X) && (strings.Contains(header(v.X, "Set-Cookie"), "_xsrf=") || v.cookieLost())
	}
	return v.Answer.Hop == HopServer && sent(v.X, "Authorization") != "" && !openAPI(v.X) && holds(body(v.X), `"message": "Forbidden"`) && v.openAPIServed() && !expired(v)
}

// cookieLost is a socket that was opened as a browser does, with cookies and without a token, where a token's is let in.
func (v *View) cookieLost() bool {
	_, opened := v.rawOpened()
	return opened && sent(v.X, "Origin") != "" && sent(v.X, "Authorization") == ""
}

// openAPIServed tells whether the user server answered the one URL that needs no login: its Host check is then content.
func (v *View) openAPIServed() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && openAPI(x) && status(x) == 200 })
	return ok
}

// serverPage is jupyter_server's HTML error page.
func serverPage(x *wire.Exchange) bool { return holds(body(x), "<title>Jupyter Server</title>") }

// hostSeen is the name that the user server sees in Host, as far as its cookie tells: jupyter_server calls the cookie
// username-<host> with every other character a dash (auth/identity.py get_cookie_name).
func (v *View) hostSeen() string {
	for _, x := range v.All {
		if x.Response == nil || x.Open.Role != wire.RoleServer {
			continue
		}
		for k, values := range x.Response.Header {
			for _, c := range values {
				if strings.EqualFold(k, "Set-Cookie") && strings.HasPrefix(c, "username-") {
					name, _, _ := strings.Cut(strings.TrimPrefix(c, "username-"), "=")
					return name
				}
			}
		}
	}
	return ""
}

var notInCookie = regexp.MustCompile(`[^A-Za-z0-9]`)

// hostKept tells whether the cookie shows that the public Host reached the user server.
func (v *View) hostKept() bool {
	seen := v.hostSeen()
	kept := notInCookie.ReplaceAllString(authority(v.X), "-")
	return seen != "" && (strings.EqualFold(seen, kept) || strings.EqualFold(seen, kept+"-443") || strings.EqualFold(seen, notInCookie.ReplaceAllString(urlOf(v.X).Hostname(), "-")))
}

// browserOnly is a websocket that the browser could not open and a raw client could, on the same kind of path.
func browserOnly(v *View) bool {
	if v.X.Client != wire.Browser || !socket(v.X) || v.X.Opened() || v.X.Close == nil {
		return false
	}
	refused := slices.Contains([]int{200, 400, 404, 405, 421, 426, 500, 501, 502, 503}, status(v.X)) || holds(v.X.Close.Error, "ERR_HTTP2", "Error during WebSocket handshake")
	_, opened := v.rawOpened()
	return refused && status(v.X) != 403 && opened && !v.extendedInOrder()
}

// extendedInOrder tells whether websockets over HTTP/2 were asked for and are not what fails: they are not offered, so that
// browsers do without, or they open.
func (v *View) extendedInOrder() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool {
		offered := x.Close == nil || x.Close.Symptom != wire.UpgradeRefused
		return x.Client == wire.Probe && x.Open.Method == http.MethodConnect && v.SameHost(x) && socket(x) && (!offered || status(x) == 200)
	})
	return ok
}

// refusedByProxy is a handshake that a proxy answered by itself though it passes other requests to the same host.
func (v *View) refusedByProxy() bool {
	return handshake(v.X) && !v.X.Opened() && v.Answer.proxy() && status(v.X) >= 400 && v.servedHere()
}

// refusedByStranger is a handshake that was cut, or answered by somebody who is none of the applications and does not tell
// his name, while plain requests to the same host are served.
func (v *View) refusedByStranger() bool {
	if !handshake(v.X) || v.X.Opened() || !v.servedHere() {
		return false
	}
	return cut(v) || (status(v.X) >= 400 && silentHop(v.X))
}

func withoutCloseFrame(x *wire.Exchange) bool {
	return x.Close != nil && (x.Close.Code == 0 || x.Close.Code == 1006 || x.Close.Code == -1)
}

// busiest is the longest silence of a websocket before its last frame: a timeout would have cut that one already.
func busiest(x *wire.Exchange) time.Duration {
	var most time.Duration
	for i := 1; i < len(x.Frames); i++ {
		most = max(most, x.Frames[i].At-x.Frames[i-1].At)
	}
	return most
}

// idle is how long a websocket had been silent when it ended.
func idle(x *wire.Exchange) time.Duration {
	if x.Close == nil || x.Response == nil {
		return 0
	}
	last := x.Response.At
	if n := len(x.Frames); n > 0 {
		last = max(last, x.Frames[n-1].At)
	}
	return max(0, x.Close.At-last)
}
