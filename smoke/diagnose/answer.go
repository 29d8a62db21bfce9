package diagnose

import (
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Answer says who answered an exchange.
type Answer struct {
	Hop     Hop
	Product string // "nginx", "BinderHub", "CHP" …
	Name    string // as a person reads it, with the version where it is given away: "nginx/1.22.1"
	// Verified is set where a run of ours or the vendor's source has shown the fingerprint. Others give suspects only.
	Verified bool
	// Page is set when the product spoke for itself, by its own page or status, and did not only pass on.
	Page bool
}

// Fingerprint knows one product's answers. The table is ordered: applications before proxies, since a proxy leaves its
// Server header on everything that it passes on, and of proxies the special before the general.
type Fingerprint struct {
	Hop     Hop
	Product string
	Source  string // how it was verified: a run of ours or the vendor's source; empty: it was not
	Match   func(*wire.Exchange) bool
}

// Answered tells who answered an exchange; false when nobody did, or nobody known.
func Answered(x *wire.Exchange) (Answer, bool) {
	if x == nil || x.Response == nil {
		return Answer{}, false
	}
	for _, f := range fingerprints {
		if f.Match(x) {
			return Answer{Hop: f.Hop, Product: f.Product, Name: named(f, x), Verified: f.Source != "", Page: true}, true
		}
	}
	for _, f := range passedBy {
		if f.Match(x) {
			return Answer{Hop: f.Hop, Product: f.Product, Name: named(f, x), Verified: f.Source != ""}, true
		}
	}
	return Answer{}, false
}

// named is the product with its version, where the Server header begins with the product's name.
func named(f Fingerprint, x *wire.Exchange) string {
	server := header(x, "Server")
	if len(server) > len(f.Product) && strings.EqualFold(server[:len(f.Product)], f.Product) {
		name, _, _ := strings.Cut(server, " ")
		return name
	}
	return f.Product
}

// proxy tells whether a hop before the applications answered, by itself.
func (a Answer) proxy() bool {
	return a.Page && (a.Hop == HopEdge || a.Hop == HopLB || a.Hop == HopIngress)
}

// application tells whether BinderHub, the hub, CHP or a user server answered: the request came through the ingress.
func (a Answer) application() bool {
	return a.Page && (a.Hop == HopBinderHub || a.Hop == HopHub || a.Hop == HopCHP || a.Hop == HopServer)
}

// byApplication tells whether an application answered an exchange.
func byApplication(x *wire.Exchange) bool {
	a, ok := Answered(x)
	return ok && a.application()
}
