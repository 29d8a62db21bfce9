package diagnose

import (
	"fmt"

	"binderhub-smoke/smoke/wire"
)

// websocketCauses are of the handshake and of the life of a websocket, from the special to the general.
var websocketCauses = []Cause{
	{
		ID:    "ws-path-whitelist",
		Title: "WebSocket upgrades pass on some paths only",
		Hop:   HopIngress,
		Match: func(v *View) bool {
			if !stripped(v.X) && !v.strippedInBrowser(v.X) {
				return false
			}
			if kind(v.X) == "canary" && v.Warning() {
				return true
			}
			_, ok := v.openedBeside()
			return ok
		},
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.openedBeside(); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			passes := "kernel channels pass"
			if x, ok := v.openedBeside(); ok {
				passes = "the " + socketName(x) + " passes"
			}
			return fmt.Sprintf("The ingress %s upgrades only some paths: the %s arrives without its Upgrade, while %s", front(v.X), socketName(v.X), passes)
		},
		Suspects: []string{"ws-path-whitelist", "ws-rewrite-target", "ws-upgrade-missing"},
		Remedy: "Give every path the upgrade, not a pattern of URLs: plain nginx wants the Upgrade and Connection lines in `location /`; " +
			"F5 and community controllers want the setting on the whole Ingress of `proxy-public`; Apache wants `upgrade=websocket` on `ProxyPass /`; Traefik and HAProxy one router or backend for all paths; Envoy and Istio `upgrade_configs` on the listener and not on one route.",
	},
	{
		ID:    "ws-upgrade-missing",
		Title: "WebSocket upgrades are dropped before they reach JupyterHub",
		Hop:   HopIngress,
		Match: func(v *View) bool {
			if stripped(v.X) {
				return true
			}
			if !v.strippedInBrowser(v.X) {
				return false
			}
			_, other := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && handshake(x) && reached(x) })
			return !other
		},
		Cite:     besideCanary,
		Sentence: upgradeMissing,
		Ask:      ask(askCanary, askBrowsers),
		Suspects: []string{"ws-upgrade-missing", "lb-l7-not-ws", "ws-mesh-not-enabled", "ws-rewrite-target", "ws-path-whitelist"},
		Likelier: func(v *View) []string {
			if v.meets("Envoy") {
				return []string{"ws-mesh-not-enabled"}
			}
			if v.meets("AWS load balancer") {
				return []string{"lb-l7-not-ws"}
			}
			return nil
		},
		Remedy: upgradeRemedy,
		Mutes:  []string{"ws-path-whitelist"},
	},
}

const upgradeRemedy = "F5 nginx-ingress: annotate the hub's Ingress with `nginx.org/websocket-services: \"proxy-public\"` (it upgrades nothing by default). " +
	"Plain nginx: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;` in `location /`, " +
	"with `map $http_upgrade $connection_upgrade { default upgrade; '' close; }` in `http`. " +
	"Community ingress-nginx upgrades by default: look for a `configuration-snippet` or `proxy-set-headers` that overrides Connection. " +
	"Traefik, HAProxy and Caddy upgrade by default: look for a middleware, `http-request del-header` or `header_up -Upgrade`. " +
	"Apache: `ProxyPass / http://… upgrade=websocket`. Envoy and Istio: `upgrade_configs: [{upgrade_type: websocket}]` on the route. " +
	"AWS classic load balancer: a TCP or SSL listener in place of HTTP(S)."

// upgradeMissing says where the Upgrade was found missing, and by what.
func upgradeMissing(v *View) string {
	proof := "the user server answers 400 " + trimmed(v.X)
	switch {
	case kind(v.X) == "canary":
		proof = "CHP answers it as a plain request, 200 " + trimmed(v.X)
	case v.X.Client == wire.Browser:
		proof = "the browser is refused with 400, though the same server answers over HTTP"
	}
	return fmt.Sprintf("%s drops the WebSocket upgrade on the way to JupyterHub, so no kernel or terminal can connect: the %s arrives without it (%s)",
		v.ingress(), socketName(v.X), proof)
}

// ingress names the proxy in front as the subject of a sentence, by what it leaves on the answers of others.
func (v *View) ingress() string {
	for _, f := range passedBy {
		if v.X.Response != nil && f.Match(v.X) {
			return upper(named(f, v.X)) + " " + front(v.X)
		}
	}
	return "The ingress " + front(v.X)
}

// meets tells whether any answer on the same host shows a product's marks.
func (v *View) meets(product string) bool {
	for _, f := range passedBy {
		if f.Product != product {
			continue
		}
		if f.Match(v.X) {
			return true
		}
		if _, ok := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && f.Match(x) }); ok {
			return true
		}
	}
	return false
}

// besideCanary cites the plain request to the canary's URL: that it was answered by CHP makes the pair a proof.
func besideCanary(v *View) []*wire.Exchange {
	if kind(v.X) != "canary" {
		return nil
	}
	if x, ok := v.Other(func(x *wire.Exchange) bool {
		return v.SameHost(x) && kind(x) == "canary" && !handshake(x) && chpHealth(x)
	}); ok {
		return []*wire.Exchange{x}
	}
	return nil
}
