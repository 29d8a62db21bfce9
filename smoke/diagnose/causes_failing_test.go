package diagnose

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// serverSays is an answer of the user server itself.
func serverSays(code int, body string) answer {
	return serverAPI.with(func(a *answer) { a.status, a.body, a.send = code, body, headers("Authorization", wire.Redacted) })
}

func saving(a answer) func(*hand) {
	return func(h *hand) {
		h.served()
		a.method = http.MethodPut
		failsWith("server/files", serverURL+"api/contents/x.bin", wire.Status, a)(h)
	}
}

var _ = known("server-disk-full", signature{name: "a file of 4 MB", hop: HopPod,
	make: saving(serverSays(500, `{"message": "Unexpected error while saving file: x.bin [Errno 28] No space left on device", "reason": null}`))})

var _ = known("home-read-only",
	signature{name: "a directory of somebody else", hop: HopPod, make: saving(serverSays(403, `{"message": "Permission denied: x.bin", "reason": null}`))},
	signature{name: "a volume", make: saving(serverSays(500, `{"message": "Unexpected error while saving file: x.bin [Errno 30] Read-only file system", "reason": null}`))},
)

var _ = known("short-lived-session", signature{name: "it was good before", hop: HopServer, suspects: []string{"ws-credentials-stripped"}, make: func(h *hand) {
	h.served()
	h.get("server/api", serverURL+"api/contents?content=0", serverSays(200, `{"name": ""}`))
	saving(serverSays(403, `{"message": "Forbidden", "reason": null}`))(h)
}}, signature{name: "a stranger's from now on", hop: HopServer, make: func(h *hand) {
	h.get("server/api", serverURL+"api/contents?content=0", serverSays(200, `{"name": ""}`))
	saving(wantsXSRF)(h)
	h.get("clean-up/shutdown", serverURL+"api/contents?content=1", serverSays(403, `{"message": "Forbidden", "reason": null}`))
}})

var wantsXSRF = serverSays(403, `{"message": "'_xsrf' argument missing from POST", "reason": null}`)

func TestATokenThatIsTakenForReadingLacksXSRFForWriting(t *testing.T) {
	h := byHand(t)
	h.get("server/api", serverURL+"api/contents?content=0", serverSays(200, `{"name": ""}`))
	saving(wantsXSRF)(h)
	h.one("xsrf-403")
	h.get("clean-up/shutdown", serverURL+"api/contents?content=1", serverSays(200, `{"name": ""}`))
	h.one("xsrf-403")
}

func TestATokenThatWasNeverTakenIsStripped(t *testing.T) {
	h := byHand(t)
	saving(serverSays(403, `{"message": "Forbidden", "reason": null}`))(h)
	h.one("ws-credentials-stripped")
}

var _ = known("kernel-killed", signature{name: "while it makes 5 MB", hop: HopKernel, make: asksKernel("kernel/output", "fail", wire.KernelDead, "a kernel that answers execute_request", "status restarting")})

var _ = known("iopub-rate-limited", signature{name: "said so", hop: HopServer, make: func(h *hand) {
	id := h.ws("kernel/output", serverURL+channels, socketOpen)
	h.add(at("kernel/output"), wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Data: `{"text": "IOPub data rate exceeded.\nThe Jupyter server"}`})
	h.fails("kernel/output", wire.WrongOutput, "0", id)
}})

var _ = known("wrong-output", signature{name: "another sum", hop: HopKernel, make: asksKernel("kernel/output", "fail", wire.WrongOutput, `the output "smoke 42"`, `"43"`)})

var _ = known("server-not-stopped", signature{name: "after its shutdown", hop: HopServer, make: func(h *hand) {
	id := h.get("clean-up/gone", serverURL+"api", serverAPI)
	h.fails("clean-up/gone", wire.StillRunning, "200 OK, application/json", id)
}}, signature{name: "hangs on its way out", hop: HopServer, make: func(h *hand) {
	id := h.get("clean-up/gone", serverURL+"api", answer{after: 5 * time.Second, fault: wire.Timeout})
	h.fails("clean-up/gone", wire.Hanging, "nothing before the time was over; it holds a websocket open all the same, and its hub answers", id)
}})

var (
	_ = known("hub-error", signature{name: "500", hop: HopHub, make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, hubAPI.with(func(a *answer) { a.status, a.body = 500, `{"status": 500, "message": "Internal Server Error"}` }))})
	_ = known("binderhub-error", signature{name: "500", hop: HopBinderHub, make: pageIs(answer{status: 500, header: headers("Access-Control-Allow-Headers", "cache-control")})})
	_ = known("server-error", signature{name: "500", hop: HopServer, make: func(h *hand) {
		h.served()
		failsWith("server/api", serverURL+"api/contents?content=0", wire.Status, serverSays(500, `{"message": "Unhandled error", "reason": null}`))(h)
	}})
)

func TestAServersErrorIsQuoted(t *testing.T) {
	h := byHand(t)
	saving(serverSays(500, `{"message": "Unexpected error while saving file: x.bin [Errno 28] No space left on device", "reason": null}`))(h)
	require.Contains(t, h.one("server-disk-full").Summary, "Unexpected error while saving file: x.bin [Errno 28] No space left on device")
}

func TestAServerThatAProxyHidesIsNotSaidToRun(t *testing.T) {
	h := byHand(t)
	id := h.get("clean-up/gone", serverURL+"api", nginxSays(502, "502 Bad Gateway", 0))
	h.fails("clean-up/gone", wire.StillRunning, "502 Bad Gateway", id)
	h.one("upstream-refused")
}
