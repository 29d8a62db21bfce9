package browser

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/network"
	"golang.org/x/net/http/httpproxy"

	"binderhub-smoke/smoke/wire"
)

// identify has Chromium send headers with every request. Chromium sends them in websockets' handshakes too, which nothing else
// that it offers does; and to every host, so it is confined to the target's own.
func (b *Browser) identify(ctx context.Context, header http.Header) error {
	if len(header) == 0 {
		return nil
	}
	all := network.Headers{}
	for name := range header {
		value := header.Get(name)
		b.rec.tl.Redactor().Learn(value)
		all[name] = value
	}
	_, err := command(ctx, b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all})
	return err
}

// confined writes Chromium's --host-resolver-rules so that it finds the target's own hosts, each at its own port, and no other.
func confined(resolve map[string]string, places *wire.Places) string {
	own := map[string]string{}
	for _, u := range []*url.URL{places.Binder(), places.Hub()} {
		if u == nil {
			continue
		}
		at := hostPort(u)
		own[at] = at
		if to, ok := resolve[strings.ToLower(at)]; ok {
			own[at] = to
		}
	}
	return resolverRules(own) + ",MAP * ~NOTFOUND"
}

// hostPort is a URL's host and port, the port also where its scheme implies it.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// confinable tells why headers could reach others, or nil.
func confinable(o Options) error {
	if len(o.Header) == 0 {
		return nil
	}
	f := &wire.Fault{Subject: "The browser's headers", Symptom: wire.Unavailable, Want: "to reach the target's own hosts only", Inconclusive: true}
	if o.Remote != "" {
		f.Got = "a browser that was started by others, and goes where it likes"
		return f
	}
	hub := o.Timeline.Places().Hub()
	if hub == nil {
		f.Got = "a hub host that is not known: set SMOKE_HUB"
		return f
	}
	if through, err := httpproxy.FromEnvironment().ProxyFunc()(hub); err == nil && through != nil && o.Resolve[strings.ToLower(hostPort(hub))] == "" {
		f.Got = "a proxy in between, which finds hosts by itself: add the target's hosts to NO_PROXY"
		return f
	}
	return nil
}
