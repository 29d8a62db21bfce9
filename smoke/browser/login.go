package browser

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// The landmarks of JupyterHub's login form. Source: jupyterhub/share/jupyterhub/templates/login.html.
const (
	userField     = `#username_input`
	passwordField = `#password_input`
	loginButton   = `#login_submit`
	// loginError is shown by the form that comes back.
	loginError = `.login_error`
)

// LogIn fills JupyterHub's login form, as a person does, and waits until another page than the form has come.
func (b *Browser) LogIn(ctx context.Context, address, user, password string) error {
	b.rec.begin(ctx)
	b.rec.leave()
	b.rec.tl.Redactor().Learn(password)
	x := expectation{subject: "JupyterHub's login form", url: address, want: "a session", got: b.rec.pageSoFar, late: wire.NotRendered}
	err := b.navigate(ctx, address)
	for _, field := range []struct{ at, text string }{{userField, user}, {passwordField, password}} {
		if err == nil {
			err = b.enter(ctx, field.at, field.text)
		}
	}
	if err == nil {
		err = b.click(ctx, fmt.Sprintf(element, quote(loginButton)))
	}
	var came string
	if err == nil {
		came, err = until[string](ctx, b, `() => document.readyState === "complete" && (
	document.querySelector(`+quote(loginError)+`)?.textContent.trim() || (!document.querySelector(`+quote(passwordField)+`) && "in"))`)
	}
	if err == nil && came != "in" {
		_, proof := b.rec.pageSoFar()
		return b.rec.clean(&wire.Fault{
			Subject: x.subject, URL: address, Symptom: wire.Status, Want: x.want, Got: strings.Join(strings.Fields(came), " "), Exchanges: proof,
		})
	}
	return b.explain(ctx, err, x)
}

// SetCookies gives Chromium cookies of a session that somebody has begun elsewhere.
func (b *Browser) SetCookies(ctx context.Context, cookies []*http.Cookie) error {
	params := network.SetCookiesParams{}
	for _, c := range cookies {
		b.rec.tl.Redactor().Learn(c.Value)
		value := c.Value
		if c.Quoted {
			value = `"` + value + `"`
		}
		p := &network.CookieParam{Name: c.Name, Value: value, Domain: c.Domain, Path: c.Path, Secure: c.Secure, HTTPOnly: c.HttpOnly}
		if !c.Expires.IsZero() {
			p.Expires = cdp.TimeSinceEpoch(c.Expires.Unix())
		}
		params.Cookies = append(params.Cookies, p)
	}
	_, err := command(ctx, b, network.SetCookies, params)
	return err
}
