package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// maxAddresses bounds the addresses of a host that are tried one by one.
const maxAddresses = 8

// tls connects to every address of the host, of both families, and looks at the certificate that each one shows: a visitor
// comes to any of them. What is wrong is one fault, which tells of each address.
func (h *host) tls(ctx context.Context) error {
	if h.plain() {
		return smoke.Skip("the URL of " + h.name + " begins with http://")
	}
	if proxy, ok := h.proxied(); ok {
		return smoke.Skip(fmt.Sprintf("requests go through the proxy %s that the environment names: certificates are checked with each, but not every address, and not how long they last", proxy))
	}
	if len(h.addresses) == 0 { // dns was left out
		var err error
		if h.addresses, _, err = h.net.Lookup(ctx, "The name of "+h.name, h.base()); err != nil {
			return err
		}
	}
	return h.judge(h.tryAll(ctx))
}

// tried is what came of one address.
type tried struct {
	at      netip.Addr
	fault   *wire.Fault // nil: it shows a certificate that is good, and will be for long
	reached bool        // TLS was spoken
	grade   grade
}

// grade is what an address says about the deployment, from good to bad.
type grade int

const (
	good grade = iota
	untried
	doubtful
	bad
)

// tryAll connects to all addresses at once: those that do not answer take their time.
func (h *host) tryAll(ctx context.Context) []tried {
	all := make([]tried, min(len(h.addresses), maxAddresses))
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() { all[i] = h.try(ctx, h.addresses[i]) })
	}
	group.Wait()
	return all
}

func (h *host) try(ctx context.Context, at netip.Addr) tried {
	c, err := h.net.Connect(ctx, "TLS of "+h.name, h.base(), at)
	t := tried{at: at, reached: err == nil}
	if err == nil {
		err = h.daysLeft(c)
	}
	errors.As(err, &t.fault)
	switch {
	case err == nil:
	case smoke.IsWarning(err):
		t.grade = doubtful
	case at.Is6() && t.fault.Symptom == wire.TCPUnreachable:
		t.grade = untried // this machine has no way to the family
	default:
		t.grade = bad
	}
	return t
}

// judge makes one error of all addresses. That an IPv6 address cannot be tried from here says nothing about it, where another
// one can. One that does not answer may be dead, or our way to it: browsers then take an IPv4 address, so it is a warning.
func (h *host) judge(all []tried) error {
	reached, reached4 := false, false
	for _, t := range all {
		reached, reached4 = reached || t.reached, reached4 || t.reached && t.at.Is4()
	}
	worst := tried{}
	for i := range all {
		t := &all[i]
		if reached4 && t.at.Is6() && t.grade == bad && t.fault.Symptom == wire.TCPTimeout {
			t.grade = doubtful
		}
		if reached && t.grade == untried {
			h.Tell(fmt.Sprintf("%s has the IPv6 address %s, which cannot be tried from here: this machine has no route to it", h.name, t.at))
			continue
		}
		if t.grade > worst.grade {
			worst = *t
		}
	}
	if worst.fault == nil {
		return nil
	}
	tellOf(all, worst)
	if worst.grade == doubtful {
		return smoke.Warn(worst.fault)
	}
	return worst.fault
}

// tellOf names the addresses in the worst one's fault, where the host has several: the others may be good.
func tellOf(all []tried, worst tried) {
	if len(all) == 1 {
		return
	}
	f := worst.fault
	same, fine, parts := []string{worst.at.String()}, []string(nil), []string(nil)
	for _, t := range all {
		switch {
		case t.at == worst.at || t.grade == untried:
		case t.fault == nil:
			fine = append(fine, t.at.String())
		case t.fault.Symptom == f.Symptom:
			same = append(same, t.at.String())
			f.Exchanges = append(f.Exchanges, t.fault.Exchanges...)
		default:
			parts = append(parts, fmt.Sprintf("%s: %s", t.at, t.fault.Got))
			f.Exchanges = append(f.Exchanges, t.fault.Exchanges...)
		}
	}
	switch {
	case strings.HasPrefix(string(f.Symptom), "tls-"):
		parts = append([]string{"shown by " + listed(same)}, parts...)
	case len(same) > 1:
		parts = append([]string{"and so at " + listed(same[1:])}, parts...)
	}
	if len(fine) > 0 {
		parts = append(parts, "in order: "+listed(fine))
	}
	if len(parts) > 0 {
		f.Got += " (" + strings.Join(parts, "; ") + ")"
	}
}

// listed writes a list as a sentence has it.
func listed(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// Days before a certificate's end at which to fail and to warn. Let's Encrypt's certificates are renewed 30 days before
// their end, so fewer than 21 mean that renewal has failed for days.
const (
	failDays = 7
	warnDays = 21
)

// daysLeft judges the validity of the certificate that a connection was shown.
func (h *host) daysLeft(c *wire.Connection) error {
	leaf := c.TLS.PeerCertificates[0]
	days := int(time.Until(leaf.NotAfter).Hours() / 24)
	if days >= warnDays {
		return nil
	}
	f := &wire.Fault{
		Subject: "The certificate of " + h.name, URL: h.base(), Symptom: wire.TLSExpiring, Want: fmt.Sprintf("at least %d days until it ends", warnDays),
		Got:       fmt.Sprintf("%d days: it ends on %s", days, leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC")),
		Exchanges: []wire.ExchangeID{c.Exchange},
	}
	if days < failDays {
		return f
	}
	return smoke.Warn(f)
}
