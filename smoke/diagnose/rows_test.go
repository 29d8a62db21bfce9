package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// A row is a fault of the catalogue with a timeline of its signature: the cause that the wire proves, and the fault among
// its suspects.
type row struct {
	fault string
	cause string
	make  func(*hand)
	first bool // it must be the likeliest suspect
}

var rows = []row{
	// DNS, upstream, load balancer
	{"selector-overmatch", "upstream-refused", (*hand).refusedPage, true},
	{"selector-overmatch", "one-of-n-bad", alternating("binder-host/repeat", binderURL+"/versions", binderPage), false},
	{"upstream-refused", "upstream-refused", failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, nginxSays(502, "502 Bad Gateway", 0)), true},
	{"upstream-refused", "no-endpoints-503", pageIs(answer{status: 503, header: headers("Content-Type", "text/html"), body: haproxy503}), true},
	{"no-endpoints-503", "no-endpoints-503", pageIs(nginxSays(503, "503 Service Temporarily Unavailable", 0)), true},
	{"upstream-hang", "upstream-hang", pageIs(nginxSays(504, "504 Gateway Time-out", time.Minute)), true},
	{"upstream-name-unresolved", "upstream-name-unresolved", pageIs(nginxSays(502, "502 Bad Gateway", 5*time.Second)), true},
	{"stale-upstream-dns", "upstream-hang", pageIs(nginxSays(504, "504 Gateway Time-out", time.Minute)), false},
	{"dns-points-to-old-lb", "tls-san-missing-host", tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=old", Issuer: "CN=R11", DNSNames: []string{"old.example.org"}}), false},
	{"dns-points-to-old-lb", "default-backend-404", pageIs(answer{status: 404, body: "default backend - 404"}), false},
	{"default-backend-404", "default-backend-404", pageIs(nginxSays(404, "404 Not Found", 0)), true},
	{"default-backend-404", "wrong-site", pageOf("binder-host/page", binderURL+"/", wire.Content, "a page of another origin", answer{header: htmlHeader, body: "<title>Welcome to nginx!</title>"}), true},
	{"lb-healthcheck-mismatch", Unrecognised, pageIs(answer{status: 503, header: headers("Server", "awselb/2.0"), body: "<center><h1>503 Service Temporarily Unavailable</h1></center>"}), true},
	{"keepalive-race-502", "one-of-n-bad", alternating("hub-host/repeat", hubURL+"/hub/api/", hubAPI), false},
	{"hairpin-refused", "hairpin-refused", unreached("pod/hairpin", "a pod that reaches hub.example.org:443", "ConnectionRefusedError: [Errno 111] Connection refused"), true},
	{"hairpin-refused", "registry-unreachable", builds("pushing", "dial tcp 192.0.2.1:443: i/o timeout"), true},
	{"cluster-dns-down", "cluster-dns-down", says(0, "Error resolving ref for gh:x/y/HEAD: [Errno -3] Temporary failure in name resolution"), true},
	{"proxy-bound-wrong-iface", "upstream-refused", failsWith("hub-host/api", hubURL+"/hub/api/", wire.Status, nginxSays(502, "502 Bad Gateway", 0)), false},
	// WebSocket
	{"ws-upgrade-missing", "ws-upgrade-missing", (*hand).strippedCanary, true},
	{"ws-path-whitelist", "ws-path-whitelist", func(h *hand) { h.canaryWarns() }, true},
	{"lb-l7-not-ws", "ws-upgrade-missing", socketFails("kernel/channel", channels, tornado400.with(func(a *answer) { a.header = headers("Server", "awselb/2.0") })), true},
	{"ws-mesh-not-enabled", "ws-mesh-not-enabled", socketFails("kernel/channel", channels, answer{status: 403, header: headers("Server", "envoy")}), true},
	{"ws-mesh-not-enabled", "ws-upgrade-missing", socketFails("kernel/channel", channels, tornado400.with(func(a *answer) { a.header = headers("Server", "istio-envoy", "X-Envoy-Upstream-Service-Time", "2") })), true},
	{"ws-rewrite-target", "ws-upgrade-missing", socketFails("kernel/channel", channels, tornado400), false},
	{"ws-rewrite-target", "ws-rewrite-target", pathChanged, true},
	{"ws-deflate-bits", "ws-deflate-bits", closed("kernel/info", 1002, "unexpected reserved bits 0x40"), true},
	{"ws-framing-mismatch", "ws-framing-mismatch", asksKernel("kernel/info", "fail", wire.Malformed, "kernel messages", "text"), true},
	{"ws-origin-403", "ws-origin-403", socketFails("kernel/channel", channels, origin403), true},
	{"ws-credentials-stripped", "ws-credentials-stripped", socketFails("kernel/channel", channels, jupyter403), true},
	{"ws-idle-60s", "ws-idle-60s", cutWhenQuiet("idle/hold", "fail", channels, 20*time.Second), true},
	{"encoded-char-rejected", "encoded-char-rejected", failsWith("binder-host/encoded", binderURL+"/v2/git/https%3A%2F%2Fx/HEAD", wire.Status, answer{status: 400}), true},
	{"encoded-char-rejected", "encoded-char-rejected", besideServed("server/files", serverURL+"api/contents/binderhub%20smoke%20100%25.bin", "PUT", nginxSays(400, "400 Bad Request", 0)), true},
	{"double-or-trailing-slash", "double-or-trailing-slash", failsWith("launch/route", hubURL+"//user/x/api", wire.Status, answer{status: 404, header: headers("X-Jupyterhub-Version", "5.5.4")}), true},
	{"double-or-trailing-slash", "build-not-routed", pageOf("launch/build", buildURL, wire.ContentType, "200 OK, text/html", binderPage), true},
	{"base-url-mismatch", "base-url-mismatch", login("/x/hub/user/a/lab", "/x/user/a/lab", "/hub/user/a/lab?redirects=1", "/x/user/a/lab", "/x/hub/user/a/lab?redirects=2", "/x/user/a/lab"), true},
	{"ingress-reload-cuts-ws", "ingress-reload-cuts-ws", allCut(true), true},
	{"sticky-missing", "sticky-missing", twoServers, true},
	// event stream
	{"sse-buffered", "sse-buffered", heldBackStream, true},
	{"sse-idle-cut", "sse-idle-cut", streamEnds(2*time.Second, wire.EOF, builtEvent), true},
	{"sse-idle-cut", "sse-idle-cut", streamEnds(30*time.Second, "", builtEvent), true},
	{"sse-error-as-200", "sse-error-as-200", says(500, "Unexpected"), true},
	{"sse-accept-stripped", "sse-accept-stripped", says(400, "Missing Accept header: text/event-stream"), true},
	{"sse-stuck-after-push", "sse-stuck-after-push", stalled(wire.Stalled, `{"phase": "pushing", "message": "x"}`), true},
	// TLS
	{"tls-fake-cert", "tls-fake-cert", tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", fakeCert), true},
	{"tls-fake-cert", "tls-unknown-authority", tlsIs("hub-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=binder.example.org")), true},
	{"tls-expired-front", "tls-expired-front", tlsIs("binder-host/tls", wire.TLSExpired, "x509: certificate has expired or is not yet valid: current time 2026-11-22T18:00:00Z is after 2026-03-05T00:00:00Z", goodCert), true},
	{"tls-renewal-broken", "tls-renewal-broken", expires("fail", "3 days: it ends on 2026-03-05 00:00 UTC"), true},
	{"tls-san-missing-host", "tls-san-missing-host", tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=hub", Issuer: "CN=R11", DNSNames: []string{"hub.example.org"}}), true},
	{"tls-chain-incomplete", "tls-chain-incomplete", tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", goodCert), true},
	{"tls-http-redirect-uri", "tls-http-redirect-uri", tells("launch/spawn", "fail", wire.Content, "an https:// URL of the user server", "http://hub.example.org/user/x/"), true},
	{"tls-http-redirect-uri", "redirect-loop", failsWith("binder-host/page", binderURL+"/", wire.Redirected, moved(308, binderURL+"/")), false},
	{"control-plane-cert-expired", "kube-api-unreachable", spawn("Spawn failed: (500) Reason: Internal"), false},
	// authentication
	{"hub-token-mismatch", "hub-token-mismatch", launchFails(builtEvent, launchingEvent(progress), failedEvent(500, "Failed to create temporary user for x")), true},
	{"oauth-loop-singleuser", "oauth-loop-singleuser", login("/hub/api/oauth2/authorize?a", "/user/a/oauth_callback?b", "/user/a/lab", "/hub/api/oauth2/authorize?c", "/user/a/oauth_callback?d", "/user/a/lab"), true},
	{"build-token-invalid", "build-token-invalid", says(403, "Invalid build token"), true},
	// build and launch
	{"registry-push-denied", "registry-push-denied", builds("pushing", "denied: requested access to the resource is denied"), true},
	{"push-failure-unnoticed", "push-failure-unnoticed", spawn(`[Warning] Failed to pull image "x": manifest unknown`), true},
	{"dind-socket-race", "build-pod-unschedulable", stalled(wire.Stalled, `{"phase": "waiting", "message": "Waiting for build to start...\n"}`), false},
	{"dind-socket-race", "builder-unreachable", builds("building", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock"), true},
	{"build-pod-unschedulable", "build-pod-unschedulable", stalled(wire.Stalled, `{"phase": "waiting", "message": "Waiting for build to start...\n"}`), true},
	{"build-network-broken", "build-network-broken", builds("building", "CondaHTTPError: HTTP 000 CONNECTION FAILED"), true},
	{"upload-timeout-502", "registry-upload-refused", builds("pushing", "unexpected status from PATCH request: 502 Bad Gateway"), true},
	{"binder-to-hub-blocked", "binder-to-hub-blocked", launchFails(builtEvent, launchingEvent("Launching server..."), launchingEvent(progress), failedEvent(500, "Internal Server Error")), true},
	{"launch-timeout", "launch-timeout", spawn("Spawn failed: "), true},
	{"github-rate-limit", "github-rate-limit", says(0, "GitHub rate limit exceeded. Try again in 7 minutes."), true},
	{"binder-rate-limit", "binder-rate-limit", says(429, "Rate limit exceeded. Try again in 3600 seconds."), true},
	{"dockerhub-rate-limit", "dockerhub-rate-limit", builds("building", "toomanyrequests: You have reached your pull rate limit."), true},
	{"quota-full", "quota-full", says(0, "Too many users on this BinderHub! Try again soon."), true},
	{"ref-unresolvable", "ref-no-longer-resolves", resolvesNoMore, true},
	{"health-false-green", "pod-create-rejected", spawn("Spawn failed: Could not create pod"), false},
	// hub and Kubernetes
	{"hub-down", "hub-down", (*hand).hubIsDown, true},
	{"netpol-hub-to-proxy", "hub-down", (*hand).hubIsDown, false},
	{"hub-abort-on-failures", "hub-down", (*hand).hubIsDown, false},
	{"proxy-token-mismatch", "proxy-token-mismatch", failsWith("launch/route", serverURL+"api", wire.Redirected, toHub), true},
	{"stale-route-503", "stale-route-503", failsWith("launch/route", serverURL+"api", wire.Status, chpGone), true},
	{"netpol-user-to-hub", "spawn-http-timeout", spawn("Spawn failed: Server at http://10.0.0.1:8888/user/x/ didn't respond in 30 seconds"), false},
	{"nfs-mount-failed", "pvc-attach-stuck", spawn("[Warning] MountVolume.SetUp failed: FailedMount: mount.nfs: Connection timed out"), false},
	{"autoscale-failed", "autoscale-failed", spawn("[Normal] pod didn't trigger scale-up: 1 max node group size reached"), true},
	{"user-scheduler-incompatible", "launch-timeout", stalled(wire.Stalled, builtEvent, launchingEvent("Server requested")), false},
	{"cold-launch-slow", "launch-timeout", stalled(wire.Stalled, builtEvent, launchingEvent("Server requested")), false},
	{"kube-api-unreachable", "kube-api-unreachable", spawn("Spawn failed: (500) Reason: Internal"), true},
	// kernel and pod
	{"kernel-dies-at-start", "kernel-dies-at-start", asksKernel("kernel/info", "fail", wire.KernelDead, "a kernel that answers", "status restarting"), true},
	{"server-lib-regression", "kernel-dies-at-start", asksKernel("kernel/info", "fail", wire.NoReply, "an answer", "no reply on the shell channel"), false},
	{"exec-slow-start", "kernel-dies-at-start", asksKernel("kernel/info", "fail", wire.NoReply, "an answer", "no reply on the shell channel"), false},
	{"iopub-rate-limited", "iopub-rate-limited", asksKernel("kernel/output", "fail", wire.WrongOutput, "output", "IOPub data rate exceeded"), true},
	// ourselves
	{"local-middlebox", "ws-deflate-bits", closed("kernel/info", 1002, ""), false},
	{"local-middlebox", "tls-unknown-authority", tlsIs("binder-host/tls", wire.TLSAuthority, "unknown authority", signed("CN=Example Firewall CA")), false},
	{"rate-limit-self", "edge-rate-limit", pageIs(haproxy429), false},
	{"datacenter-ip-ban", "address-blocked", pageIs(haproxy403), false},
	{"leftover-state", "leftover-state", says(409, "User x already has a running server."), true},
}

func TestEveryRowIsAmongTheSuspects(t *testing.T) {
	for _, r := range rows {
		t.Run(r.fault+" as "+r.cause, func(t *testing.T) {
			h := byHand(t)
			r.make(h)
			f := h.one(r.cause)
			require.Contains(t, f.Suspects, r.fault)
			if r.first {
				require.Equal(t, r.fault, f.Suspects[0])
			}
		})
	}
}

// alternating is a URL that is now served and now 502, over fresh connections.
func alternating(step, url string, good answer) func(*hand) {
	return func(h *hand) {
		h.get(step, url, good)
		id := h.get(step, url, nginxSays(502, "502 Bad Gateway", 0))
		h.get(step, url, good)
		h.fails(step, wire.Status, "502 on 1 of them", id)
	}
}

func heldBackStream(h *hand) {
	id := h.build(0, "", builtEvent, readyEvent)
	h.fails("launch/build", wire.Buffered, "all of them in a heap", id)
}

const theKernel = serverURL + "api/kernels/38a0fb50-c15e-4826-9653-7ad7ff8c2f5e"

// pathChanged is a kernel that lives, and whose websocket is not found.
func pathChanged(h *hand) {
	h.served()
	h.get("kernel/channel", theKernel, serverAPI.with(func(a *answer) { a.body = `{"execution_state": "idle"}` }))
	socketFails("kernel/channel", channels, answer{status: 404, header: headers("Server", "nginx/1.22.1"), body: serverTop})(h)
}

// twoServers is a kernel that is now there and now not.
func twoServers(h *hand) {
	h.served()
	id := h.get("kernel/interrupt", theKernel+"/interrupt", serverSays(404, `{"message": "Kernel does not exist", "reason": null}`))
	h.get("kernel/restart", theKernel+"/interrupt", serverAPI)
	h.fails("kernel/interrupt", wire.Status, "404", id)
}

var (
	_ = known("ws-rewrite-target", signature{name: "the kernel lives", make: pathChanged, hop: HopIngress})
	_ = known("sticky-missing", signature{name: "now and then", make: twoServers, hop: HopIngress, suspects: []string{"one-of-n-bad"}})
	_ = known("double-or-trailing-slash", signature{name: "of the user server's URL", hop: HopBinderHub, suspects: []string{"hub-url-wrong"},
		make: failsWith("launch/route", hubURL+"//user/x/api", wire.Status, answer{status: 404, header: headers("X-Jupyterhub-Version", "5.5.4")})})
	_ = known("upstream-breaks-off", signature{name: "this path, always", hop: HopIngress, suspects: []string{"response-header-limit"}, make: func(h *hand) {
		pageIs(nginxSays(502, "502 Bad Gateway", 0))(h)
		h.get("binder-host/health", binderURL+"/health", binderPage)
		h.probed("binder-host/page", binderURL+"/", nginxSays(502, "502 Bad Gateway", 0))
		h.probed("binder-host/page", binderURL+"/", nginxSays(502, "502 Bad Gateway", 0))
	}})
)
