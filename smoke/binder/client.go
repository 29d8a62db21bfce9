package binder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Client speaks to one BinderHub.
type Client struct {
	net   *wire.Network
	base  *url.URL // ends in a slash
	token *atomic.Pointer[string]
	// browse asks the hub as somebody who has logged in; nil where nobody does.
	browse func(context.Context, wire.Call) (*wire.Answer, error)
	// silence is how long a launch's stream may be silent; see maxSilence.
	silence time.Duration
}

// New returns a client of the BinderHub at base, which ends in a slash. token is a JupyterHub API token for BinderHubs
// with auth_enabled, or empty.
func New(net *wire.Network, base *url.URL, token string) *Client {
	c := &Client{net: net, base: base, token: &atomic.Pointer[string]{}, silence: maxSilence}
	c.Authorize(token)
	return c
}

// Authorize gives the client a token, for what is asked from now on.
func (c *Client) Authorize(token string) { c.token.Store(&token) }

// LoginBy tells how the hub is asked by the session of somebody who has logged in. It is to be called before anything is asked.
func (c *Client) LoginBy(browse func(context.Context, wire.Call) (*wire.Answer, error)) {
	c.browse = browse
}

// URL is the URL of a path below the base. The path keeps its percent-encoding.
func (c *Client) URL(path string) string { return c.base.String() + path }

func (c *Client) get(ctx context.Context, subject, path string) (*wire.Answer, error) {
	return c.net.Do(ctx, wire.Call{Subject: subject, URL: c.URL(path), Header: c.header()})
}

func (c *Client) header() http.Header {
	token := *c.token.Load()
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"token " + token}}
}

// PageConfig is what BinderHub's pages tell their script. Source: binderhub/main.py.
type PageConfig struct {
	BaseURL       string `json:"baseUrl"`
	BinderVersion string `json:"binderVersion"`
	BuildToken    string `json:"buildToken"` // on /v2/… only
}

// pageConfig finds window.pageConfig = {…}; which BinderHub writes on one line, with < and > escaped.
var pageConfig = regexp.MustCompile(`window\.pageConfig\s*=\s*(\{.*\})\s*;`)

// Page is a page of BinderHub.
type Page struct {
	Config PageConfig
	Answer *wire.Answer
}

// Page gets a page of BinderHub and reads its configuration. A 200 alone proves nothing: BinderHub answers 200 to every
// path, and so may a stranger.
func (c *Client) Page(ctx context.Context, path string) (Page, error) {
	subject := "BinderHub's page"
	a, err := c.get(ctx, subject, path)
	if err != nil {
		return Page{}, err
	}
	page := Page{Answer: a}
	if a.Status >= 300 && a.Status < 400 {
		to := a.Header.Get("Location")
		if err := c.outsider(ctx, to); err != nil {
			return page, err
		}
		return page, a.Fault(subject, wire.Redirected, "200 text/html", a.Describe()+" to "+to)
	}
	if err := a.Expect(subject, http.StatusOK, "text/html"); err != nil {
		return page, refusesUs(a, err)
	}
	found := pageConfig.FindSubmatch(a.Body)
	if found == nil {
		return page, a.Fault(subject, wire.Content, "a page with window.pageConfig", "a page of another origin: "+title(a.Body))
	}
	if err := json.Unmarshal(found[1], &page.Config); err != nil {
		return page, a.Fault(subject, wire.Content, "window.pageConfig as JSON", err.Error())
	}
	c.net.Timeline().Redactor().Learn(page.Config.BuildToken)
	if page.Config.BaseURL != c.base.Path {
		return page, a.Fault(subject, wire.Content, "pageConfig.baseUrl "+c.base.Path, fmt.Sprintf("%q", page.Config.BaseURL))
	}
	return page, nil
}

// outsider is a fault where BinderHub sends somebody who has logged in to the hub's login, and the hub says that this user may
// not use BinderHub. Source: jupyterhub/apihandlers/auth.py, OAuthAuthorizeHandler.
func (c *Client) outsider(ctx context.Context, to string) error {
	at, err := c.base.Parse(to)
	if err != nil || c.browse == nil || !strings.HasSuffix(at.Path, "/hub/api/oauth2/authorize") || c.net.Timeline().Places().RoleOf(at.String()) != wire.RoleHub {
		return nil
	}
	subject := "The hub's leave to use BinderHub"
	a, err := c.browse(ctx, wire.Call{Subject: subject, URL: at.String()})
	if err != nil || a.Status != http.StatusForbidden {
		return nil
	}
	return a.Fault(subject, wire.Status, "a redirect back to BinderHub", a.Describe())
}

var titleTag = regexp.MustCompile(`(?is)<title>\s*(.*?)\s*</title>`)

// title says which page came: its title, or its first words.
func title(body []byte) string {
	if m := titleTag.FindSubmatch(body); m != nil {
		return fmt.Sprintf("%q", first(string(m[1]), 80))
	}
	return fmt.Sprintf("%q", first(string(body), 80))
}

func first(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// healthChecks is the body of /health. Source: binderhub/health.py.
type healthChecks struct {
	OK     *bool `json:"ok"`
	Checks []struct {
		Service       string `json:"service"`
		OK            bool   `json:"ok"`
		IgnoreFailure bool   `json:"_ignore_failure"`
	} `json:"checks"`
}

// Health asks BinderHub about itself: 200 and ok, or 503 with the services that it cannot reach. Its word is up to 15 s
// old, and it knows nothing of the way to it or of user servers.
func (c *Client) Health(ctx context.Context) error {
	subject := "BinderHub's health"
	a, err := c.get(ctx, subject, "health")
	if err != nil {
		return err
	}
	var h healthChecks
	if json.Unmarshal(a.Body, &h) != nil || h.OK == nil {
		if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
			return err
		}
		return a.Fault(subject, wire.Content, `JSON with "ok"`, first(string(a.Body), 80))
	}
	if a.Status == http.StatusOK && *h.OK {
		return nil
	}
	var failing []string
	for _, check := range h.Checks {
		if !check.OK && !check.IgnoreFailure {
			failing = append(failing, check.Service)
		}
	}
	return a.Fault(subject, wire.Content, `200 and "ok": true`,
		fmt.Sprintf("%d, failing checks: %s", a.Status, strings.Join(failing, ", ")))
}

// BuildToken scrapes the build token from a launch page, as a browser does: a launch with it is not counted against
// BinderHub's rate limit. spec is "gh/owner/repository/ref".
func (c *Client) BuildToken(ctx context.Context, spec string) (string, error) {
	page, err := c.Page(ctx, "v2/"+spec)
	return page.Config.BuildToken, err
}

// refusesUs makes a fault inconclusive that says something about us and not about the deployment: a 403 of BinderHub itself
// is for whom it does not know, or whose network it bans (binderhub/base.py). An ingress has not its header.
func refusesUs(a *wire.Answer, err error) error {
	var f *wire.Fault
	if errors.As(err, &f) && a.Status == http.StatusForbidden && a.Header.Get("Access-Control-Allow-Headers") == "cache-control" {
		f.Inconclusive = true
		f.Got += ", by BinderHub itself: it bans this network, or does not know who asks"
	}
	return err
}
