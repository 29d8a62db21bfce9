package browser

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// Handshake is the request by which the page wanted to open the websocket that failed, as another client can make it: of a
// refused one the browser tells neither headers nor body. It has the browser's own cookies and Origin.
func (b *Browser) Handshake(ctx context.Context) (h wire.Handshake, ok bool) {
	b.rec.mu.Lock()
	s := b.rec.broken
	b.rec.mu.Unlock()
	if s == nil || s.opened {
		return h, false
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return h, false
	}
	query := u.Query()
	if query.Has("session_id") {
		query.Set("session_id", "smoke-"+query.Get("session_id")) // one that was used lingers
	}
	u.RawQuery = query.Encode()
	origin := "http" + strings.TrimPrefix(u.Scheme, "ws") + "://" + u.Host
	res, err := command(ctx, b, network.GetCookies, network.GetCookiesParams{URLs: []string{"http" + strings.TrimPrefix(u.String(), "ws")}})
	if err != nil {
		return h, false
	}
	h = wire.Handshake{Subject: "The same websocket, opened by the raw client,", URL: u.String(), Header: http.Header{"Origin": {origin}}}
	var pairs []string
	for _, c := range res.Cookies {
		b.rec.tl.Redactor().Learn(c.Value)
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if pairs != nil {
		h.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	if s.kind == kernelSocket {
		h.Subprotocols = []string{kernelProtocol}
	}
	return h, true
}
