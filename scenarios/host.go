package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// host is one of a target's two hosts, with the steps that both have.
type host struct {
	*Journey
	name      string             // in sentences: "the binder host"
	base      func() string      // its base URL
	probe     string             // a path below the base that answers 200 without authentication
	found     func([]netip.Addr) // is told the addresses; may be nil
	addresses []netip.Addr
}

// reachable are the first steps: names, certificates.
func (h *host) reachable() []smoke.Step {
	return []smoke.Step{
		{Name: "dns", Budget: 20 * time.Second, Do: h.dns},
		{Name: "tls", Budget: 30 * time.Second, Do: h.tls},
	}
}

// connected is what a step that asks this host needs: its TLS, where it has any.
func (h *host) connected() []string {
	if _, proxied := h.proxied(); proxied || h.plain() {
		return nil
	}
	return []string{"tls"}
}

// proxied tells by which proxy of the environment's the host is reached, if by any.
func (h *host) proxied() (proxy string, ok bool) { return h.net.Proxied(h.base()) }

// plain tells whether the host is reached without TLS. A hub that is not known yet is taken to be as the binder host.
func (h *host) plain() bool {
	base := h.base()
	if base == "" {
		base = h.binder.URL("")
	}
	return strings.HasPrefix(base, "http://")
}

// dns looks the host up.
func (h *host) dns(ctx context.Context) error {
	if proxy, ok := h.proxied(); ok {
		return smoke.Skip(fmt.Sprintf("requests go through the proxy %s that the environment names, which looks names up itself", proxy))
	}
	addresses, asked, err := h.net.Lookup(ctx, "The name of "+h.name, h.base())
	h.addresses = addresses
	if h.found != nil {
		h.found(addresses)
	}
	if err == nil && !asked {
		return smoke.Skip("the address was given, DNS was not asked")
	}
	return err
}

// redirect asks for the host over plain HTTP: it must send visitors to HTTPS on the same host.
func (h *host) redirect(ctx context.Context) error {
	if h.plain() {
		return smoke.Skip("the URL of " + h.name + " begins with http://")
	}
	if !h.Target.UI {
		return smoke.Skip("BinderHub is said to be in API-only mode: nobody visits it")
	}
	secure, err := url.Parse(h.base())
	if err != nil {
		return err
	}
	if secure.Port() != "" {
		return smoke.Skip("the URL of " + h.name + " has a port of its own; which port is its plain one is not known")
	}
	plain := *secure
	plain.Scheme = "http"
	subject := "The plain HTTP port of " + h.name
	a, err := h.net.Do(ctx, wire.Call{Subject: subject, URL: plain.String(), Fresh: wire.FreshHTTP1})
	var f *wire.Fault
	switch {
	case errors.As(err, &f) && (f.Symptom == wire.TCPRefused || f.Symptom == wire.TCPTimeout):
		return smoke.Skip("nothing answers on the plain HTTP port")
	case err != nil:
		return err
	}
	want := "a redirect to " + secure.String()
	to, err := plain.Parse(a.Header.Get("Location"))
	switch {
	case a.Status >= 500:
		return a.Fault(subject, wire.Status, want, a.Describe())
	case a.Status < 300 || a.Status >= 400:
		return smoke.Warn(a.Fault(subject, wire.Content, want, a.Describe()))
	case err != nil || to.Scheme != "https" || !strings.EqualFold(to.Hostname(), secure.Hostname()):
		return a.Fault(subject, wire.Redirected, want, a.Describe()+" to "+a.Header.Get("Location"))
	}
	return nil
}

// repeat asks again and again over fresh connections, half of them with HTTP/2: one bad replica of several answers only
// some of them, and kept connections would hide it.
func (h *host) repeat(ctx context.Context) error {
	counting, stop := context.WithCancel(ctx)
	defer stop()
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		asked  int
		faults []*wire.Fault
		slots  = make(chan struct{}, 4)
	)
	for i := range h.Target.Repeat {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if counting.Err() != nil && ctx.Err() == nil {
				return
			}
			err := h.once(counting, i)
			mu.Lock()
			defer mu.Unlock()
			var f *wire.Fault
			switch {
			case counting.Err() != nil && len(faults) > 0:
				return // cut short by us
			case errors.As(err, &f):
				time.AfterFunc(countOn, stop)
				faults = append(faults, f)
			}
			asked++
		})
	}
	group.Wait()
	return h.repeated(faults, asked)
}

// countOn is how long connections are tried after the first one failed: long enough to tell some from all, and no timeout
// is waited for again and again.
const countOn = 500 * time.Millisecond

// repeated is one fault of many, with how many connections showed it.
func (h *host) repeated(faults []*wire.Fault, asked int) error {
	if len(faults) == 0 {
		return nil
	}
	f := faults[0]
	for _, other := range faults[1:] {
		f.Exchanges = append(f.Exchanges, other.Exchanges...)
	}
	f.Want = fmt.Sprintf("%s on each of %d fresh connections", f.Want, asked)
	f.Got = fmt.Sprintf("%s on %d of them", f.Got, len(faults))
	return f
}

func (h *host) once(ctx context.Context, i int) error {
	subject := "A fresh connection to " + h.name
	fresh := wire.FreshHTTP1
	if i%2 == 1 {
		fresh = wire.FreshHTTP2
	}
	a, err := h.net.Do(ctx, wire.Call{Subject: subject, URL: h.base() + h.probe, Fresh: fresh})
	if err != nil {
		return err
	}
	if a.Status >= http.StatusInternalServerError {
		return a.Fault(subject, wire.Status, "no 5xx", a.Describe())
	}
	return nil
}
