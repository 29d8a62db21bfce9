package diagnose

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// socketCauses are of websockets that opened and then were closed, cut, or carried nothing. Close codes are those of RFC
// 6455 section 7.4.1.
var socketCauses = []Cause{
	{
		ID: "ws-handshake-hangs", Title: "WebSocket handshakes are never answered", Hop: HopIngress,
		Match: func(v *View) bool {
			return handshake(v.X) && v.X.Response == nil && v.X.Client != wire.Browser && v.Symptom(wire.Timeout) && connected(v.X) && v.servedHere() &&
				kind(v.X) != "canary" && (kind(v.X) != "kernel" || v.kernelLives())
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The handshake of the %s got no answer in %s, while plain requests are served%s: a proxy %s keeps it", socketName(v.X), sayTime(took(v.X)), v.aliveWords(), front(v.X))
		},
		Suspects: []string{"ws-handshake-hangs", "ws-upgrade-missing", "ws-mesh-not-enabled", "upstream-hang"},
		Remedy: "Something takes the upgrade and waits, for a body or for another protocol: a CDN without WebSockets, a load balancer that holds requests back (`proxy_request_buffering`), HTTP/2 to the upstream (community `backend-protocol: GRPC`, Envoy `http2_protocol_options` on the cluster, HAProxy `proto h2` on the server): let the upstream be HTTP/1.1. " +
			"Then the settings of ws-upgrade-missing.",
	},
	{
		ID: "ws-deflate-bits", Title: "WebSocket frames break the protocol", Hop: HopIngress,
		Match: func(v *View) bool {
			return socket(v.X) && v.X.Opened() && (closeCode(v.X) == 1002 || v.Says("reserved bits", "rsv bits", "RSV1", "A server must not mask") || (v.Symptom(wire.Malformed) && !framing(v) && !v.Says("101, but")))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s opens, and then frames come that are none (%s): something on the way changes them, or compresses without having agreed to", socketName(v.X), short(firstOf(v.Fault.Got, "code 1002")))
		},
		Suspects: []string{"ws-deflate-bits", "local-middlebox", "answer-garbled"},
		Remedy:   "Pass Sec-WebSocket-Extensions on in both directions, or drop it in both: `proxy_set_header Sec-WebSocket-Extensions \"\"` together with the answer's. No filter that rewrites bodies (`sub_filter`, compression, a firewall) on `/user/`. Run once from another network: an antivirus or a company's proxy that reads TLS does the same.",
	},
	{
		ID: "ws-framing-mismatch", Title: "Kernel messages come in the other framing", Hop: HopServer,
		Match: framing,
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s opens, and its messages are not in the framing that was agreed (%s): between us and the kernel two versions do not fit", socketName(v.X), short(v.Fault.Got))
		},
		Suspects: []string{"ws-framing-mismatch", "ws-subprotocol-stripped", "server-lib-regression"},
		Remedy:   "A kernel gateway, or a proxy that is an application of its own (enterprise gateway, jupyter-server-proxy), must pass Sec-WebSocket-Protocol on and speak what it promised: update it together with jupyter_server, or switch the binary framing off by `ZMQChannelsWebsocketConnection.kernel_ws_protocol = \"\"`.",
	},
	{
		ID: "ws-message-too-big", Title: "Large WebSocket messages are refused",
		At: func(v *View) Hop {
			if v.X.Client == wire.Raw && v.Symptom(wire.TooLarge) {
				return HopServer
			}
			return HopIngress
		},
		Match: func(v *View) bool {
			return socket(v.X) && v.X.Opened() && (closeCode(v.X) == 1009 || v.Symptom(wire.TooLarge))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s was closed because a message was too large (%s): cells with plots or widgets lose their kernel", socketName(v.X), firstOf(short(v.Fault.Got), "code 1009"))
		},
		Suspects: []string{"ws-message-too-big", "save-413"},
		Remedy:   "Who closes? Jupyter Server's own limit is 10 MiB (`ServerApp.tornado_settings={\"websocket_max_message_size\": …}`); a message that is smaller meets a gateway's: AWS API Gateway 128 KiB, a CDN's or firewall's limit, Envoy `max_request_bytes` of a buffer filter, Traefik plugins. nginx, HAProxy, Caddy and Apache have none.",
	},
	{
		ID: "ws-closed-by-policy", Title: "WebSockets are closed by a policy", Hop: HopIngress,
		Match: func(v *View) bool { return socket(v.X) && v.X.Opened() && closeCode(v.X) == 1008 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s opens and is closed with code 1008 (policy violation%s): a gateway or the server does not want it", socketName(v.X), reasonOf(v.X))
		},
		Suspects: []string{"ws-closed-by-policy", "waf-blocked", "ws-credentials-stripped", "ws-origin-403"},
		Remedy:   "A firewall or an authenticating gateway that reads frames: leave `/user/` out. `kubectl logs <user pod>`: if the server closes, it says why (expired login, Origin).",
	},
	{
		ID: "server-died", Title: "The user server died under way", Hop: HopServer,
		Match: func(v *View) bool {
			_, gone := v.goneAfter()
			return gone && v.X.Open.Role == wire.RoleServer && v.Symptom(wire.SocketLost, wire.EOF, wire.Reset)
		},
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.goneAfter(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			x, _ := v.goneAfter()
			return fmt.Sprintf("The user server was lost in the middle (%s), and afterwards JupyterHub's proxy finds nobody there (%s): the server died, or was stopped", short(v.Fault.Got), say(status(x)))
		},
		Suspects: []string{"server-died", "server-culled-midway", "stale-route-503", "kernel-killed"},
		Remedy:   "`kubectl get events --field-selector involvedObject.name=<user pod>`: OOMKilled (raise `singleuser.memory.limit`), evicted, its node gone. `kubectl logs deploy/hub | grep <user>`: a culler, or somebody who stopped it.",
		Mutes:    []string{"stale-route-503", "server-culled-midway", "proxy-token-mismatch", "connection-cut", "kernel-dies-at-start"},
	},
	{
		ID: "ws-closed-early", Title: "WebSockets are closed by the other side", Hop: HopServer,
		Match: func(v *View) bool {
			c := closeCode(v.X)
			return socket(v.X) && v.X.Opened() && v.Symptom(wire.SocketLost) && c >= 1000 && kind(v.X) != "terminal" // whose end is its shell's
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s opens and is closed by the other side with code %d (%s%s)", socketName(v.X), closeCode(v.X), codeName(closeCode(v.X)), reasonOf(v.X))
		},
		Suspects: []string{"ws-closed-early", "server-lib-regression", "terminal-ws-flaky", "server-culled-midway"},
		Remedy:   "A close frame comes from an application: the user server, or a gateway that ends WebSockets itself. `kubectl logs <user pod>` at that moment; 1001 and 1012 mean that it goes down, 1011 that it met an error, 1013 that it is overloaded, 4000 and above are an application's own. From a pod of the cluster, past the ingress: the same?",
	},
	{
		ID: "ws-frames-lost", Title: "WebSockets open and carry nothing", Hop: HopIngress,
		Match: framesLost,
		Sentence: func(v *View) string {
			if heardNothing(v.X) {
				return fmt.Sprintf("The %s opens at once and then not one frame comes through it: a proxy %s answers the handshake and does not pass the connection on", socketName(v.X), front(v.X))
			}
			return fmt.Sprintf("The %s opens, and nothing that we send gets an answer, on other WebSockets neither: a proxy %s passes frames in one direction only, or holds them back", socketName(v.X), front(v.X))
		},
		Suspects: []string{"ws-frames-lost", "kernel-dies-at-start", "iopub-silent", "local-middlebox"},
		Remedy:   "Compare with `kubectl port-forward` to the pod: if a cell runs there, it is a hop between. Look for buffering of upgraded connections (F5 and plain nginx: only HTTP/1.1 to the upstream, `proxy_http_version 1.1`), a gateway that wants WebSockets enabled for a route (Cloudflare: Network, WebSockets; Azure Application Gateway v1; AWS: HTTP listener of a classic load balancer), a firewall or antivirus that reads frames.",
	},
	{
		ID: "ws-cut-busy", Title: "WebSockets are cut while in use", Hop: HopIngress,
		Match: func(v *View) bool {
			return socket(v.X) && v.X.Opened() && v.Symptom(wire.SocketLost) && withoutCloseFrame(v.X) && v.servedAfter() && !v.cutInSilence() && kind(v.X) != "terminal"
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s was cut without a close frame %s after it opened, while it was in use, and the user server still answers: a proxy %s ends it", socketName(v.X), sayTime(v.X.Close.At-v.X.Response.At), front(v.X))
		},
		Suspects: []string{"ws-cut-busy", "ingress-reload-cuts-ws", "ws-message-too-big", "ws-idle-60s"},
		Remedy: "If it is always the same time after opening, a proxy bounds the life of connections: Google `timeoutSec` in a BackendConfig (30 s by default, and WebSockets are bound by it), AWS NLB and Envoy `max_connection_duration`, Istio `maxConnectionDuration`, Traefik `respondingTimeouts.writeTimeout`, HAProxy `timeout tunnel`, Cloudflare's restarts. " +
			"If it follows a large output: a limit on messages. If all go at once: a reload of the controller.",
	},
}

// noCloseFrame is the code of RFC 6455 section 7.1.5 for a connection that ended without a close frame.
const noCloseFrame = 1006

// closeCode is the code of the other side's close frame, 0 where there was none or it is not known.
func closeCode(x *wire.Exchange) int {
	if x.Close == nil || x.Close.Code == noCloseFrame {
		return 0
	}
	return max(0, x.Close.Code)
}

func reasonOf(x *wire.Exchange) string {
	if x.Close == nil || x.Close.Reason == "" {
		return ""
	}
	return ", " + quote(x.Close.Reason)
}

// codeName says what a close code means.
func codeName(code int) string {
	names := map[int]string{1000: "normal closure", 1001: "going away", 1003: "unsupported data", 1005: "no status", 1007: "invalid data",
		1010: "extension missing", 1011: "internal error", 1012: "service restart", 1013: "try again later", 1014: "bad gateway"}
	if name := names[code]; name != "" {
		return name
	}
	if code >= 4000 {
		return "an application's own code"
	}
	return "no common code"
}

// framing tells whether what came over a kernel's websocket were whole messages that are not the kernel's protocol.
func framing(v *View) bool {
	return v.X.Opened() && kind(v.X) == "kernel" && v.Fault.Symptom == wire.Malformed && v.Fault.Want == "kernel messages"
}

// goneAfter returns an answer that says, after the deciding exchange ended, that there is no user server any more.
func (v *View) goneAfter() (*wire.Exchange, bool) {
	if v.X.Close == nil || v.In("clean-up/shutdown", "clean-up/gone") {
		return nil, false
	}
	return v.Other(func(x *wire.Exchange) bool {
		a, _ := Answered(x)
		gone := (a.Product == "CHP" && status(x) == 503) || status(x) == 424 || backToHub(x)
		return gone && v.SameHost(x) && x.Open.Role == wire.RoleServer && x.Open.At >= v.X.Close.At && x.Scenario != "clean-up"
	})
}

// heardNothing tells whether an open websocket never brought a frame.
func heardNothing(x *wire.Exchange) bool {
	for _, f := range x.Frames {
		if f.Direction == wire.Received {
			return false
		}
	}
	return true
}

// deaf tells whether a websocket got no message after what was sent over it.
func deaf(x *wire.Exchange) bool {
	asked := false
	for _, f := range x.Frames {
		message := f.Opcode == wire.OpText || f.Opcode == wire.OpBinary
		switch {
		case message && f.Direction == wire.Sent:
			asked = true
		case message && asked:
			return false
		}
	}
	return asked
}

// quickHandshake bounds a handshake that the server did not hold: it has heard of the kernel then.
const quickHandshake = 20 * time.Second

// framesLost is a websocket that brings nothing, not even the server's pings; or of which nothing arrives on the other side,
// like of another one. A kernel that hangs is silent on its own websocket only, and its server pings all the same.
func framesLost(v *View) bool {
	if !v.X.Opened() || v.X.Client == wire.Browser || v.Fault.Symptom != wire.NoReply || took(v.X) > quickHandshake || v.In("idle/hold", "idle/resume") {
		return false
	}
	if pinged := kind(v.X) == "kernel" || kind(v.X) == "terminal"; pinged && heardNothing(v.X) && v.at-v.X.Response.At > pingInterval+5*time.Second {
		return true
	}
	_, too := v.Other(func(x *wire.Exchange) bool {
		return x.Opened() && x.Client != wire.Browser && v.SameHost(x) && kind(x) != kind(v.X) && deaf(x)
	})
	return too && deaf(v.X)
}

// kernelLives tells whether the user server says, over HTTP, that the kernel of the deciding websocket is idle or busy.
func (v *View) kernelLives() bool {
	before, _, _ := strings.Cut(urlOf(v.X).Path, "/channels")
	state := ""
	for _, x := range v.All {
		if x.Open.Method == "GET" && urlOf(x).Path == before && status(x) == 200 {
			var kernel struct {
				State string `json:"execution_state"`
			}
			_ = json.Unmarshal([]byte(body(x)), &kernel) // what cannot be read says nothing
			state = kernel.State
		}
	}
	return state == "idle" || state == "busy"
}

func (v *View) aliveWords() string {
	if kind(v.X) == "kernel" {
		return " and the kernel lives"
	}
	return ""
}
