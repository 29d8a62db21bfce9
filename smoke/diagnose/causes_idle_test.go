package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// quietSocket is a websocket that opens, and is lost after a silence.
func (h *hand) quietSocket(step, path string, silence time.Duration) wire.ExchangeID {
	id := h.ws(step, serverURL+path, socketOpen)
	h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Size: 2, Data: "{}"})
	h.now += silence
	return id
}

func (h *hand) loses(step string, id wire.ExchangeID) {
	h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: 1006})
}

func cutWhenQuiet(step, verdict, path string, silence time.Duration) func(*hand) {
	return func(h *hand) {
		id := h.quietSocket(step, path, silence)
		h.loses(step, id)
		h.ends(step, verdict, wire.Fault{Symptom: wire.SocketLost, Got: "the connection's end without a close frame"}, id)
	}
}

// forgotten is a websocket that stands after a silence, and through which nothing comes any more.
func forgotten(lastPing time.Duration) func(*hand) {
	return func(h *hand) {
		step := "idle/resume"
		id := h.quietSocket(step, channels, 65*time.Second-lastPing)
		h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpPing})
		h.now += lastPing
		h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Sent, Opcode: wire.OpBinary})
		h.ends(step, "fail", wire.Fault{Symptom: wire.NoReply, Want: "the kernel's answer to execute_request", Got: "nothing"}, id)
	}
}

// shortlyQuiet is a cut by a timeout so short that only who held the socket knows that nobody spoke over it.
func shortlyQuiet(symptom wire.Symptom) func(*hand) {
	return func(h *hand) {
		id := h.quietSocket("idle/hold", "terminals/websocket/1", 1900*time.Millisecond)
		h.loses("idle/hold", id)
		h.ends("idle/hold", "fail", wire.Fault{Symptom: symptom, Got: "the connection's end without a close frame"}, id)
	}
}

var _ = known("ws-idle-60s",
	signature{name: "after two seconds, and a busy one lives", make: shortlyQuiet(wire.QuietCut), hop: HopIngress},
	signature{name: "a kernel's, sooner than a ping", make: cutWhenQuiet("idle/hold", "fail", channels, 20*time.Second), hop: HopIngress},
	signature{name: "a terminal's", make: cutWhenQuiet("idle/hold", "fail", "terminals/websocket/1", 20*time.Second)},
	signature{name: "the events' only", make: cutWhenQuiet("idle/resume", "pass", "api/events/subscribe", time.Minute), severity: Warn},
	signature{name: "forgotten without an end", make: forgotten(40 * time.Second), hop: HopIngress},
)

var _ = known(Unrecognised, signature{name: "a kernel that hangs while its server pings", make: forgotten(5 * time.Second), hop: HopKernel})

func TestACutSaysWhomItHurts(t *testing.T) {
	h := byHand(t)
	cutWhenQuiet("idle/hold", "fail", channels, 20*time.Second)(h)
	require.Equal(t, "The kernel channel was cut without a close frame after 20.0 s of silence: a proxy in front of the hub host gives up on quiet connections, sooner than the user server pings",
		h.one("ws-idle-60s").Summary)
	h = byHand(t)
	cutWhenQuiet("idle/resume", "pass", "api/events/subscribe", time.Minute)(h)
	require.Contains(t, h.one("ws-idle-60s").Summary, "applications that do not ping lose their connections")
}

// allCut is a quiet websocket and one that is busy, both lost in the same moment; afterwards the server answers, or not.
func allCut(answers bool) func(*hand) {
	return func(h *hand) {
		step := "idle/hold"
		id := h.quietSocket(step, channels, 20*time.Second)
		busy := h.ws(step, serverURL+"api/kernels/99a0fb50/channels?session_id=b", socketOpen)
		h.add(at(step), wire.Raw, busy, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Size: 2, Data: "{}"})
		h.loses(step, id)
		h.loses(step, busy)
		h.ends(step, "fail", wire.Fault{Symptom: wire.SocketLost, Got: "the connection's end without a close frame"}, id)
		h.now += time.Second
		if answers {
			h.get("idle/stop", serverURL+"api/kernels", serverAPI)
		}
	}
}

var (
	_ = known("ingress-reload-cuts-ws", signature{name: "quiet and busy ones", make: allCut(true), hop: HopIngress})
	_ = known(Unrecognised, signature{name: "all websockets lost, and nobody knows whether the server lives", make: allCut(false)})
)

var _ = known("ws-path-whitelist", signature{name: "events stripped, kernel open", hop: HopIngress, make: func(h *hand) {
	h.ws("kernel/channel", serverURL+channels, socketOpen)
	socketFails("terminal/open", "api/events/subscribe", tornado400)(h)
}})
