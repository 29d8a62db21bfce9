// Package probe asks a target the questions of the diagnosis: a few requests each, without a body, and never a launch. What
// came of them stands in the timeline, so nothing is returned.
package probe

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// Bounds of one probe.
const (
	fresh        = 8 // connections of one "again", four over HTTP/1.1 and four over HTTP/2
	atOnce       = 4
	maxAddresses = 8
	// limit is the time of one request: what has not answered by then hangs. Probes run side by side.
	limit   = 3 * time.Second
	maxBody = 64 << 10
)

// Prober asks one target.
type Prober struct {
	net *wire.Network
	// authorize returns the headers that a user server wants, or nil: without its token a server refuses a websocket before
	// it looks at the handshake.
	authorize func(url string) http.Header
}

// New returns a prober whose records are of client wire.Probe. authorize may be nil.
func New(n *wire.Network, authorize func(url string) http.Header) *Prober {
	if authorize == nil {
		authorize = func(string) http.Header { return nil }
	}
	return &Prober{net: n.As(wire.Probe), authorize: authorize}
}

// Ask executes a probe, and does nothing where it cannot be asked of this target: its host is not known yet, or not the
// target's own. It returns early when ctx is done.
func (p *Prober) Ask(ctx context.Context, asked diagnose.Probe) {
	at := p.url(asked)
	_, proxied := p.net.Proxied(at)
	if at == "" || ctx.Err() != nil || (proxied && direct[asked.Kind]) {
		return
	}
	switch asked.Kind {
	case diagnose.ProbeAgain:
		p.again(ctx, at)
	case diagnose.ProbePlain:
		p.get(ctx, at, wire.FreshHTTP1)
	case diagnose.ProbeUpgrade:
		p.upgrade(ctx, at)
	case diagnose.ProbeExtended:
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		_, _ = p.net.ExtendedConnect(limited, wire.Handshake{Subject: subject, URL: at, Header: p.authorize(at)})
	case diagnose.ProbeAddresses:
		p.addresses(ctx, at)
	case diagnose.ProbeClock:
		p.clock(ctx, at)
	}
}

// direct are the probes that connect by themselves, which tells nothing where a proxy connects for all others.
var direct = map[diagnose.ProbeKind]bool{diagnose.ProbeExtended: true, diagnose.ProbeAddresses: true}

const subject = "A probe"

// url is the probe's URL, or empty: what lies outside the target's own places is not asked, and neither is anything that
// launches.
func (p *Prober) url(asked diagnose.Probe) string {
	at := asked.URL
	if at == "" {
		base := p.base(asked.Role)
		if base == nil {
			return ""
		}
		at = base.String() + asked.Path
	}
	u, err := url.Parse(at)
	if err != nil || u.RawQuery != "" || strings.Contains(u.Path+"/", "/build/") || p.net.Timeline().Places().RoleOf(at) == wire.RoleOther {
		return ""
	}
	return at
}

func (p *Prober) base(role wire.Role) *url.URL {
	places := p.net.Timeline().Places()
	if role == wire.RoleBinder {
		return places.Binder()
	}
	return places.Hub()
}

// get asks once, on a connection of its own.
func (p *Prober) get(ctx context.Context, at string, over wire.Fresh) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, _ = p.net.Do(limited, wire.Call{Subject: subject, URL: at, Header: p.authorize(at), Fresh: over, MaxBody: maxBody})
}

// again asks over fresh connections, by turns over HTTP/1.1 and HTTP/2: two and two, so that a proxy that goes round
// between two upstreams does not give one of them to one version of HTTP.
func (p *Prober) again(ctx context.Context, at string) {
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range fresh {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() == nil {
				p.get(ctx, at, []wire.Fresh{wire.FreshHTTP1, wire.FreshHTTP2}[i/2%2])
			}
		})
	}
	group.Wait()
}

// upgrade asks for a websocket over HTTP/1.1. One that opens is closed at once.
func (p *Prober) upgrade(ctx context.Context, at string) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if socket, _, err := p.net.Dial(limited, wire.Handshake{Subject: subject, URL: at, Header: p.authorize(at)}); err == nil {
		socket.Close()
	}
}

// addresses connects to each address of the host, with TLS where the URL has it.
func (p *Prober) addresses(ctx context.Context, at string) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found, _, err := p.net.Lookup(limited, subject, at)
	if err != nil {
		return
	}
	var group sync.WaitGroup
	for _, address := range found[:min(len(found), maxAddresses)] {
		group.Go(func() { _, _ = p.net.Connect(limited, subject, at, address) })
	}
	group.Wait()
}

// clock asks the host's plain HTTP port, whose answer needs no certificate. It is known only where the URL has no port of
// its own, and where the user gave an address for the name the plain port must have one too: DNS may lead elsewhere.
func (p *Prober) clock(ctx context.Context, at string) {
	u, err := url.Parse(at)
	if err != nil || u.Port() != "" || !p.net.Reaches(u.Hostname(), "80") {
		return
	}
	p.get(ctx, "http://"+u.Host+"/", wire.FreshHTTP1)
}
