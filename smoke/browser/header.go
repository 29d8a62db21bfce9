package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
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
	if f := tooOld(b.product); f != nil {
		return f
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

// headersInSockets is the first major version of Chromium that sends the headers in websockets' handshakes.
// Source: https://github.com/microsoft/playwright/pull/42037.
const headersInSockets = 151

// tooOld tells of a browser, such as Chrome/150.0.7871.100, that would open websockets without the headers: each would be
// refused, by no fault of the deployment.
func tooOld(product string) *wire.Fault {
	_, version, _ := strings.Cut(product, "/")
	digits, _, _ := strings.Cut(version, ".")
	if major, err := strconv.Atoi(digits); err != nil || major >= headersInSockets {
		return nil
	}
	return &wire.Fault{
		Subject: "The browser", Symptom: wire.Unavailable, Inconclusive: true, Got: product,
		Want: fmt.Sprintf("Chrome or Chromium %d or later, which sends a login's headers in websockets' handshakes too", headersInSockets),
	}
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
	f := &wire.Fault{Subject: "The browser", Symptom: wire.Unavailable, Want: "its headers to reach the target's own hosts only", Inconclusive: true}
	if o.Remote != "" {
		f.Got = "a browser that was started by others, and goes where it likes"
		return f
	}
	hub := o.Timeline.Places().Hub()
	if hub == nil {
		f.Got = "a hub host that is not known: set SMOKE_HUB"
		return f
	}
	for _, host := range []*url.URL{o.Timeline.Places().Binder(), hub} {
		if host == nil || o.Resolve[strings.ToLower(hostPort(host))] != "" {
			continue
		}
		if through, err := httpproxy.FromEnvironment().ProxyFunc()(host); err == nil && through != nil {
			f.Got = "a proxy in between, which finds hosts by itself: add the target's hosts to NO_PROXY"
			return f
		}
	}
	return nil
}
