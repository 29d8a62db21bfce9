package browser

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// launch is what this visit has shown of a launch.
type launch struct {
	page   string   // the URL of BinderHub's page, while a launch is under way
	stream *request // BinderHub's event stream
	server Server
	there  bool // the user server's page has answered

	progress progress
}

func (l *launch) known() bool { return l.server.URL != "" }

// userPath finds the user server's base path in the path of a page below it.
var userPath = regexp.MustCompile(`^.*?/user/[^/]+/`)

// Launch opens one of BinderHub's own pages (…/v2/…) and follows it until it has been redirected to the launched user server
// and that has answered with a page.
func (b *Browser) Launch(ctx context.Context, page string) (Server, error) {
	b.rec.begin(ctx)
	b.rec.leave()
	b.rec.mu.Lock()
	b.rec.launch.page = page
	b.rec.mu.Unlock()
	return b.follow(ctx, page, b.navigate(ctx, page))
}

// follow follows a launch that has been begun on a page, unless err says that it was not.
func (b *Browser) follow(ctx context.Context, page string, err error) (Server, error) {
	if err == nil {
		b.openLog(ctx)
		err = b.rec.wait(ctx, func() bool { return b.rec.launch.there })
	}
	b.rec.mu.Lock()
	server := b.rec.launch.server
	if err == nil {
		err = b.rec.progressFault()
	}
	b.rec.mu.Unlock()
	return server, b.explain(ctx, err, expectation{
		subject: "BinderHub's page", url: page, want: "a redirect to the launched user server", got: b.rec.launchSoFar,
	})
}

// launchSoFar says how far a launch came.
func (r *recorder) launchSoFar() (string, []wire.ExchangeID) {
	var proof []wire.ExchangeID
	l := &r.launch
	if l.stream != nil {
		proof = append(proof, l.stream.exchange)
	}
	if r.document != nil {
		proof = append(proof, r.document.exchange)
	}
	switch {
	case r.document == nil || r.document.response == nil:
		return "no answer in time", proof
	case l.known():
		return "the server " + l.server.URL + ", but no page of it in time", proof
	case l.stream != nil:
		return fmt.Sprintf("the phase %s in time (its log: %s)", orNone(l.stream.stream.phase), short(strings.Join(l.stream.stream.log, " · "), 1000)), proof
	}
	return "a page that began no launch in time", proof
}

// OpenServer opens a user server as BinderHub's page would, for deployments without pages.
func (b *Browser) OpenServer(ctx context.Context, server, token string) error {
	b.rec.begin(ctx)
	b.rec.leave()
	b.rec.tl.Redactor().Learn(token)
	page := withSlash(server)
	b.rec.mu.Lock()
	b.rec.learnHub(page)
	b.rec.launch.server = Server{URL: page, Token: token}
	b.rec.mu.Unlock()
	if token != "" {
		page += "?token=" + url.QueryEscape(token)
	}
	err := b.navigate(ctx, page)
	if err == nil {
		err = b.rec.wait(ctx, func() bool { return b.rec.launch.there })
	}
	return b.explain(ctx, err, expectation{subject: "The user server's page", url: server, want: "200 text/html", got: b.rec.launchSoFar})
}

// documentSent looks for the redirect to a user server in the newest main document. It comes before the document's role is
// known: the hub may become known by it.
func (r *recorder) documentSent(e event, raw string) {
	if r.launch.page == "" || r.launch.known() {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || r.isLaunchPage(u) {
		return
	}
	if base := userPath.FindString(u.Path); base != "" {
		r.launched(e, Server{URL: u.Scheme + "://" + u.Host + base, Token: u.Query().Get("token")})
	}
}

// isLaunchPage tells BinderHub's own pages from user servers': a repository's owner may be called "user".
func (r *recorder) isLaunchPage(u *url.URL) bool {
	binder := r.tl.Places().Binder()
	if binder == nil || !strings.EqualFold(u.Host, binder.Host) {
		return false
	}
	below, found := strings.CutPrefix(u.Path, binder.Path)
	return found && (strings.HasPrefix(below, "v2/") || strings.HasPrefix(below, "repo/") || strings.HasPrefix(below, "build/"))
}

// launched notes a user server when it is first heard of.
func (r *recorder) launched(e event, s Server) {
	if r.launch.known() || s.URL == "" {
		return
	}
	r.tl.Redactor().Learn(s.Token)
	r.learnHub(s.URL)
	r.launch.server = s
	r.add(e, 0, wire.KindNote, wire.Note{Name: wire.NoteFact, Text: "the browser's user server is " + s.URL}, e.at)
	r.do.tell(s)
}

// learnHub tells the places of the hub that a user server lies on.
func (r *recorder) learnHub(server string) {
	u, err := url.Parse(server)
	if err != nil {
		return
	}
	if base := userPath.FindString(u.Path); base != "" {
		hub, _, _ := strings.Cut(base, "user/")
		if i := strings.LastIndex(strings.TrimSuffix(base, "/"), "/user/"); i >= 0 {
			hub = base[:i+1]
		}
		r.tl.Places().LearnHub(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: hub})
	}
}

// documentAnswered judges where the main document ended up once a user server is expected.
func (r *recorder) documentAnswered(q *request) {
	l := &r.launch
	if !l.known() || q.visit != r.visit {
		return
	}
	switch {
	case strings.HasPrefix(q.url, l.server.URL):
		l.there = true
	case q.role != wire.RoleBinder:
		r.raise(&wire.Fault{
			Subject: "The user server's page", URL: l.server.URL, Symptom: wire.Redirected, Want: "the user server's own page",
			Got: "a redirect to " + q.url, Exchanges: []wire.ExchangeID{q.exchange},
		})
	}
}
