package diagnose

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const relayed503 = `<!DOCTYPE HTML><html lang="en"><head><title>JupyterHub</title></head>`

var _ = known("hub-down",
	signature{name: "CHP's bare 503", make: func(h *hand) { h.hubIsDown() }, hop: HopHub},
	signature{name: "the canary meets it", hop: HopHub, make: func(h *hand) {
		plain := h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
		up := h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", answer{status: 503, header: headers("Server", "nginx/1.22.1")})
		h.fails("hub-host/upgrade", wire.UpgradeRefused, "503", up, plain)
	}},
	signature{name: "the hub hangs", make: func(h *hand) {
		h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
		failsWith("hub-host/api", hubURL+"/hub/api/", wire.Timeout, answer{fault: wire.Timeout, after: 20 * time.Second})(h)
	}},
)

var _ = known("stale-route-503",
	signature{name: "relayed page", make: failsWith("launch/route", serverURL+"api", wire.Status, answer{status: 503, reason: "Service Unavailable", header: nginxHeader, body: relayed503}), hop: HopCHP},
	signature{name: "websocket", make: socketFails("kernel/channel", channels, answer{status: 503, header: headers("Server", "nginx/1.22.1")}), hop: HopCHP},
)

var toHub = answer{status: 302, header: headers("Server", "nginx/1.22.1", "X-Jupyterhub-Version", "5.5.4", "Location", "/hub/user/binder-x-abc123/api")}

var _ = known("proxy-token-mismatch", signature{name: "back to the hub", make: failsWith("launch/route", serverURL+"api", wire.Redirected, toHub), hop: HopCHP})

var _ = known("server-culled-midway", signature{name: "it answered before", hop: HopHub, make: func(h *hand) {
	h.served()
	failsWith("kernel/start", serverURL+"api/kernels", wire.Status, answer{status: 424, header: headers("X-Jupyterhub-Version", "5.5.4")})(h)
}})

var _ = known("singleuser-entrypoint-mismatch", signature{name: "the hub's 404", hop: HopHub,
	make: failsWith("launch/route", serverURL+"lab", wire.Status, answer{status: 404, header: headers("X-Jupyterhub-Version", "5.5.4"), body: relayed503})})

// login is a chain of redirects on the way into a user server.
func login(locations ...string) func(*hand) {
	return func(h *hand) {
		var last wire.ExchangeID
		from := hubURL + "/user/a/lab"
		for _, to := range locations {
			last = h.get("server/login", from, answer{status: 302, header: headers("Location", to, "X-Jupyterhub-Version", "5.5.4")})
			from = hubURL + to
		}
		h.fails("server/login", wire.Redirected, "a loop", last)
	}
}

var _ = known("oauth-loop-singleuser", signature{name: "round and round", hop: HopServer,
	make: login("/hub/api/oauth2/authorize?a", "/user/a/oauth_callback?b", "/user/a/lab", "/hub/api/oauth2/authorize?c", "/user/a/oauth_callback?d", "/user/a/lab")})

var _ = known("base-url-mismatch", signature{name: "with and without prefix", hop: HopIngress,
	make: login("/x/hub/user/a/lab", "/x/user/a/lab", "/hub/user/a/lab?redirects=1", "/x/user/a/lab", "/x/hub/user/a/lab?redirects=2", "/x/user/a/lab")},
	signature{name: "a slash before every path", hop: HopIngress, suspects: []string{"double-or-trailing-slash"},
		make: failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, answer{status: 302, header: headers("X-Jupyterhub-Version", "5.5.4", "Location", "/hub//hub/api/")})})

var _ = known("oauth-state-missing", signature{name: "400 at the callback", hop: HopHub,
	make: failsWith("server/login", hubURL+"/user/a/oauth_callback", wire.Status, answer{status: 400, header: headers("X-Jupyterhub-Version", "5.5.4")})})

var _ = known("service-scope-403", signature{name: "403 at the authorization", hop: HopHub,
	make: failsWith("server/login", hubURL+"/hub/api/oauth2/authorize", wire.Status, answer{status: 403, header: headers("X-Jupyterhub-Version", "5.5.4")})})

var _ = known("xsrf-403", signature{name: "said so", hop: HopServer, make: failsWith("kernel/start", serverURL+"api/kernels", wire.Status, serverAPI.with(func(a *answer) {
	a.status, a.method, a.body = 403, http.MethodPost, `{"message": "'_xsrf' argument missing from POST", "reason": null}`
}))})

var _ = known("kernelspec-missing", signature{name: "500", hop: HopServer, make: failsWith("kernel/start", serverURL+"api/kernels", wire.Status, serverAPI.with(func(a *answer) {
	a.status, a.method, a.body = 500, http.MethodPost, `{"message": "Unhandled error", "reason": null, "traceback": ""}`
}))})

// kernelSilent is an open channel that ends with a symptom of the kernel's.
func kernelSilent(step string, symptom wire.Symptom, got string, frames ...wire.Frame) func(*hand) {
	return func(h *hand) {
		id := h.ws(step, serverURL+channels, socketOpen)
		for _, f := range frames {
			h.add(at(step), wire.Raw, id, wire.KindFrame, f)
		}
		h.fails(step, symptom, got, id)
	}
}

var _ = known("iopub-silent",
	signature{name: "said so", make: kernelSilent("kernel/execute", wire.NoReply, "a reply, but no idle status on iopub"), hop: HopKernel},
	signature{name: "in the frames", make: kernelSilent("kernel/execute", wire.NoReply, "no end",
		wire.Frame{Direction: wire.Received, Data: "iopub status idle"}, wire.Frame{Direction: wire.Sent, Data: "shell execute_request"}, wire.Frame{Direction: wire.Received, Data: `shell {"msg_type":"execute_reply"}`})},
)

var _ = known("kernel-dies-at-start",
	signature{name: "status dead", make: kernelSilent("kernel/info", wire.KernelDead, "status restarting"), hop: HopKernel},
	signature{name: "no reply", make: kernelSilent("kernel/info", wire.NoReply, "no reply on the shell channel")},
	signature{name: "held for a minute", make: socketFails("kernel/channel", channels, answer{status: 500, header: nginxHeader, body: serverTop, after: time.Minute}), hop: HopKernel},
)

var _ = known(Unrecognised, signature{name: "a cell that never ends", make: kernelSilent("kernel/execute", wire.NoReply, "no reply on the shell channel"), hop: HopKernel})

var _ = known("save-413", signature{name: "nginx", hop: HopIngress, make: func(h *hand) {
	h.served()
	failsWith("server/files", serverURL+"api/contents/x.ipynb", wire.Status, nginxSays(413, "413 Request Entity Too Large", 0).with(func(a *answer) { a.method = http.MethodPut }))(h)
}})

var _ = known("default-url-404", signature{name: "no lab", hop: HopServer, make: failsWith("server/lab", serverURL+"lab", wire.Status, answer{status: 404,
	header: headers("Content-Type", "text/html", "Content-Security-Policy", "frame-ancestors 'self'; report-uri /user/binder-x-abc123/api/security/csp-report"), body: serverTop})})

var _ = known("assets-404-white-page", signature{name: "nginx takes the scripts", hop: HopIngress, make: func(h *hand) {
	h.served()
	failsWith("server/lab", serverURL+"static/lab/main.abc.js", wire.Status, nginxSays(404, "404 Not Found", 0))(h)
}})

var _ = known("console-errors", signature{name: "an uncaught error", severity: Warn, make: func(h *hand) {
	id := h.get("notebook/lab", serverURL+"lab", serverAPI.from(wire.Browser))
	h.ends("notebook/lab", "pass", wire.Fault{Symptom: wire.PageError, Got: "TypeError: x is undefined"}, id)
}})

func TestAMissingFileOfAnotherSiteIsNotOurs(t *testing.T) {
	h := byHand(t)
	h.served()
	h.get("server/lab", "https://cdn.example.net/x.js", answer{status: 404})
	failsWith("server/lab", serverURL+"lab", wire.Content, serverAPI)(h)
	h.one(Unrecognised)
}

func TestTwoFaultsOnOneHostAreTwoFindings(t *testing.T) {
	h := byHand(t)
	h.strippedCanary()
	known := signatures["save-413"][0]
	known.make(h)
	found := h.diagnose()
	require.Len(t, found, 2)
	require.Equal(t, "ws-upgrade-missing", found[0].Cause)
	require.Equal(t, "save-413", found[1].Cause)
}
