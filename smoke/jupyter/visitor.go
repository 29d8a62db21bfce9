package jupyter

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"binderhub-smoke/smoke/jupyter/message"
	"binderhub-smoke/smoke/wire"
)

// Visitor is a user server's visitor as a browser is one: it comes by a link, follows redirects, and from then on is known
// by its cookies. Sockets opened by cookie are checked for their Origin, which those opened by token are not.
type Visitor struct {
	server *Server
	jar    http.CookieJar
}

// maxRedirects is what browsers follow, about.
const maxRedirects = 20

// Visit opens the server's start page by the link that BinderHub gives, with the token in it, and follows its redirects to
// a page. The answer is that page's; hops are all exchanges on the way.
func (s *Server) Visit(ctx context.Context) (v *Visitor, page *wire.Answer, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("a cookie jar cannot be made: %w", err)
	}
	v = &Visitor{server: s, jar: jar}
	if s.hub != nil && s.hub.jar != nil {
		v.jar = s.hub.jar // which the hub knows
	}
	at := s.base
	if s.token != "" && s.hub == nil {
		at += "?token=" + url.QueryEscape(s.token)
	}
	page, err = v.follow(ctx, at)
	return v, page, err
}

// Page gets a page below the server's base, and its redirects.
func (v *Visitor) Page(ctx context.Context, path string) (*wire.Answer, error) {
	return v.follow(ctx, v.server.URL(path))
}

// follow gets a page and its redirects. Coming to the same place again and again is a loop, whatever its query says: OAuth
// puts a new state into each round.
func (v *Visitor) follow(ctx context.Context, at string) (*wire.Answer, error) {
	subject := "The way to the user server's page"
	seen := map[string]int{}
	var hops []wire.ExchangeID
	for range maxRedirects {
		a, err := v.get(ctx, subject, at)
		if err != nil {
			return nil, err
		}
		hops = append(hops, a.Exchange)
		if a.Status < 300 || a.Status >= 400 {
			return a, nil
		}
		u, err := url.Parse(at)
		var next *url.URL
		if err == nil {
			next, err = u.Parse(a.Header.Get("Location"))
		}
		if err != nil {
			return nil, a.Fault(subject, wire.Redirected, "a redirect to a URL", fmt.Sprintf("Location %q", a.Header.Get("Location")))
		}
		place := next.Scheme + "://" + next.Host + next.Path
		if seen[place]++; seen[place] > 2 {
			f := a.Fault(subject, wire.Redirected, "a page", "a redirect loop through "+place)
			f.Exchanges = append(f.Exchanges, hops...)
			return nil, f
		}
		at = next.String()
	}
	f := &wire.Fault{Subject: subject, URL: v.server.base, Symptom: wire.Redirected, Want: "a page", Got: fmt.Sprintf("%d redirects", maxRedirects)}
	f.Exchanges = hops
	return nil, f
}

func (v *Visitor) get(ctx context.Context, subject, at string) (*wire.Answer, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, &wire.Fault{Subject: subject, URL: at, Symptom: wire.Redirected, Want: "a URL", Got: err.Error(), Err: err}
	}
	header := http.Header{"Accept": {"text/html,*/*"}}
	v.known(header, u)
	a, err := v.server.net.Do(ctx, wire.Call{Subject: subject, URL: at, Header: header})
	if err == nil {
		v.jar.SetCookies(u, (&http.Response{Header: a.Header}).Cookies())
	}
	return a, err
}

// known adds what the visitor is known by: cookies, or the hub's token where there is no way to a session (header login).
// With a token in it the Origin of a socket is not checked.
func (v *Visitor) known(header http.Header, u *url.URL) {
	maps.Copy(header, v.cookies(u))
	if v.server.hub != nil && v.server.hub.jar == nil && strings.HasPrefix(u.String(), v.server.base) {
		maps.Copy(header, v.server.header())
	}
}

// cookies is the Cookie header that belongs to a URL, or nothing.
func (v *Visitor) cookies(u *url.URL) http.Header {
	var pairs []string
	for _, c := range v.jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if pairs == nil {
		return nil
	}
	return http.Header{"Cookie": {strings.Join(pairs, "; ")}}
}

// handshake are the headers of a browser's websocket to the server: cookies and Origin, no token.
func (v *Visitor) handshake(address string) (http.Header, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL: %w", address, err)
	}
	header := http.Header{"Origin": {u.Scheme + "://" + u.Host}}
	v.known(header, u)
	return header, nil
}

// OpenChannel opens the websocket of a kernel as a browser does: by cookie and Origin, without a token.
func (v *Visitor) OpenChannel(ctx context.Context, kernelID string) (*Channel, error) {
	header, err := v.handshake(v.server.base)
	if err != nil {
		return nil, err
	}
	return v.server.open(ctx, "The kernel's websocket, opened as a browser does,", v.server.URL, kernelID, header, message.V1)
}
