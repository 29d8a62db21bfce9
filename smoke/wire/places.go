package wire

import (
	"net/url"
	"strings"
	"sync"
)

// Places knows where a target's binder host and hub host are, and so which role a URL has. The hub may become known only
// when a launch tells it. It is safe for concurrent use.
type Places struct {
	mu          sync.RWMutex
	binder, hub *url.URL
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

// LearnHub sets the hub when it was unknown.
func (p *Places) LearnHub(hub *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub == nil {
		p.hub = withSlash(hub)
	}
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
	inBinder, inHub := within(p.binder, u), within(p.hub, u)
	switch {
	case inHub && inBinder && len(p.hub.Path) < len(p.binder.Path), inBinder && !inHub:
		return RoleBinder
	case inHub && strings.HasPrefix(u.Path[len(p.hub.Path)-1:], "/user/"):
		return RoleServer
	case inHub:
		return RoleHub
	}
	return RoleOther
}

// within tells whether u lies below base; ws and wss count as http and https.
func within(base, u *url.URL) bool {
	if base == nil || !strings.EqualFold(authority(base), authority(u)) {
		return false
	}
	return strings.HasPrefix(u.Path, base.Path) || u.Path+"/" == base.Path
}

// authority is host:port with the port that the scheme implies.
func authority(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" || u.Scheme == "wss" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
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
