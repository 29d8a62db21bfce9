package diagnose

import (
	"fmt"
	"time"

	"binderhub-smoke/smoke/wire"
)

// streamCauses are of the way that BinderHub's event stream takes: what a proxy does to it.
var streamCauses = []Cause{
	{
		ID: "sse-accept-stripped", Title: "A proxy drops the Accept header", Hop: HopIngress,
		Match: saysFailed("Missing Accept header"),
		Sentence: func(v *View) string {
			return "BinderHub refuses the launch for a missing Accept header, which the suite did send: a proxy in front drops or rewrites it"
		},
		Suspects: []string{"sse-accept-stripped"},
		Remedy:   "Pass Accept on unchanged: plain nginx, remove `proxy_set_header Accept …`; community ingress-nginx, `proxy-set-headers` and snippets; F5, `nginx.org/proxy-set-headers`; a CDN, its Accept normalisation. BinderHub wants exactly `text/event-stream`.",
	},
	{
		ID: "build-pod-unschedulable", Title: "The build never starts", Hop: HopBuilder,
		Match: func(v *View) bool { return stalls(v) && lastPhase(v.X) == "waiting" },
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub waits for the build to start and nothing happens (%s): no node takes the build pod", v.Fault.Got)
		},
		Suspects: []string{"build-pod-unschedulable", "dind-socket-race", "kube-api-unreachable", "autoscale-failed"},
		Remedy:   "`kubectl get pods -n <namespace> | grep build-` and `kubectl describe` the pending one: taints, nodeSelector (`BinderHub.build_node_selector`), quota, a node pool at its limit. A crashed dind pod: delete it.",
	},
	{
		ID: "sse-stuck-after-push", Title: "The launch stops after the build", Hop: HopBuilder,
		Match: func(v *View) bool {
			p := lastPhase(v.X)
			return stalls(v) && (p == "pushing" || p == "built")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub's stream lives but stays at %q (%s): the push to the registry, or the step after it, hangs", lastPhase(v.X), v.Fault.Got)
		},
		Suspects: []string{"sse-stuck-after-push", "binder-to-hub-blocked", "registry-push-denied", "upload-timeout-502"},
		Remedy:   "Can the builder reach the registry (`kubectl logs` of the build pod and of dind)? Restart dind or docker-api; check the registry's ingress for timeouts on large layers (Traefik: entry point `readTimeout`, plain nginx: `proxy_request_buffering off`).",
	},
	{
		ID: "sse-buffered", Title: "A proxy holds the event stream back", Hop: HopIngress,
		Match: func(v *View) bool {
			return launchStream(v.X) && (v.Fault.Symptom == wire.Buffered || heldBack(v))
		},
		Sentence: func(v *View) string {
			if all := events(v.X); len(all) > 0 {
				return fmt.Sprintf("The ingress %s holds BinderHub's event stream back: nothing came for %s, and then everything at once", front(v.X), sayTime(all[0].at-v.X.Open.At))
			}
			return fmt.Sprintf("The ingress %s lets no event of BinderHub's stream through (%s), while BinderHub answers other requests at once", front(v.X), v.Fault.Got)
		},
		Suspects: []string{"sse-buffered", "upstream-hang", "cpu-starved-node"},
		Remedy: "F5 nginx-ingress: `nginx.org/proxy-buffering: \"false\"` on the binder's Ingress (it buffers by default). Plain nginx: `proxy_http_version 1.1; proxy_buffering off;` (with HTTP/1.0 to the upstream it holds everything back). " +
			"Community ingress-nginx: remove `proxy-buffering: \"on\"`. Apache: `ProxyPass … flushpackets=on`; Caddy: `flush_interval -1`. Cloudflare: no buffering of text/event-stream, no `cloudflared` without `--no-chunked-encoding` off.",
		Mutes: []string{"sse-idle-cut"},
	},
	{
		ID: "sse-idle-cut", Title: "A proxy cuts the quiet event stream", Hop: HopIngress,
		// A timeout cuts the first silence that is long enough: after an earlier one as long, something else ended the stream.
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Symptom(wire.StreamEnded, wire.EOF, wire.Reset) && v.X.Response != nil && status(v.X) == 200 && quiet(v.X) >= time.Second && quiet(v.X) > longest(v.X)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub's event stream was cut after %s without an event, before \"ready\": a proxy %s gives up on quiet streams", sayTime(quiet(v.X)), front(v.X))
		},
		Suspects: []string{"sse-idle-cut", "upstream-hang"},
		Remedy: "BinderHub sends a keepalive each 25 s: every read timeout must be longer. F5: `nginx.org/proxy-read-timeout: 120s`; community: `nginx.ingress.kubernetes.io/proxy-read-timeout: \"600\"`; plain nginx: `proxy_read_timeout 600s;`; " +
			"HAProxy: `timeout server 600s`; Apache: `ProxyTimeout 600`; Google: `timeoutSec: 600` in a BackendConfig; AWS ALB: `idle_timeout.timeout_seconds=600`.",
	},
}

// stalls tells whether a launch's stream stopped moving.
func stalls(v *View) bool { return launchStream(v.X) && v.Symptom(wire.Stalled, wire.Timeout) }

// heldBack is a stream of which nothing has come though BinderHub serves other requests on the same host.
func heldBack(v *View) bool {
	return stalls(v) && len(v.X.Events) == 0 && connected(v.X) && v.servedHere()
}
