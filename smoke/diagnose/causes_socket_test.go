package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// closed is a kernel's websocket that opened and was closed by the other side; then the step failed.
func closed(step string, code int, reason string) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.ws(step, serverURL+channels, socketOpen)
		h.now += 5 * time.Millisecond
		h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: code, Reason: reason})
		h.fails(step, wire.SocketLost, "a close frame", id)
	}
}

var _ = known("ws-closed-early",
	signature{name: "going away", make: closed("kernel/info", 1001, ""), hop: HopServer},
	signature{name: "an error of the server", make: closed("kernel/info", 1011, "")},
	signature{name: "normal, at once", make: closed("kernel/info", 1000, "")},
	signature{name: "try again later", make: closed("kernel/channel", 1013, "overloaded")},
	signature{name: "after a quiet minute", make: silentThenLost("idle/hold", time.Minute, 1011)},
)

func TestACloseFrameIsQuoted(t *testing.T) {
	h := byHand(t)
	closed("kernel/info", 1013, "overloaded")(h)
	require.Equal(t, `The kernel channel opens and is closed by the other side with code 1013 (try again later, "overloaded")`, h.one("ws-closed-early").Summary)
}

var _ = known("ws-closed-by-policy", signature{name: "1008", make: closed("kernel/info", 1008, "blocked"), hop: HopIngress, suspects: []string{"waf-blocked"}})

var _ = known("ws-message-too-big",
	signature{name: "1009", make: closed("kernel/output", 1009, ""), hop: HopIngress},
	signature{name: "larger than we take", hop: HopServer, make: asksKernel("kernel/output", "fail", wire.TooLarge, "a message", "a message larger than 16777216 bytes")},
)

var _ = known("ws-deflate-bits",
	signature{name: "1002", make: closed("kernel/info", 1002, "unexpected reserved bits 0x40"), hop: HopIngress, suspects: []string{"local-middlebox"}},
	signature{name: "as our reader says it", make: asksKernel("kernel/info", "fail", wire.Malformed, "an open websocket", "something that is no websocket: received header with unexpected rsv bits set"), hop: HopIngress},
)

var _ = known("ws-framing-mismatch", signature{name: "JSON where binary was promised", hop: HopServer, make: asksKernel("kernel/info", "fail", wire.Malformed, "kernel messages", "a text message where binary ones were agreed")})

// lostAtWork is a busy kernel's websocket that is cut, with an answer of the server's place afterwards.
func lostAtWork(after answer) func(*hand) {
	return func(h *hand) {
		step := "kernel/output"
		id := h.ws(step, serverURL+channels, socketOpen)
		h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Data: "{}"})
		h.now += 30 * time.Millisecond
		h.add(at(step), wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: 1006})
		h.fails(step, wire.SocketLost, "the connection's end without a close frame", id)
		h.get("server/api", serverURL+"api", after)
	}
}

var _ = known("ws-cut-busy", signature{name: "the server lives", make: lostAtWork(serverAPI), hop: HopIngress, suspects: []string{"ws-message-too-big", "ingress-reload-cuts-ws"}})

var chpGone = answer{status: 503, reason: "Service Unavailable", header: headers("Server", "nginx/1.22.1", "Content-Type", "text/html"), body: "<title>JupyterHub</title> Your server appears to be down"}

var _ = known("server-died", signature{name: "the server is gone", make: lostAtWork(chpGone), hop: HopServer, suspects: []string{"server-culled-midway"}})

func TestADeadServerMutesWhatItLeaves(t *testing.T) {
	h := byHand(t)
	lostAtWork(chpGone)(h)
	id := h.get("server/files", serverURL+"api/contents/x", chpGone)
	h.fails("server/files", wire.Status, "503", id)
	f := h.one("server-died")
	require.Contains(t, f.Also, "server/files")
}

// deafSocket is a websocket that takes a message and brings none.
func (h *hand) deafSocket(step, path string, heard bool, wait time.Duration) wire.ExchangeID {
	id := h.ws(step, serverURL+path, socketOpen)
	if heard {
		h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Data: "{}"})
	}
	h.add(at(step), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Sent, Opcode: wire.OpText, Data: "{}"})
	h.now += wait
	return id
}

var _ = known("ws-frames-lost",
	signature{name: "not even a ping", hop: HopIngress, make: func(h *hand) {
		h.served()
		id := h.deafSocket("kernel/info", channels, false, time.Minute)
		h.fails("kernel/info", wire.NoReply, "no reply on the shell channel", id)
	}},
	signature{name: "what we send arrives nowhere", hop: HopIngress, suspects: []string{"kernel-dies-at-start"}, make: func(h *hand) {
		h.served()
		h.deafSocket("terminal/echo", "terminals/websocket/1", true, time.Second)
		id := h.deafSocket("kernel/info", channels, true, time.Second)
		h.fails("kernel/info", wire.NoReply, "no reply on the shell channel", id)
	}},
)

func TestASilentKernelIsNotASilentPath(t *testing.T) {
	h := byHand(t)
	h.served()
	id := h.deafSocket("kernel/info", channels, true, time.Minute)
	h.fails("kernel/info", wire.NoReply, "no reply on the shell channel", id)
	h.one("kernel-dies-at-start")
}

// held is a handshake of a kernel's websocket that nobody answers, while the server says in which state the kernel is.
func held(state string) func(*hand) {
	return func(h *hand) {
		h.served()
		h.get("kernel/channel", serverURL+"api/kernels/38a0fb50-c15e-4826-9653-7ad7ff8c2f5e", serverAPI.with(func(a *answer) { a.body = `{"execution_state": "` + state + `"}` }))
		id := h.ws("kernel/channel", serverURL+channels, answer{after: 70 * time.Second, fault: wire.Timeout})
		h.fails("kernel/channel", wire.Timeout, "nothing before the time was over", id)
	}
}

var (
	_ = known("ws-handshake-hangs", signature{name: "the kernel lives", make: held("idle"), hop: HopIngress, suspects: []string{"ws-mesh-not-enabled"}})
	_ = known("kernel-dies-at-start", signature{name: "the handshake is held for a kernel that starts for ever", make: held("starting"), hop: HopKernel})
)

var _ = known("ws-handshake-refused",
	signature{name: "cut", hop: HopIngress, make: socketFails("kernel/channel", channels, answer{fault: wire.EOF, err: "EOF"})},
	signature{name: "a stranger's 404", make: socketFails("terminal/open", "terminals/websocket/1", answer{status: 404, header: headers("Content-Type", "application/json"), body: `{"error":"no route"}`})},
)
