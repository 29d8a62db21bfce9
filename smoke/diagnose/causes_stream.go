package diagnose

import (
	"fmt"
	"strings"
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
		Remedy:   "Pass Accept on unchanged: plain nginx, remove `proxy_set_header Accept …`; community ingress-nginx, `proxy-set-headers` and snippets; F5, `nginx.org/proxy-set-headers`; HAProxy, `http-request set-header Accept`; Traefik, `customRequestHeaders`; Apache, `RequestHeader unset Accept`; Caddy, `header_up`; Envoy, `request_headers_to_remove`; a CDN, its Accept normalisation. BinderHub wants exactly `text/event-stream`.",
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
			"Community ingress-nginx: remove `proxy-buffering: \"on\"`. Apache: `ProxyPass … flushpackets=on`; Caddy: `flush_interval -1`. Cloudflare: a Worker or a rule that buffers answers must leave text/event-stream out.",
		Mutes: []string{"sse-idle-cut"},
	},
	{
		ID: "stream-garbled", Title: "Something else is written into the event stream", Hop: HopIngress,
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Fault.Symptom == wire.Malformed && status(v.X) == 200 && !streamReset(v)
		},
		Sentence: func(v *View) string {
			if strings.HasPrefix(strings.TrimSpace(v.Fault.Got), "<") {
				return fmt.Sprintf("A page stands in BinderHub's event stream (%s): a proxy %s wrote its own error into an answer that had begun", quote(v.Fault.Got), front(v.X))
			}
			return fmt.Sprintf("BinderHub's event stream holds what is no event (%s): a proxy %s changes it, or it is not BinderHub's", quote(v.Fault.Got), front(v.X))
		},
		Suspects: []string{"stream-garbled", "answer-garbled", "sse-idle-cut", "version-drift"},
		Remedy: "Leave text/event-stream alone: no compression (plain nginx `gzip_types` without it, community `gzip-types`, Traefik `compress.excludedContentTypes: [text/event-stream]`, Caddy `encode` with a matcher), no `sub_filter`, no script that a CDN injects, no error page inside an answer. " +
			"If the words are BinderHub's own, its version is not one that this suite knows.",
	},
	{
		ID: "sse-idle-cut", Title: "A proxy cuts the quiet event stream", Hop: HopIngress,
		// A timeout cuts the first silence that is long enough: after an earlier one as long, something else ended the stream. Caddy
		// 2.6, and HAProxy 2.6 over HTTP/2, end it in order then; nginx, Apache and HAProxy over HTTP/1.1 leave the last chunk out.
		Match: func(v *View) bool {
			return launchStream(v.X) && streamBroke(v) && quiet(v.X) >= time.Second && quiet(v.X) > longest(v.X)
		},
		Sentence: func(v *View) string {
			when := `before "ready"`
			if lastPhase(v.X) == "ready" {
				when = `while BinderHub held it open after "ready": a longer build would be cut before it`
			}
			return fmt.Sprintf("BinderHub's event stream was cut after %s without an event, %s: a proxy %s gives up on quiet streams", sayTime(quiet(v.X)), when, front(v.X))
		},
		Suspects: []string{"sse-idle-cut", "stream-cut", "stream-ended-early", "upstream-hang"},
		Remedy: "BinderHub sends a keepalive each 25 s: every read timeout must be longer. F5: `nginx.org/proxy-read-timeout: 120s`; community: `nginx.ingress.kubernetes.io/proxy-read-timeout: \"600\"`; plain nginx: `proxy_read_timeout 600s;`; " +
			"HAProxy: `timeout server 600s`; Apache: `ProxyTimeout 600`; Google: `timeoutSec: 600` in a BackendConfig; AWS ALB: `idle_timeout.timeout_seconds=600`.",
		Mutes: []string{"stream-cut", "stream-ended-early"},
	},
	{
		ID: "stream-cut", Title: "The event stream is cut",
		Hop:   HopIngress,
		Match: func(v *View) bool { return launchStream(v.X) && streamBroke(v) && !inOrder(v.X) },
		Sentence: func(v *View) string {
			if len(v.X.Events) == 0 {
				return fmt.Sprintf("BinderHub's event stream was cut right after its head, without one event: a proxy %s, or BinderHub itself, ended the connection", front(v.X))
			}
			return fmt.Sprintf("BinderHub's event stream was cut %s after it began, in the phase %q and not after a silence: a proxy %s bounds how long an answer may last, was reloaded, or BinderHub restarted", sayTime(v.X.Ended()-v.X.Open.At), lastPhase(v.X), front(v.X))
		},
		Suspects: []string{"stream-cut", "binder-restarted", "sse-idle-cut", "ingress-reload-cuts-ws", "answer-cut"},
		Remedy: "`kubectl get pods -l component=binder`: did it restart in that minute (OOMKilled, a rollout)? Else something bounds an answer's whole time: Google `timeoutSec` in a BackendConfig (30 s), Traefik `respondingTimeouts.writeTimeout: 0`, Envoy and Istio `timeout: 0s` on the route, HAProxy `timeout server`, Cloudflare's and Front Door's limits; " +
			"or its length (`proxy_max_temp_file_size`, a firewall). nginx and its controllers cut streams when they reload: `worker-shutdown-timeout`.",
	},
	{
		ID: "stream-ended-early", Title: "The event stream ends before the launch does", Hop: HopBinderHub,
		Match: func(v *View) bool { return launchStream(v.X) && v.Symptom(wire.StreamEnded) && status(v.X) == 200 },
		Sentence: func(v *View) string {
			if len(v.X.Events) == 0 {
				return "BinderHub's event stream ends in order, and without one event: whoever answered had nothing to say"
			}
			return fmt.Sprintf("BinderHub's event stream ends in order after %s, in the phase %q, and the launch has neither failed nor come to \"ready\"", sayTime(v.X.Ended()-v.X.Open.At), lastPhase(v.X))
		},
		Suspects: []string{"stream-ended-early", "binder-restarted", "sse-idle-cut", "wrong-site"},
		Remedy: "`kubectl logs deploy/binder --previous` and `| grep -iE 'error|stream|closed'`: a rollout or restart during the launch ends its streams, and the spawn goes on. Where BinderHub's log says that the client closed the stream, a proxy ended both sides: its read timeout (F5 `nginx.org/proxy-read-timeout`, community `proxy-read-timeout`, Apache `ProxyTimeout`), " +
			"or a CDN's limit on an answer.",
	},
	{
		ID: "ready-without-url", Title: "BinderHub is ready and tells no server", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return launchStream(v.X) && v.Fault.Symptom == wire.Content && strings.Contains(v.Fault.Want, "URL of a user server in ready")
		},
		Sentence: sentence("BinderHub says \"ready\" without the URL of a server: it built the image and launched nothing"),
		Suspects: []string{"ready-without-url", "api-only-mode", "version-drift"},
		Remedy:   "`BinderHub.require_build_only: false` (before 2023), and no proxy that adds `build_only=true` to /build. In API-only mode a launch is asked for without `build_only`. Else BinderHub's version does not fit: `curl https://<binder>/versions`.",
	},
}

// streamBroke tells whether a launch's stream was answered as one and ended before its time.
func streamBroke(v *View) bool {
	return (v.Symptom(wire.StreamEnded, wire.EOF, wire.Reset) || streamReset(v)) && v.X.Response != nil && status(v.X) == 200
}

// streamReset is how a browser names an HTTP/2 stream that a proxy took back, and an answer without its last chunk.
func streamReset(v *View) bool {
	return v.X.Client == wire.Browser && v.Says("net::ERR_HTTP2_PROTOCOL_ERROR", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", "net::ERR_CONTENT_LENGTH_MISMATCH")
}

// inOrder tells whether a stream ended by its last chunk: whoever wrote it ended it, and no connection broke.
func inOrder(x *wire.Exchange) bool {
	return x.Close != nil && x.Close.Symptom == "" && x.Close.Error == ""
}

// stalls tells whether a launch's stream stopped moving.
func stalls(v *View) bool { return launchStream(v.X) && v.Symptom(wire.Stalled, wire.Timeout) }

// heldBack is a stream of which nothing has come though BinderHub serves other requests on the same host.
func heldBack(v *View) bool {
	return stalls(v) && len(v.X.Events) == 0 && connected(v.X) && v.servedHere()
}
