package diagnose

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func (h *hand) refusesLaunch(code int, message string) {
	launchFails(failedEvent(code, message))(h)
}

func says(code int, message string) func(*hand) {
	return func(h *hand) { h.refusesLaunch(code, message) }
}

// stalled is a launch that stops moving after the given events.
func stalled(symptom wire.Symptom, events ...string) func(*hand) {
	return func(h *hand) {
		h.get("binder-host/page", binderURL+"/", binderPage)
		id := h.build(time.Second, "", events...)
		h.fails("launch/build", symptom, "nothing for 1m5s", id)
	}
}

var _ = known("sse-accept-stripped", signature{name: "said so", make: says(400, "Missing Accept header: text/event-stream"), hop: HopIngress})

var _ = known("sse-buffered",
	signature{name: "in a heap", hop: HopIngress, make: func(h *hand) {
		id := h.build(0, "", builtEvent, launchingEvent("Launching server..."), `{"phase": "ready", "url": "x"}`)
		h.fails("launch/build", wire.Buffered, "3 events within 1 ms, 8.2 s after the request", id)
	}},
	signature{name: "nothing at all", make: func(h *hand) {
		h.get("binder-host/page", binderURL+"/", binderPage)
		id := h.exchange("launch/build", wire.TypeStream, buildURL, answer{after: 65 * time.Second})
		h.fails("launch/build", wire.Stalled, "nothing for 1m5s", id)
	}, hop: HopIngress},
)

var _ = known("sse-idle-cut", signature{name: "cut after silence", hop: HopIngress, make: func(h *hand) {
	id := h.build(2*time.Second, wire.EOF, builtEvent)
	h.fails("launch/build", wire.EOF, "the stream's end", id)
}})

var _ = known("build-pod-unschedulable", signature{name: "waits", make: stalled(wire.Stalled, `{"phase": "waiting", "message": "Waiting for build to start...\n"}`), hop: HopBuilder})

var _ = known("sse-stuck-after-push", signature{name: "pushing", make: stalled(wire.Timeout, `{"phase": "pushing", "message": "x"}`), hop: HopBuilder})

var _ = known("build-token-invalid", signature{name: "said so", make: says(403, "Invalid build token"), hop: HopBinderHub})

var _ = known("binder-rate-limit",
	signature{name: "said so", make: says(429, "Rate limit exceeded. Try again in 3600 seconds."), hop: HopBinderHub, severity: Inconclusive, suspects: []string{"rate-limit-self"}})

var _ = known("github-rate-limit", signature{name: "said so", make: says(0, "GitHub rate limit exceeded. Try again in 7 minutes."), hop: HopBinderHub})

var _ = known("datacenter-ip-ban",
	signature{name: "said so", make: says(403, "Requests from github-actions are not allowed"), hop: HopBinderHub, severity: Inconclusive},
	signature{name: "pages only", hop: HopBinderHub, severity: Inconclusive, make: func(h *hand) {
		h.get("binder-host/health", binderURL+"/health", answer{status: 200, header: headers("Access-Control-Allow-Headers", "cache-control"), body: `{"ok": true}`})
		pageIs(answer{status: 403, header: headers("Access-Control-Allow-Headers", "cache-control"), body: "<html><title>403: Forbidden</title><body>403: Forbidden</body></html>"})(h)
	}},
)

var _ = known("quota-full", signature{name: "said so", make: says(0, "Too many users on this BinderHub! Try again soon."), severity: Inconclusive})

var _ = known("repo-not-allowed", signature{name: "said so", severity: Inconclusive,
	make: says(0, "Sorry, gh/x/y/HEAD has been temporarily disabled from launching. Please contact admins for more info!")})

var _ = known("leftover-state", signature{name: "said so", make: says(409, "User x already has a running server."), severity: Inconclusive})

var _ = known("cluster-dns-down", signature{name: "said so", hop: HopBinderHub,
	make: says(0, "Error resolving ref for gh:x/y/HEAD: [Errno -3] Temporary failure in name resolution")})

var _ = known("git-host-unreachable", signature{name: "said so", hop: HopBinderHub, suspects: []string{"ref-unresolvable"},
	make: says(0, "Error resolving ref for gh:x/y/HEAD: HTTP 599: Timeout while connecting")})

var _ = known("ref-unresolvable", signature{name: "said so", make: says(0, "Could not resolve ref for gh:x/y/nope. Double check your URL."), severity: Inconclusive})

var _ = known("credential-refused",
	signature{name: "sent to the login with a token", severity: Inconclusive, make: pageIs(answer{status: 302, send: headers("Authorization", "[redacted]"),
		header: headers("Location", "/hub/api/oauth2/authorize?client_id=service-binder", "Access-Control-Allow-Headers", "cache-control")})},
	signature{name: "basic auth, another password", severity: Inconclusive, make: pageIs(nginxSays(401, "401 Authorization Required", 0).with(func(a *answer) {
		a.header, a.send = headers("Server", "nginx/1.22.1", "Www-Authenticate", "Basic realm=x"), headers("Authorization", "[redacted]")
	}))},
	signature{name: "the hub does not know the token", severity: Inconclusive, make: failsWith("launch/build", hubURL+"/hub/api/user", wire.Status, answer{
		status: 403, send: headers("Authorization", "[redacted]"), header: headers("X-Jupyterhub-Version", "5.5.0"), body: `{"status": 403, "message": "Missing or invalid credentials."}`,
	})},
)

var _ = known("login-required",
	signature{name: "BinderHub's 403", make: says(403, "Forbidden"), severity: Inconclusive, hop: HopBinderHub},
	signature{name: "redirect to the login", severity: Inconclusive, make: pageIs(answer{status: 302, header: headers("Location", "/hub/api/oauth2/authorize?client_id=service-binder", "Access-Control-Allow-Headers", "cache-control")})},
	signature{name: "basic auth", severity: Inconclusive, make: pageIs(nginxSays(401, "401 Authorization Required", 0).with(func(a *answer) {
		a.header = headers("Server", "nginx/1.22.1", "Www-Authenticate", "Basic realm=x")
	}))},
)

var _ = known("bot-challenge", signature{name: "cloudflare", severity: Inconclusive, hop: HopEdge,
	make: pageIs(answer{status: 403, header: headers("Server", "cloudflare", "Cf-Mitigated", "challenge"), body: "<title>Just a moment...</title>"})})

var _ = known("encoded-char-rejected",
	signature{name: "traefik's empty 400", make: failsWith("binder-host/encoded", binderURL+"/v2/git/https%3A%2F%2Fx/HEAD", wire.Status, answer{status: 400}), hop: HopIngress},
	signature{name: "nginx", make: failsWith("binder-host/encoded", binderURL+"/v2/git/https%3A%2F%2Fx/HEAD", wire.Status, nginxSays(400, "400 Bad Request", 0))},
)

const progress = "Launch attempt 1 failed, retrying..."

// spawn is a launch that fails after the hub's progress said something.
func spawn(said string) func(*hand) {
	return launchFails(builtEvent, launchingEvent("Launching server..."), launchingEvent("Server requested"), launchingEvent(said),
		launchingEvent(progress), failedEvent(500, "Failed to launch image x"))
}

var _ = known("hub-token-mismatch", signature{name: "said so", hop: HopHub,
	make: launchFails(builtEvent, launchingEvent("Launching server..."), launchingEvent(progress), failedEvent(500, "Failed to create temporary user for x"))})

var _ = known("binder-to-hub-blocked",
	signature{name: "the hub says nothing", hop: HopBinderHub,
		make: launchFails(builtEvent, launchingEvent("Launching server..."), launchingEvent(progress), failedEvent(500, "Internal Server Error"))},
	signature{name: "health", make: failsWith("binder-host/health", binderURL+"/health", wire.Status, answer{status: 503, header: headers("Access-Control-Allow-Headers", "cache-control"),
		body: `{"ok": false, "checks": [{"service": "Docker registry", "ok": true}, {"service": "JupyterHub API", "ok": false}]}`}), hop: HopBinderHub},
)

var _ = known("registry-lookup-broken", signature{name: "health", hop: HopRegistry, make: failsWith("binder-host/health", binderURL+"/health", wire.Status,
	answer{status: 503, header: headers("Access-Control-Allow-Headers", "cache-control"), body: `{"ok": false, "checks": [{"service": "Docker registry", "ok": false}, {"service": "JupyterHub API", "ok": true}]}`})})

var _ = known("health-crashes", signature{name: "html", hop: HopBinderHub, make: failsWith("binder-host/health", binderURL+"/health", wire.Status,
	answer{status: 500, header: headers("Access-Control-Allow-Headers", "cache-control"), body: "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>"})})

var _ = known("spawn-http-timeout", signature{name: "said so", make: spawn("Spawn failed: Server at http://10.0.0.1:8888/user/x/ didn't respond in 30 seconds"), hop: HopServer,
	suspects: []string{"netpol-user-to-hub", "health-false-green"}})

var _ = known("pod-create-rejected", signature{name: "said so", make: spawn("Spawn failed: Could not create pod x/jupyter-x"), hop: HopSpawner})

var _ = known("pvc-attach-stuck", signature{name: "said so", make: spawn("2026-01-01 [Warning] FailedAttachVolume: Multi-Attach error for volume"), hop: HopPod})

var _ = known("dockerhub-rate-limit", signature{name: "said so", make: spawn("[Warning] Failed to pull image: toomanyrequests: You have reached your pull rate limit"), hop: HopRegistry})

var _ = known("push-failure-unnoticed", signature{name: "said so", make: spawn(`[Warning] Failed to pull image "x": manifest unknown`), hop: HopRegistry})

var _ = known("autoscale-failed", signature{name: "said so", make: spawn("[Normal] pod didn't trigger scale-up: 1 max node group size reached"), hop: HopSpawner})

var _ = known("launch-timeout",
	signature{name: "an empty reason", make: spawn("Spawn failed: "), hop: HopSpawner},
	signature{name: "said so", make: launchFails(builtEvent, launchingEvent("Server requested"), failedEvent(500, "Image x for user y took too long to launch"))},
	signature{name: "it only stops", make: stalled(wire.Stalled, builtEvent, launchingEvent("Server requested")), hop: HopSpawner})

func TestALaunchThatOnlyStopsSaysSinceWhen(t *testing.T) {
	h := byHand(t)
	stalled(wire.Stalled, builtEvent, launchingEvent("Server requested"))(h)
	require.Equal(t, "The user server did not start within the hub's time limit: nothing for 1m5s", h.one("launch-timeout").Summary)
}

var _ = known("kube-api-unreachable", signature{name: "every attempt failed", make: spawn("Spawn failed: (500) Reason: Internal"), hop: HopSpawner, suspects: []string{"control-plane-cert-expired"}})

var _ = known("registry-push-denied", signature{name: "said so", hop: HopRegistry,
	make: launchFails(`{"phase": "pushing", "message": "denied: requested access to the resource is denied"}`, `{"phase": "failed"}`)})

var _ = known("build-network-broken", signature{name: "said so", hop: HopBuilder,
	make: launchFails(`{"phase": "building", "message": "CondaHTTPError: HTTP 000 CONNECTION FAILED"}`, `{"phase": "failed"}`)})

var _ = known("sse-error-as-200", signature{name: "another code", make: says(500, "Unexpected"), hop: HopBinderHub})

var _ = known("stream-cut",
	signature{name: "after a silence no longer than others", hop: HopIngress, suspects: []string{"sse-idle-cut"}, make: func(h *hand) {
		id := h.build(2*time.Second, wire.EOF, builtEvent, launchingEvent("Launching server..."), launchingEvent("Server requested"))
		h.fails("launch/spawn", wire.EOF, "unexpected EOF", id)
	}},
	signature{name: "while busy", make: streamEnds(time.Millisecond, wire.EOF, builtEvent)},
	signature{name: "right after its head", make: streamEnds(time.Millisecond, wire.Reset)},
)

var _ = known("stream-ended-early",
	signature{name: "at once", hop: HopBinderHub, make: streamEnds(time.Millisecond, "")},
	signature{name: "in the midst of the launch", make: streamEnds(time.Millisecond, "", builtEvent, launchingEvent("Server requested"))},
	signature{name: "late, after a silence no longer than others", suspects: []string{"sse-idle-cut"}, make: streamEnds(30*time.Second, "", builtEvent, launchingEvent("Server requested"))},
)

var _ = known("sse-idle-cut", signature{name: "ended in order by Caddy, or by HAProxy over HTTP/2", hop: HopIngress, make: streamEnds(2*time.Second, "", builtEvent)})

// streamEnds is a launch's stream that ends before "ready": in order, or broken.
func streamEnds(gap time.Duration, end wire.Symptom, events ...string) func(*hand) {
	return func(h *hand) {
		id := h.build(gap, end, events...)
		h.fails("launch/build", wire.StreamEnded, "the stream's end", id)
	}
}

func TestACutAfterReadySaysSo(t *testing.T) {
	h := byHand(t)
	id := h.build(20*time.Second, wire.EOF, readyEvent)
	h.fails("rebuild/spawn", wire.EOF, "unexpected EOF", id)
	f := h.one("sse-idle-cut")
	require.Contains(t, f.Summary, `after "ready"`)
	require.NotContains(t, f.Summary, `before "ready"`)
}

func TestALaunchThatTimesOutWithoutAReasonQuotesNone(t *testing.T) {
	h := byHand(t)
	spawn("Spawn failed: ")(h)
	f := h.one("launch-timeout")
	require.NotContains(t, f.Summary, `"`)
	require.Contains(t, f.Summary, "gives up without a reason")
}

func TestAGreenHealthIsMentioned(t *testing.T) {
	h := byHand(t)
	h.get("binder-host/health", binderURL+"/health", answer{status: 200, header: headers("Access-Control-Allow-Headers", "cache-control"), body: `{"ok": true, "checks": []}`})
	spawn("Spawn failed: Could not create pod")(h)
	require.Contains(t, h.one("pod-create-rejected").Summary, "/health is green all the same")
}

func TestADeadHubExplainsTheLaunch(t *testing.T) {
	h := byHand(t)
	h.hubIsDown()
	launchFails(builtEvent, launchingEvent("Launching server..."), launchingEvent(progress), failedEvent(500, "Failed to create temporary user for x"))(h)
	f := h.one("hub-down")
	require.Contains(t, f.Also, "launch/build")
	_, ok := Of(h.diagnose(), "launch", "build")
	require.True(t, ok)
}

func (h *hand) hubIsDown() {
	id := h.get("hub-host/api", hubURL+"/hub/api/", answer{status: 503, reason: "Service Unavailable", header: headers("Server", "nginx/1.22.1"), body: "Service Unavailable"})
	h.fails("hub-host/api", wire.Status, fmt.Sprint(503), id)
}

// A browser says of a stream that a proxy took back that HTTP/2 was broken. It was cut, by whatever cut the raw one.
func TestABrowsersCutStreamIsNotGarbled(t *testing.T) {
	h := byHand(t)
	id := h.build(2*time.Second, wire.EOF, builtEvent)
	h.fails("launch/build", wire.EOF, "the stream's end", id)
	id = h.exchange("notebook/launch", wire.TypeStream, buildURL, answer{client: wire.Browser, status: 200, header: headers("Content-Type", "text/event-stream")})
	h.now += 2 * time.Second
	h.add(at("notebook/launch"), wire.Browser, id, wire.KindClose, wire.Close{Symptom: wire.Malformed, Error: "net::ERR_HTTP2_PROTOCOL_ERROR"})
	h.fails("notebook/launch", wire.Malformed, "net::ERR_HTTP2_PROTOCOL_ERROR", id)
	require.Equal(t, []string{"notebook/launch"}, h.one("sse-idle-cut").Also)
}
