package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// networkCauses are of the way to the first hop: names and connections. No byte of HTTP was seen.
var networkCauses = []Cause{
	{
		ID: "no-resolver", Title: "The runner has no resolver", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool { return v.Symptom(wire.DNSFailed) && !v.anyNameResolved() },
		Sentence: func(v *View) string {
			return "The runner's resolver answered no question at all, so the target was never tried"
		},
		Suspects: []string{"no-resolver", "dns-failed"},
		Remedy:   "Check /etc/resolv.conf and the network of the machine that runs the suite; SMOKE_RESOLVE tests a known address without DNS.",
	},
	{
		ID: "dns-failed", Title: "The target's name servers fail", Hop: HopDNS,
		Match: func(v *View) bool { return v.Symptom(wire.DNSFailed) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("DNS gives an error for %s, though other names resolve: its zone or its name servers are broken", urlOf(v.X).Hostname())
		},
		Suspects: []string{"dns-failed", "dns-points-to-old-lb"},
		Remedy:   "`dig +trace <host>`: do the zone's name servers answer (SERVFAIL: DNSSEC or delegation)? Then the provider's status page, or external-dns's log.",
	},
	{
		ID: "dns-not-found", Title: "The name does not exist", Hop: HopDNS,
		Match: func(v *View) bool { return v.Symptom(wire.DNSNotFound) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("DNS says that %s does not exist", urlOf(v.X).Hostname())
		},
		Suspects: []string{"dns-not-found", "dns-points-to-old-lb"},
		Remedy:   "Create the A/AAAA or CNAME record for the host, pointing to the ingress controller's load balancer (`kubectl get svc -A | grep LoadBalancer`); `dig +short <host> @<name server>` shows when it is there. SMOKE_RESOLVE tests the cluster before DNS moves.",
	},
	{
		ID: "no-route", Title: "The runner has no route to the target", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool { return v.Symptom(wire.TCPUnreachable) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The runner has no route to %s: nothing was sent", addresses(v.X))
		},
		Suspects: []string{"no-route"},
		Remedy:   "Check the runner's network (IPv6 without a route is the usual case: `ip -6 route`), VPN and firewall; then try from another machine.",
	},
	{
		ID: "tcp-refused", Title: "Nothing listens behind the name", Hop: HopLB,
		Match: func(v *View) bool { return v.Symptom(wire.TCPRefused) && v.X.Response == nil },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The address of the %s refuses connections at once (%s): no load balancer or ingress listens there%s", hostOf(v), addresses(v.X), v.elsewhere())
		},
		Ask:      same(ProbeAddresses),
		Suspects: []string{"tcp-refused", "dns-points-to-old-lb", "hairpin-refused"},
		Likelier: oneOfTheAddresses,
		Remedy:   "Is the ingress controller running, and does its Service have an external address (`kubectl get svc -A | grep LoadBalancer`)? Does DNS point to that one, and not to a deleted cluster's? Then node ports and security groups.",
	},
	{
		ID: "tcp-timeout", Title: "Nobody answers behind the name", Hop: HopLB,
		Match: func(v *View) bool {
			return v.X.Response == nil && (v.Symptom(wire.TCPTimeout) || (v.Symptom(wire.Timeout) && v.X.Client != wire.Browser && neverConnected(v.X)))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The address of the %s does not answer connections (%s): packets are dropped before any ingress%s", hostOf(v), addresses(v.X), v.elsewhere())
		},
		Ask:      same(ProbeAddresses),
		Suspects: []string{"tcp-timeout", "dns-points-to-old-lb", "no-route"},
		Likelier: oneOfTheAddresses,
		Remedy:   "Does DNS point to the load balancer that exists now? Then security groups and firewalls for ports 80 and 443, and the load balancer's targets (node ports, health checks). Try from another network to rule out the runner's own.",
	},
}

// oneOfTheAddresses suspects DNS first where another address of the same host is fine: it holds one too many, or an old one,
// or one of a family that the load balancer does not serve.
func oneOfTheAddresses(v *View) []string {
	_, ok := v.Other(func(x *wire.Exchange) bool {
		good := x.TLS != nil && x.TLS.Error == "" || x.Open.Type == wire.TypeConnect && x.Close != nil && x.Close.Error == ""
		return v.SameHost(x) && good && len(x.TCP) > 0 && addresses(x) != addresses(v.X)
	})
	switch {
	case ok && strings.Contains(addresses(v.X), "]:"):
		return []string{"ipv6-broken", "dns-points-to-old-lb"}
	case ok:
		return []string{"dns-points-to-old-lb"}
	}
	return nil
}

// anyNameResolved tells whether the resolver answered anything in this run.
func (v *View) anyNameResolved() bool {
	for _, x := range v.All {
		if x.DNS != nil && x.DNS.Error == "" && !x.DNS.Override && len(x.DNS.Addresses) > 0 {
			return true
		}
	}
	return false
}

// neverConnected tells whether an exchange tried to connect and never got anywhere.
func neverConnected(x *wire.Exchange) bool {
	for _, t := range x.TCP {
		if t.Error == "" {
			return false
		}
	}
	return len(x.TCP) > 0
}

// addresses lists where an exchange tried to connect to.
func addresses(x *wire.Exchange) string {
	var out []string
	for _, t := range x.TCP {
		out = append(out, t.Address)
	}
	if len(out) == 0 && x.DNS != nil {
		out = x.DNS.Addresses
	}
	if len(out) == 0 {
		return urlOf(x).Host
	}
	return strings.Join(out, ", ")
}
