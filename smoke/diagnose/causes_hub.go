package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// hubCauses are of JupyterHub and its proxy (CHP). In both the proxy answers, or the hub by way of it.
var hubCauses = []Cause{
	{
		ID: "hub-down", Title: "JupyterHub is down", Hop: HopHub,
		Match: func(v *View) bool {
			return (v.Answer.Product == "CHP" && status(v.X) == 503 && strings.TrimSpace(body(v.X)) == "Service Unavailable" && !v.hubAlive()) ||
				(v.Answer.Product == "CHP" && status(v.X) == 503 && kind(v.X) == "canary") || hubSilent(v)
		},
		Sentence: func(v *View) string {
			if status(v.X) == 0 {
				return fmt.Sprintf("JupyterHub's proxy (CHP) is alive, but the hub behind it does not answer in %s", sayTime(took(v.X)))
			}
			return "JupyterHub's proxy (CHP) is alive, but the hub behind it is down: even its error page cannot be fetched"
		},
		Ask:         ask(askHost, askProxy),
		Suspects:    []string{"hub-down", "netpol-hub-to-proxy", "hub-abort-on-failures", "cpu-starved-node"},
		Remedy:      "`kubectl get pods -l component=hub`, `kubectl logs deploy/hub --previous`: a crash at start (configuration, database), its volume that does not attach, or a NetworkPolicy between proxy and hub. Running servers go on; nobody can start one.",
		Mutes:       []string{"stale-route-503", "proxy-token-mismatch", "ws-upgrade-missing", "launch-timeout"},
		MutesLaunch: []string{"hub-token-mismatch", "binder-to-hub-blocked", "kube-api-unreachable", "sse-error-as-200"},
	},
	{
		ID: "stale-route-503", Title: "The proxy's route leads to a server that is gone", Hop: HopCHP,
		Match: func(v *View) bool {
			return v.Answer.Product == "CHP" && status(v.X) == 503 && v.X.Open.Role == wire.RoleServer
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("JupyterHub's proxy (CHP) has a route to the user server, but nothing answers behind it (%s)", say(status(v.X)))
		},
		Ask:      askHost,
		Suspects: []string{"stale-route-503", "server-culled-midway", "netpol-not-enforced"},
		Remedy:   "Is the user pod alive (`kubectl get pods -l component=singleuser-server`, its events: OOMKilled, evicted)? If it is, a NetworkPolicy keeps the proxy from it. A stale route goes at the hub's next poll (30 s), or with `DELETE /hub/api/users/<name>/server`.",
	},
	{
		ID: "server-culled-midway", Title: "The server was stopped during the run", Hop: HopHub,
		Match: func(v *View) bool {
			if v.X.Open.Role != wire.RoleServer || !(status(v.X) == 424 || backToHub(v.X)) {
				return false
			}
			_, ok := v.Other(servedUser)
			return ok && !v.In("launch/route", "clean-up/shutdown", "clean-up/gone")
		},
		Sentence: sentence("The user server answered before and is gone now: it was culled, or died, in the middle of the run"),
		Suspects: []string{"server-culled-midway", "proxy-token-mismatch", "stale-route-503"},
		Remedy:   "`kubectl logs deploy/hub | grep <user>` says who stopped it: the culler (`cull.timeout` shorter than a session?), the pod's end (OOMKilled, eviction, a node that went), or a hub restart that lost it.",
	},
	{
		ID: "proxy-token-mismatch", Title: "The proxy has no route to the new server", Hop: HopCHP,
		Match: func(v *View) bool {
			return v.X.Open.Role == wire.RoleServer && (backToHub(v.X) || status(v.X) == 424 ||
				(status(v.X) == 404 && v.Answer.Product == "CHP")) && !v.In("server/login")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub said that the server is ready, but JupyterHub's proxy has no route to it: the hub answers in its place (%s)", say(status(v.X)))
		},
		Suspects: []string{"proxy-token-mismatch", "base-url-mismatch", "netpol-hub-to-proxy", "singleuser-entrypoint-mismatch"},
		Remedy: "`kubectl logs deploy/hub | grep -i proxy` and `kubectl logs deploy/proxy | grep 403`: hub and proxy must share one CONFIGPROXY_AUTH_TOKEN (restart both after a change of the release's secret). " +
			"Then NetworkPolicies from hub to proxy, port 8001, and `hub.baseUrl` against the ingress's path.",
	},
	{
		ID: "sticky-missing", Title: "Requests reach two different user servers", Hop: HopIngress,
		Match: func(v *View) bool { return v.X.Open.Role == wire.RoleServer && forgets(v) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server does not know what it made a moment ago (%s answers %s, now and then): requests reach two different servers", pathOf(v.X), say(status(v.X)))
		},
		Suspects: []string{"sticky-missing", "one-of-n-bad", "kernel-dies-at-start"},
		Remedy:   "Is there a load balancer or a Service with two backends between the proxy and the user pod, or are there two hubs with a proxy of their own (`kubectl get pods -l component=proxy`, replicas 1)? Two deployments behind one host name: DNS with addresses of both.",
	},
	{
		ID: "ws-rewrite-target", Title: "The path of WebSockets is changed on the way", Hop: HopIngress,
		Match: func(v *View) bool {
			return handshake(v.X) && status(v.X) == 404 && v.Answer.Hop == HopServer && v.X.Client != wire.Browser && (kind(v.X) != "kernel" || v.kernelLives())
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server answers 404 to the %s, though it has what was asked for: the path that reaches it is another one", socketName(v.X))
		},
		Suspects: []string{"ws-rewrite-target", "double-or-trailing-slash", "sticky-missing", "base-url-mismatch"},
		Remedy:   "WebSockets must take the way of all other requests: no `location` or router of their own with a rewrite (community `rewrite-target`, F5 `nginx.org/rewrites`, Traefik `stripPrefix`, the URI part of `proxy_pass`, Apache's RewriteRule to ws:// with `%{REQUEST_URI}`).",
	},
	{
		ID: "double-or-trailing-slash", Title: "A doubled slash leads nowhere", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return v.X.Response != nil && strings.Contains(urlOf(v.X).Path, "//") && (status(v.X) == 404 || (status(v.X) >= 300 && status(v.X) < 400)) && v.X.Open.Role != wire.RoleOther
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The URL %s has a doubled slash, and is answered %s: a base URL is put together with and without its slash", pathOf(v.X), say(status(v.X)))
		},
		Suspects: []string{"double-or-trailing-slash", "base-url-mismatch", "hub-url-wrong"},
		Remedy:   "`BinderHub.hub_url` ends in one slash, `hub.baseUrl` begins and ends with one; look at the `url` of the event `ready`. An ingress that merges slashes (plain nginx `merge_slashes on` with a URI in `proxy_pass`) hides it on some paths only.",
	},
	{
		ID: "singleuser-entrypoint-mismatch", Title: "The hub serves a page that the user server should", Hop: HopHub,
		Match: func(v *View) bool {
			return v.X.Open.Role == wire.RoleServer && status(v.X) == 404 && (v.Answer.Product == "JupyterHub" || holds(body(v.X), "You are requesting a page that does not exist"))
		},
		Sentence: sentence("The page after the launch is the hub's 404: the user server is not where the launch said, or has no such page"),
		Suspects: []string{"singleuser-entrypoint-mismatch", "proxy-token-mismatch", "base-url-mismatch", "default-url-404"},
		Remedy:   "Does the image start the server under JUPYTERHUB_SERVICE_PREFIX (its `cmd` must be jupyterhub-singleuser or take the base URL), with a jupyterhub package that fits the hub's? Does `default_url` exist in it?",
	},
}

// hubAlive tells whether the hub answered after a user server's route had failed: then the route is at fault, and whatever
// serves CHP's error pages, but not the hub.
func (v *View) hubAlive() bool {
	_, ok := v.Other(func(x *wire.Exchange) bool {
		a, _ := Answered(x)
		return x.Open.Role == wire.RoleHub && x.Open.At > v.X.Open.At && a.Hop == HopHub && status(x) < 500
	})
	return ok && v.X.Open.Role == wire.RoleServer
}

// hubSilent is a request to the hub that nobody answered although CHP answers its own health check.
func hubSilent(v *View) bool {
	if !v.Symptom(wire.Timeout) || v.X.Open.Role != wire.RoleHub || v.X.Response != nil || kind(v.X) == "canary" && !handshake(v.X) {
		return false
	}
	_, ok := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && chpHealth(x) && !handshake(x) })
	return ok && connected(v.X)
}

// forgets is a 404 of the user server for a kernel or terminal of which it has said, over the same path, that it is there.
func forgets(v *View) bool {
	p := urlOf(v.X).Path
	if status(v.X) != 404 || v.Answer.Hop != HopServer || handshake(v.X) || !(strings.Contains(p, "/api/kernels/") || strings.Contains(p, "/api/terminals/")) {
		return false
	}
	_, after := v.Other(func(x *wire.Exchange) bool {
		return v.SameHost(x) && urlOf(x).Path == p && status(x) == 200 && servedUser(x) && x.Open.At > v.X.Open.At
	})
	return after
}

// backToHub is a redirect of a user server's URL to the hub: CHP's default route, which means that it has no other.
func backToHub(x *wire.Exchange) bool {
	to := header(x, "Location")
	return status(x) == 302 && (strings.Contains(to, "/hub/user/") || strings.Contains(to, "/hub/spawn") || strings.Contains(to, "/hub/login"))
}

// servedUser is an answer of the user server itself.
func servedUser(x *wire.Exchange) bool {
	a, ok := Answered(x)
	return ok && a.Hop == HopServer && x.Open.Role == wire.RoleServer && (status(x) < 400 || x.Opened())
}
