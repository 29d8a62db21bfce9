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
