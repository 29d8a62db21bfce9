package diagnose

import (
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// silentHop tells whether an exchange was answered, and not by an application: every answer of BinderHub, JupyterHub, CHP and
// a user server has a mark of its own. A browser shows too little of an answer to tell.
func silentHop(x *wire.Exchange) bool {
	if x.Response == nil || x.Client == wire.Browser || x.Opened() {
		return false
	}
	a, known := Answered(x)
	return !known || !a.application()
}

// refusedWith tells whether something before the applications answered with one of these statuses.
func refusedWith(x *wire.Exchange, statuses ...int) bool {
	for _, s := range statuses {
		if status(x) == s {
			a, _ := Answered(x)
			return silentHop(x) || a.proxy()
		}
	}
	return false
}

// cut tells whether a connection that stood was ended before any answer.
func cut(v *View) bool {
	return v.X.ID != 0 && v.X.Response == nil && v.X.Client != wire.Browser && v.Symptom(wire.Reset, wire.EOF) && !handshakeOfTLS(v.X) && stood(v.X)
}

// stood tells whether a connection was there: it was opened for this exchange, or kept from an earlier one.
func stood(x *wire.Exchange) bool { return !neverConnected(x) }

// handshakeOfTLS tells whether an exchange ended within the TLS handshake.
func handshakeOfTLS(x *wire.Exchange) bool { return x.TLS != nil && x.TLS.Error != "" }

// uploads tells whether an exchange carries a body that some limit may be about: more than a hundred kilobytes.
func uploads(x *wire.Exchange) bool { return requested(x) > 100_000 }

// redirectsTo is where an exchange redirects to, as an absolute URL; empty where it does not.
func redirectsTo(x *wire.Exchange) string {
	to := header(x, "Location")
	if s := status(x); s < 300 || s > 399 || to == "" {
		return ""
	}
	u, err := urlOf(x).Parse(to)
	if err != nil {
		return to
	}
	return u.String()
}

// html tells whether an answer is a page.
func html(x *wire.Exchange) bool {
	return strings.HasPrefix(strings.ToLower(header(x, "Content-Type")), "text/html")
}

// sameServed returns an exchange of another method with the same URL's path that an application answered.
func (v *View) sameServed() (*wire.Exchange, bool) {
	return v.Other(func(x *wire.Exchange) bool {
		return v.SameHost(x) && urlOf(x).Path == urlOf(v.X).Path && x.Open.Method != v.X.Open.Method && byApplication(x) && status(x) < 500
	})
}

// method is the request's, GET when it was not recorded.
func method(x *wire.Exchange) string {
	if x.Open.Method == "" {
		return http.MethodGet
	}
	return x.Open.Method
}

// pathOf is a URL's path for a sentence, without the name of a user.
func pathOf(x *wire.Exchange) string {
	p := urlOf(x).EscapedPath()
	if base := serverBase(x); strings.HasPrefix(p, base) {
		return "/user/…/" + strings.TrimPrefix(p, base)
	}
	if p == "" {
		return "/"
	}
	return p
}

// gate names what turned a request away before the applications, as the subject of a sentence. A proxy leaves its name on
// what it passes on too, so the name is said only where the page is its own.
func (v *View) gate() string {
	if v.Answer.Page && v.Answer.Product != anonymous {
		return v.who() + " " + front(v.X)
	}
	return "Something " + front(v.X) + " that does not tell its name"
}
