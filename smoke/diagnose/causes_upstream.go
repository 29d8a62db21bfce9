package diagnose

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"binderhub-smoke/smoke/wire"
)

// instant bounds how long a refused connection takes to show: the ingress is told at once. What takes longer waited for a
// name, a route or an answer.
const instant = 900 * time.Millisecond

// partialCauses are of requests of which some fail. They come before the causes of a single failure. An over-matching
// selector (2i2c-org/binderhub-service#165) shows as 502 always, which is upstream-refused, or as 502 now and then, which is
// this: it is a suspect of both.
var partialCauses = []Cause{
	{
		ID:    "one-of-n-bad",
		Title: "Some of several upstreams are broken",
		Hop:   HopIngress,
		Match: oneOfN,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.Other(v.sameButServed); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			bad, good := v.share()
			if status(v.X) == 0 {
				return fmt.Sprintf("Of the same requests over fresh connections to the %s some are lost (%s) and some are served (%d bad, %d good): one of several load balancers or ingress replicas is broken",
					hostOf(v), v.Fault.Got, bad, good)
			}
			return fmt.Sprintf("%s %s answers the same URL now with %s, now as it should (%d bad, %d good): one of several upstreams is broken",
				v.who(), front(v.X), say(status(v.X)), bad, good)
		},
		Ask:      askLater,
		Suspects: []string{"one-of-n-bad", "selector-overmatch", "stale-upstream-dns", "keepalive-race-502", "upstream-refused"},
		Remedy: "Compare the endpoints with the pods that are meant: `kubectl get endpointslices -l kubernetes.io/service-name=<service> -o wide`. " +
			"Narrow the Service's selector (add `app.kubernetes.io/component`), remove the dead pod or node, and restart the ingress replica that keeps a stale upstream list.",
		Mutes: []string{"upstream-refused", "no-endpoints-503", "upstream-name-unresolved", "upstream-breaks-off", "connection-cut", "tls-cut"},
	},
}

// upstreamCauses are of the way from the ingress to the application behind it: the ingress answers, by itself.
var upstreamCauses = []Cause{
	{
		ID:    "upstream-hang",
		Title: "The upstream takes connections and does not answer",
		Match: func(v *View) bool {
			return (v.Answer.proxy() && (status(v.X) == 504 || (took(v.X) >= instant && holds(body(v.X), "Error reading from remote server")))) || silent(v)
		},
		Sentence: func(v *View) string {
			if status(v.X) == 0 {
				return fmt.Sprintf("The connection to the %s stands, but no answer came in %s: what is behind the ingress hangs, or packets to it are dropped", hostOf(v), sayTime(took(v.X)))
			}
			return fmt.Sprintf("%s %s answers %s after %s: the %s took the connection or the packets and never answered",
				v.who(), front(v.X), say(status(v.X)), sayTime(took(v.X)), behind(v.X))
		},
		Ask:      ask(askAgain, askHost),
		Suspects: []string{"upstream-hang", "cpu-starved-node", "stale-upstream-dns", "kube-api-unreachable"},
		Remedy: "Is the process alive? `kubectl logs` and `kubectl exec … curl localhost:<port>` in its pod. Then the way to it: NetworkPolicies that still name the old ingress controller's labels, " +
			"a dead node, a Service with a wrong port (packets dropped, not refused).",
		ByAnswer: true,
	},
	{
		ID:    "upstream-name-unresolved",
		Title: "The ingress cannot look its upstream up",
		Match: func(v *View) bool {
			return v.Answer.proxy() && ((status(v.X) == 502 && soonest(v) >= instant && !holds(body(v.X), "invalid or incomplete")) || holds(body(v.X), "DNS lookup failure"))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s answers %s only after %s: not a refused connection but a name it could not look up, or a connection that died late",
				v.who(), front(v.X), say(status(v.X)), sayTime(took(v.X)))
		},
		Ask:      askAgain,
		Suspects: []string{"upstream-name-unresolved", "stale-upstream-dns", "cluster-dns-down", "upstream-refused"},
		Remedy: "Read the ingress's error log: \"could not be resolved\" or \"upstream prematurely closed\"? For a name: check service and namespace in the upstream's name, " +
			"the `resolver` line (plain nginx) and CoreDNS (`kubectl -n kube-system get pods -l k8s-app=kube-dns`).",
		ByAnswer: true,
	},
	{
		ID: "upstream-breaks-off", Title: "Some requests get 502 every time, others are served", Hop: HopIngress,
		Match: breaksOff,
		Ask:   ask(askAgain, askHost),
		Sentence: func(v *View) string {
			if uploads(v.X) {
				return fmt.Sprintf("%s %s answers %s to %s %s with a body of %s, and passes other requests to the same %s: the upstream ends the connection over it", v.who(), front(v.X), say(status(v.X)), method(v.X), pathOf(v.X), sayBytes(requested(v.X)), behind(v.X))
			}
			return fmt.Sprintf("%s %s answers %s to %s %s every time, and serves other requests: the %s dies over this one or answers what the ingress does not take, or the path has an upstream of its own that is not there", v.who(), front(v.X), say(status(v.X)), method(v.X), pathOf(v.X), behind(v.X))
		},
		Suspects: []string{"upstream-breaks-off", "response-header-limit", "one-of-n-bad", "selector-overmatch", "upstream-refused", "path-refused"},
		Likelier: func(v *View) []string {
			if uploads(v.X) {
				return []string{"save-413", "upstream-breaks-off"}
			}
			return nil
		},
		Remedy: "The ingress's log says which: \"upstream sent too big header\" wants larger buffers (F5 `nginx.org/proxy-buffer-size: 16k` and `nginx.org/proxy-buffers: 8 16k`, community `nginx.ingress.kubernetes.io/proxy-buffer-size: 16k`, plain nginx `proxy_buffer_size 16k; proxy_buffers 8 16k;`, HAProxy `tune.bufsize`); \"upstream prematurely closed connection\" is the application (a body above `ServerApp.max_body_size`, a crash: `kubectl logs`); " +
			"\"connection refused\" is a second Ingress path with another Service.",
	},
	{
		ID:    "upstream-refused",
		Title: "The ingress cannot connect to its upstream",
		Match: func(v *View) bool {
			return (v.Answer.proxy() && status(v.X) == 502) ||
				(v.Answer.Product == "Envoy" && holds(body(v.X), "connection refused", "delayed connect error: 111", "reset reason: connection failure", "reset reason: remote connection failure"))
		},
		Sentence: func(v *View) string {
			why := "it could not connect to the " + behind(v.X)
			if holds(body(v.X), "invalid or incomplete response", "Error reading from remote server") {
				why = "the " + behind(v.X) + " ends connections without an answer"
			}
			return fmt.Sprintf("%s %s answers %s in %s: %s", v.who(), front(v.X), say(status(v.X)), sayTime(took(v.X)), why)
		},
		Ask:      askAgain,
		Suspects: []string{"upstream-refused", "selector-overmatch", "proxy-bound-wrong-iface", "stale-upstream-dns", "upstream-name-unresolved"},
		Likelier: func(v *View) []string {
			if host(v.Role()) == "binder" {
				return []string{"selector-overmatch", "upstream-refused"}
			}
			return nil
		},
		Remedy:   upstreamRemedy,
		Mutes:    []string{"no-endpoints-503"},
		ByAnswer: true,
	},
	{
		ID:    "no-endpoints-503",
		Title: "The ingress has no upstream to send to",
		Match: func(v *View) bool { return v.Answer.proxy() && status(v.X) == http.StatusServiceUnavailable },
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s answers %s: it has no ready endpoint for the %s",
				v.who(), front(v.X), say(status(v.X)), behind(v.X))
		},
		Ask:      askAgain,
		Suspects: []string{"no-endpoints-503", "upstream-refused", "selector-overmatch", "lb-healthcheck-mismatch", "autoscale-failed"},
		Likelier: func(v *View) []string {
			switch {
			case v.Answer.Hop == HopLB:
				return []string{"lb-healthcheck-mismatch"}
			case v.Answer.Product == "Apache", v.Answer.Product == "HAProxy":
				return []string{"upstream-refused"}
			}
			return nil
		},
		Remedy: "Is a pod ready? `kubectl get pods,endpointslices -n <namespace>`: pending pods want nodes, no endpoints want the Service's selector and port name put right. " +
			"Behind an AWS load balancer: set the health check path to `/hub/health` (hub) or `/versions` (BinderHub), since `/` is a redirect.",
		ByAnswer: true,
	},
	{
		ID:    "default-backend-404",
		Title: "The ingress does not know this host",
		Match: func(v *View) bool {
			return unclaimed(v.X) && !v.servedHere()
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s answers %s by itself: no Ingress claims this host name or path", v.who(), front(v.X), say(status(v.X)))
		},
		Ask:      ask(askHost, askOther),
		Suspects: []string{"default-backend-404", "dns-points-to-old-lb"},
		Remedy: "`kubectl get ingress -A`: is the host there, with an address and an `ingressClassName` that a running controller serves (after a migration the old IngressClass may be gone)? " +
			"Then DNS: does the name point to this controller's load balancer, or still to the old one?",
		ByAnswer: true,
		Likelier: bothUnclaimed,
	},
}

// bothUnclaimed suspects DNS first where the target's other host is unknown there too: then it is not one Ingress that is
// missing.
func bothUnclaimed(v *View) []string {
	if _, ok := v.Other(func(x *wire.Exchange) bool {
		return x.Open.Role != wire.RoleOther && host(x.Open.Role) != host(v.Role()) && unclaimed(x)
	}); ok {
		return []string{"dns-points-to-old-lb"}
	}
	return nil
}

const upstreamRemedy = "Compare the Service's endpoints with the pods that are meant: `kubectl get endpointslices -l kubernetes.io/service-name=<service> -o wide`. " +
	"F5 nginx-ingress resolves a named `targetPort` on the first pod that the selector matches: narrow the selector (add `app.kubernetes.io/component: binderhub`) or use a number. " +
	"Community ingress-nginx and Traefik: the endpoint exists but refuses, so check `targetPort` against the port in the pod's log. " +
	"Plain nginx, HAProxy, Caddy, Apache: check the address in `proxy_pass`, `server`, `reverse_proxy` or `ProxyPass`, and that the process listens on it and not on 127.0.0.1 only."

// breaksOff is a 502 that this request gets every time, or that a large body gets, while the applications behind the same
// ingress answered other requests afterwards.
func breaksOff(v *View) bool {
	if !v.Answer.proxy() || status(v.X) != 502 || took(v.X) >= instant || v.Answer.Product == "Envoy" {
		return false
	}
	again := v.repeats()
	always := len(again) > 1 && !slices.ContainsFunc(again, func(x *wire.Exchange) bool { return !v.asBad(x) })
	_, others := v.Other(func(x *wire.Exchange) bool {
		return v.SameHost(x) && byApplication(x) && x.Open.At > v.X.Open.At && urlOf(x).Path != urlOf(v.X).Path
	})
	return others && (always || uploads(v.X))
}

// soonest is the least time in which such a refusal came: one that is slow by itself always is, and any other is when the
// machine that asks has too much to do.
func soonest(v *View) time.Duration {
	least := took(v.X)
	for _, x := range v.Others(func(x *wire.Exchange) bool { return v.SameHost(x) && refusedUpstream(x) && status(x) == status(v.X) }) {
		least = min(least, took(x))
	}
	return least
}

// silent is a request that was sent over a standing connection and not answered in the step's time. Websocket handshakes
// are another matter: the user server holds them until the kernel answers.
func silent(v *View) bool {
	return v.Symptom(wire.Timeout) && v.X.ID != 0 && v.X.Open.Type == wire.TypeHTTP && v.X.Response == nil && connected(v.X) && v.X.Client != wire.Browser &&
		!v.servedHere()
}

// unclaimed is an answer by which a proxy says that it has nothing at this host or path. Caddy says it by an empty 200.
func unclaimed(x *wire.Exchange) bool {
	a, ok := Answered(x)
	if !ok {
		return false
	}
	return (a.proxy() && status(x) == http.StatusNotFound) || (ownServer(x) == "caddy" && status(x) == 200 && empty(x) && header(x, "Content-Type") == "")
}

// servedHere tells whether an application answered anything else on the same host: the host as such is routed.
func (v *View) servedHere() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && byApplication(x) })
	return ok
}

// oneOfN is a proxy's refusal of a request that it served at another time of the same run, or a fresh connection that came
// to nothing among others that were served.
func oneOfN(v *View) bool {
	broken := refusedUpstream(v.X) || v.lostAmong() || (v.In("*/repeat") && v.X.Response == nil && v.Symptom(wire.Reset, wire.EOF, wire.TCPRefused, wire.TCPTimeout, wire.Timeout))
	if !broken || v.byVersion() || v.X.Open.Type != wire.TypeHTTP {
		return false
	}
	_, ok := v.Other(func(x *wire.Exchange) bool { return v.sameButServed(x) && !v.diedBefore(x) })
	return ok
}

func refusedUpstream(x *wire.Exchange) bool {
	a, _ := Answered(x)
	return a.proxy() && (status(x) == 502 || status(x) == 503 || status(x) == 504)
}

func (v *View) sameButServed(x *wire.Exchange) bool {
	return v.SameHost(x) && urlOf(x).Scheme == urlOf(v.X).Scheme && urlOf(x).Path == urlOf(v.X).Path && x.Open.Method == v.X.Open.Method && byApplication(x) && status(x) < 500
}

// share counts the bad and good answers to the deciding exchange's URL.
func (v *View) share() (bad, good int) {
	bad = 1
	for _, x := range v.Others(func(x *wire.Exchange) bool { return v.SameHost(x) && urlOf(x).Path == urlOf(v.X).Path }) {
		switch {
		case refusedUpstream(x), x.Response == nil:
			bad++
		case byApplication(x):
			good++
		}
	}
	return bad, good
}
