package diagnose

import (
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// toldCauses are of what BinderHub tells in a launch that goes well otherwise: where the server is, what it knows of its
// visitors, and what came of a build.
var toldCauses = []Cause{
	{
		ID: "hub-url-wrong", Title: "BinderHub sends users to another hub", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Fault.Symptom == wire.Content && (strings.HasPrefix(v.Fault.Want, "a user server below ") || v.Fault.Want == "a URL in ready")
		},
		Sentence: func(v *View) string {
			if v.Fault.Want == "a URL in ready" {
				return fmt.Sprintf("BinderHub sends users to %s, which is no URL: its hub_url is wrong", v.Fault.Got)
			}
			return fmt.Sprintf("BinderHub sends users to %s, and not to %s: its hub_url is another hub's, or SMOKE_HUB is", v.Fault.Got, v.Fault.Want)
		},
		Suspects: []string{"hub-url-wrong", "double-or-trailing-slash", "base-url-mismatch"},
		Remedy:   "`BinderHub.hub_url` (chart: `config.BinderHub.hub_url`) must be the public URL of this deployment's hub, with its base URL; `hub_url_local` is the one inside the cluster. If the hub has moved, set SMOKE_HUB to where it is.",
	},
	{
		ID: "client-ip-lost", Title: "BinderHub does not see its visitors' addresses", Hop: HopIngress,
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Fault.Symptom == wire.Content && holds(v.Fault.Want, "binder_client_ip")
		},
		Sentence: sentence("BinderHub sees a private address in place of ours: X-Forwarded-For does not reach it, so all visitors share one rate limit, and bans miss"),
		Suspects: []string{"client-ip-lost", "binder-rate-limit"},
		Remedy: "The ingress controller's Service: `externalTrafficPolicy: Local`, or PROXY protocol on load balancer and controller (F5: `proxy-protocol`, `real-ip-header`, `set-real-ip-from` in its ConfigMap; community: `use-proxy-protocol`). Behind another proxy trust its X-Forwarded-For " +
			"(community: `use-forwarded-headers`; Traefik: `forwardedHeaders.trustedIPs`). Plain nginx: `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`; HAProxy: `option forwardfor`; Envoy and Istio: `xff_num_trusted_hops`; Caddy: `trusted_proxies`.",
	},
	{
		ID: "rebuild-found-image", Title: "The image was there already", Hop: HopBinderHub, Severity: Inconclusive,
		Match:    func(v *View) bool { return noLog(v) && !builtAnew(v) },
		Sentence: sentence("BinderHub found an image for the re-spelled repository, so nothing was built: builder and push were not tested"),
		Suspects: []string{"rebuild-found-image"},
		Remedy:   "Nothing is broken by this. To test the builder, launch a ref that was never built here, such as a new commit: SMOKE_SPEC.",
	},
	{
		ID: "build-log-missing", Title: "The build shows no log", Hop: HopBuilder,
		Match:    noLog,
		Sentence: sentence("BinderHub built the image, but not one line of the build's log arrived: users wait before an empty window, and a build that fails shows no reason"),
		Suspects: []string{"build-log-missing", "kube-api-unreachable", "sse-buffered"},
		Remedy:   "BinderHub reads the log of the build pod from the Kubernetes API: `kubectl auth can-i get pods/log --as=system:serviceaccount:<namespace>:binderhub`, and `kubectl logs deploy/binder | grep -i log`.",
	},
	{
		ID: "sse-keepalive-lost", Title: "Keepalives of the event stream are lost", Hop: HopIngress,
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Fault.Symptom == wire.Stalled && holds(v.Fault.Want, "keepalives while") && silence(v.X) > keepaliveInterval
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub's event stream was silent for %s, and not one of its keepalives arrived: a proxy %s drops or collects them, so a longer build will be cut", sayTime(silence(v.X)), front(v.X))
		},
		Suspects: []string{"sse-keepalive-lost", "sse-buffered", "sse-idle-cut"},
		Remedy:   "A proxy that parses events drops comment lines (`:keepalive`); one that buffers keeps them until more has come. Pass the stream on as it is: see sse-buffered for each product's setting, and leave compression off for text/event-stream.",
	},
}

// keepaliveInterval is how often BinderHub writes a comment into a silent stream (builder.py KEEPALIVE_INTERVAL), and a
// little.
const keepaliveInterval = 26 * time.Second

// silence is the longest silence of a stream, also before its end.
func silence(x *wire.Exchange) time.Duration { return max(longest(x), quiet(x)) }

// noLog is a rebuild that came to an image without a line of log.
func noLog(v *View) bool {
	return v.In("rebuild/build") && launchStream(v.X) && v.Fault.Symptom == wire.Content && holds(v.Fault.Want, "log lines")
}

// builtAnew tells whether BinderHub says that it built: to an image that it has found it says "Found built image"
// (builder.py).
func builtAnew(v *View) bool {
	for _, e := range events(v.X) {
		if e.Phase == "built" {
			return !strings.HasPrefix(e.Message, "Found")
		}
	}
	return true
}
