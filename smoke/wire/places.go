package wire

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Places knows where a target's binder host and hub host are, and so which role a URL has. The hub may become known only
// when a launch tells it. It is safe for concurrent use.
type Places struct {
	mu          sync.RWMutex
	binder, hub *url.URL
	remembered  bool       // hub is what an earlier launch told
	members     []*url.URL // of a federation, to which the binder host sent a launch
	hubs        []*url.URL // of those members
}

// NewPlaces returns the places of a target; hub may be nil while unknown.
func NewPlaces(binder, hub *url.URL) *Places {
	return &Places{binder: withSlash(binder), hub: withSlash(hub)}
}

// Binder returns BinderHub's base URL, ending in a slash; nil when the target has none.
func (p *Places) Binder() *url.URL {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.binder
}

// Hub returns the base URL of JupyterHub's proxy, ending in a slash, or nil while unknown.
func (p *Places) Hub() *url.URL {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.hub
}

// RememberHub sets the hub to what an earlier launch told, when nothing better is known.
func (p *Places) RememberHub(hub *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub == nil {
		p.hub, p.remembered = withSlash(hub), true
	}
}

// LearnHub sets the hub to what a launch of now told, when it was unknown or only remembered.
func (p *Places) LearnHub(hub *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub == nil || p.remembered {
		p.hub, p.remembered = withSlash(hub), false
	}
}

// LearnMember adds the base of a federation's member, to which the binder host handed a launch: it is the binder host's
// from then on.
func (p *Places) LearnMember(base *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = append(p.members, withSlash(base))
}

// LearnMemberHub adds the hub of a federation's member, where it is another one than the target's.
func (p *Places) LearnMemberHub(hub *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hubs = append(p.hubs, withSlash(hub))
}

// hubOf is the hub that a URL lies below, or nil.
func (p *Places) hubOf(u *url.URL) *url.URL {
	if within(p.hub, u) {
		return p.hub
	}
	if i := slices.IndexFunc(p.hubs, func(h *url.URL) bool { return within(h, u) }); i >= 0 {
		return p.hubs[i]
	}
	return nil
}

// inMember tells whether a URL lies on a member of the federation.
func (p *Places) inMember(u *url.URL) bool {
	return slices.ContainsFunc(p.members, func(m *url.URL) bool { return within(m, u) })
}

// Own tells whether a URL lies in the target's places, by its scheme too: what is for the target only is not sent in the
// clear because a page links to http.
func (p *Places) Own(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return within(p.binder, u) || within(p.hub, u)
}

// RoleOf tells which role a URL has. On a deployment with one host the longer path wins, so that /services/binder/ is the
// binder host's and the rest the hub's.
func (p *Places) RoleOf(raw string) Role {
	u, err := url.Parse(raw)
	if err != nil {
		return RoleOther
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	u = secured(u, p.binder, p.hub)
	hub, inBinder := p.hubOf(u), within(p.binder, u)
	switch {
	case inBinder && (hub == nil || len(hub.Path) < len(p.binder.Path)):
		return RoleBinder
	case hub == nil && p.inMember(u):
		return RoleBinder
	case hub == nil:
		return RoleOther
	case strings.HasPrefix(u.Path[len(hub.Path)-1:], "/user/"):
		return RoleServer
	}
	return RoleHub
}

// within tells whether u lies below base; ws and wss count as http and https.
func within(base, u *url.URL) bool {
	if base == nil || !strings.EqualFold(authority(base), authority(u)) {
		return false
	}
	return strings.HasPrefix(u.Path, base.Path) || u.Path+"/" == base.Path
}

// secured is u over TLS when u is the plain sister of one of the bases: the redirect from http to https is the host's own.
func secured(u *url.URL, bases ...*url.URL) *url.URL {
	if strings.HasSuffix(authority(u), ":80") {
		sister := *u
		sister.Scheme, sister.Host = "https", net.JoinHostPort(u.Hostname(), "443")
		for _, b := range bases {
			if within(b, &sister) {
				return &sister
			}
		}
	}
	return u
}

// authority is host:port with the port that the scheme implies.
func authority(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https" || u.Scheme == "wss":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func withSlash(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	c := *u
	if !strings.HasSuffix(c.Path, "/") {
		c.Path += "/"
	}
	return &c
}
