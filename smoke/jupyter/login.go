package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// NewSession returns a client of the hub that has no token yet: LogIn or Resume gets one.
func NewSession(net *wire.Network, base func() string) (*Hub, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("a cookie jar cannot be made: %w", err)
	}
	return &Hub{net: net, base: base, jar: jar}, nil
}

// LogIn logs in by the hub's login form. Source: jupyterhub/handlers/login.py.
func (h *Hub) LogIn(ctx context.Context, user, password string) error {
	h.net.Timeline().Redactor().Learn(password)
	subject, at := "JupyterHub's login form", h.base()+"hub/login"
	page, err := h.Browse(ctx, wire.Call{Subject: subject, URL: at})
	if err != nil {
		return err
	}
	if err := page.Expect(subject, http.StatusOK, "text/html"); err != nil {
		return err
	}
	form := url.Values{"username": {user}, "password": {password}, "_xsrf": {h.cookie("_xsrf")}}
	a, err := h.Browse(ctx, wire.Call{
		Subject: subject, Method: http.MethodPost, URL: at, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	})
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusForbidden && strings.Contains(string(a.Body), "Invalid username or password"):
		return a.Fault(subject, wire.Status, "302 and a session", "403: Invalid username or password")
	case a.Status != http.StatusFound:
		return a.Fault(subject, wire.Status, "302 and a session", a.Describe())
	}
	return h.getToken(ctx)
}

// Resume takes up a session that somebody has begun in a browser.
func (h *Hub) Resume(ctx context.Context, cookies []*http.Cookie) error {
	for _, c := range cookies {
		h.net.Timeline().Redactor().Learn(c.Value)
		at := &url.URL{Scheme: "https", Host: strings.TrimPrefix(c.Domain, "."), Path: c.Path}
		copied := *c
		if !strings.HasPrefix(c.Domain, ".") {
			copied.Domain = "" // of that host alone
		}
		h.jar.SetCookies(at, []*http.Cookie{&copied})
	}
	return h.getToken(ctx)
}

// tokenLife is how long the token lives that is got for a run, in seconds: longer than any run, should it not be revoked.
const tokenLife = 24 * 3600

// getToken gets an API token for what scripts do, as a person does on the hub's token page. Source: jupyterhub/apihandlers/users.py.
func (h *Hub) getToken(ctx context.Context) error {
	// The page's visit binds the XSRF cookie to the session that has begun.
	if _, err := h.Browse(ctx, wire.Call{Subject: "JupyterHub's token page", URL: h.base() + "hub/token"}); err != nil {
		return err
	}
	a, err := h.Browse(ctx, wire.Call{Subject: userSubject, URL: h.base() + "hub/api/user", Header: h.xsrf()})
	if err != nil {
		return err
	}
	user, err := readUser(a)
	if err != nil {
		return err
	}
	return h.makeToken(ctx, user.Name)
}

func (h *Hub) makeToken(ctx context.Context, user string) error {
	subject := "An API token of JupyterHub"
	header := h.xsrf()
	header.Set("Content-Type", "application/json")
	path := "users/" + url.PathEscape(user) + "/tokens"
	a, err := h.Browse(ctx, wire.Call{
		Subject: subject, Method: http.MethodPost, URL: h.base() + "hub/api/" + path, Header: header,
		Body: fmt.Appendf(nil, `{"note": "binderhub-smoke", "expires_in": %d}`, tokenLife),
	})
	switch {
	case err != nil:
		return err
	case a.Status != http.StatusCreated && a.Status != http.StatusOK:
		return a.Fault(subject, wire.Status, "201", a.Describe())
	}
	var made struct{ ID, Token string }
	if json.Unmarshal(a.Body, &made) != nil || made.Token == "" {
		return a.Fault(subject, wire.Content, "JSON with a token", "JSON without one")
	}
	h.net.Timeline().Redactor().Learn(made.Token)
	h.token, h.revoke = made.Token, path+"/"+made.ID
	return nil
}

// Close revokes the token that was got for this run.
func (h *Hub) Close(ctx context.Context) error {
	if h.revoke == "" {
		return nil
	}
	_, err := h.call(ctx, "The revocation of the run's token", http.MethodDelete, h.revoke)
	h.revoke = ""
	return err
}

// Token is the token by which scripts are known; empty before there is one.
func (h *Hub) Token() string { return h.token }

// xsrf is the header by which a page proves to the hub that it is the hub's own.
func (h *Hub) xsrf() http.Header { return http.Header{"X-Xsrftoken": {h.cookie("_xsrf")}} }

// cookie is the value of a cookie that the hub's pages get.
func (h *Hub) cookie(name string) string {
	at, err := url.Parse(h.base() + "hub/login")
	if err != nil {
		return ""
	}
	for _, c := range h.jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Browse asks as a browser does, with the session's cookies.
func (h *Hub) Browse(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Header == nil {
		c.Header = http.Header{}
	}
	var pairs []string
	for _, k := range h.jar.Cookies(u) {
		pairs = append(pairs, k.Name+"="+k.Value)
	}
	if pairs != nil {
		c.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	a, err := h.net.Do(ctx, c)
	if err == nil {
		h.jar.SetCookies(u, (&http.Response{Header: a.Header}).Cookies())
	}
	return a, err
}
