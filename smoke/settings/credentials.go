package settings

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"binderhub-smoke/smoke"
)

// parts are what credentials are put together from once all of a target has been read, and where each was given.
type parts struct {
	loginUser, loginPassword part
	basicUser, basicPassword part
	certificate, key         part
	token, cookies           part
}

// part is one value and where it was given; nowhere is not given.
type part struct{ text, where string }

func (d *draft) part(s string) part { return part{s, d.where} }

// takeTokenFile wins over a token of the settings file's credentials, which are read later.
func takeTokenFile(d *draft, name string) error {
	token, err := readSecret(name)
	if err != nil {
		return err
	}
	return takeToken(d, token)
}

func takeToken(d *draft, s string) error {
	if d.target.Token != "" {
		return nil
	}
	d.target.Token, d.parts.token = s, d.part(s)
	return longEnough(s)
}

func takeLoginUser(d *draft, s string) error {
	d.parts.loginUser = d.part(s)
	return oneLineText(s)
}

func takeLoginPassword(d *draft, s string) error {
	d.parts.loginPassword = d.part(s)
	return longEnough(s)
}

func takeBasicUser(d *draft, s string) error {
	d.parts.basicUser = d.part(s)
	if strings.Contains(s, ":") {
		return errors.New("")
	}
	return oneLineText(s)
}

func takeBasicPassword(d *draft, s string) error {
	d.parts.basicPassword = d.part(s)
	return longEnough(s)
}

func oneLineText(s string) error {
	if !printable(s) {
		return errors.New("")
	}
	return nil
}

func takeCertificate(d *draft, name string) error {
	b, err := readBounded(name, 1<<20)
	if err != nil {
		return err
	}
	d.parts.certificate = d.part(string(b))
	return certificates(b)
}

func takeCertificateKey(d *draft, name string) error {
	b, err := readBounded(name, 1<<20)
	d.parts.key = d.part(string(b))
	return err
}

// reserved are headers that the suite itself must set, or that have a setting of their own.
var reserved = []string{
	"Host", "Connection", "Upgrade", "Content-Length", "Content-Type", "Transfer-Encoding", "Te", "Trailer", "Cookie", "Origin", "Accept",
	"Accept-Encoding", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions", "User-Agent",
}

func takeHeader(d *draft, name, value string) error {
	name = http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return errors.New("that is no name of a header")
	case slices.Contains(reserved, name):
		return errors.New("the suite sets that header itself")
	case d.target.Headers[name] != nil:
		return nil // of the headers file
	}
	d.setHeader(name, value)
	return nil
}

func (d *draft) setHeader(name, value string) {
	if d.target.Headers == nil {
		d.target.Headers = http.Header{}
	}
	d.target.Headers[name] = []string{value}
}

// takeHeadersFile reads "Name: value" lines.
func takeHeadersFile(d *draft, name string) error {
	b, err := readBounded(name, maxSecretFile)
	if err != nil {
		return err
	}
	n, seen := 0, map[string]bool{}
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		field, value, ok := strings.Cut(line, ":")
		value, err := oneSecret(value)
		if !ok || err != nil {
			return fmt.Errorf("line %d of it is not Name: value", n)
		}
		if key := http.CanonicalHeaderKey(field); seen[key] {
			return fmt.Errorf("line %d of it gives a header twice", n)
		} else {
			seen[key] = true
		}
		if err := takeHeader(d, field, value); err != nil {
			return fmt.Errorf("line %d of it: %w", n, err)
		}
	}
	if n == 0 || len(seen) == 0 {
		return errors.New("it holds no header")
	}
	return nil
}

// httpOnly marks a cookie that scripts do not see, in Netscape's format.
const httpOnly = "#HttpOnly_"

// takeCookies reads cookies in Netscape's format: domain, whether subdomains too, path, whether TLS only, expiry in seconds
// since 1970 or 0, name, value; with tabs between them. Source: https://curl.se/docs/http-cookies.html
func takeCookies(d *draft, name string) error {
	b, err := readBounded(name, 1<<20)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		line, hidden := strings.CutPrefix(line, httpOnly)
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c, err := netscape(line)
		if err != nil {
			return fmt.Errorf("line %d of it %w", n, err)
		}
		c.HttpOnly = hidden
		d.target.Credentials.Cookies = append(d.target.Credentials.Cookies, c)
	}
	if len(d.target.Credentials.Cookies) == 0 {
		return errors.New("it holds no cookie")
	}
	d.parts.cookies = d.part(name)
	return nil
}

func netscape(line string) (*http.Cookie, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 7 {
		return nil, fmt.Errorf("has %d fields between tabs, not 7", len(fields))
	}
	expires, err := strconv.ParseInt(fields[4], 10, 64)
	if err != nil {
		return nil, errors.New("has no number of seconds in its fifth field")
	}
	c := &http.Cookie{
		Domain: fields[0], Path: fields[2], Secure: strings.EqualFold(fields[3], "TRUE"), Name: fields[5], Value: fields[6],
	}
	if n := len(c.Value); n > 1 && c.Value[0] == '"' && c.Value[n-1] == '"' {
		c.Value, c.Quoted = c.Value[1:n-1], true
	}
	if expires > 0 {
		c.Expires = time.Unix(expires, 0).UTC()
	}
	if !validHost(strings.TrimPrefix(c.Domain, ".")) || !strings.HasPrefix(c.Path, "/") || c.Valid() != nil {
		return nil, errors.New("is no cookie with a domain and a path")
	}
	return c, nil
}

// complete puts credentials together, and says which do not go together.
func (l *loader) complete(d *draft) {
	p := d.parts
	l.pairUp("credentials.login", p.loginUser, p.loginPassword, func() {
		d.target.Credentials.Login = &smoke.Login{User: p.loginUser.text, Password: p.loginPassword.text}
	})
	l.pairUp("credentials.basic", p.basicUser, p.basicPassword, func() {
		if d.target.Headers.Get("Authorization") != "" {
			l.problems.add(p.basicUser.where, "credentials.basic must not be given together with the header Authorization, which it is sent in")
			return
		}
		d.setHeader("Authorization", smoke.BasicAuth(p.basicUser.text, p.basicPassword.text))
	})
	l.pairUp("credentials.certificate", p.certificate, p.key, func() {
		pair, err := tls.X509KeyPair([]byte(p.certificate.text), []byte(p.key.text))
		if err != nil {
			l.problems.add(p.key.where, "credentials.certificate.key must be the certificate's key, as PEM and without a password: it is another, or cannot be read")
			return
		}
		d.target.Credentials.Certificate = &pair
	})
	l.exclude(d)
}

// pairUp demands both parts or none.
func (l *loader) pairUp(name string, a, b part, both func()) {
	switch {
	case a.where != "" && b.where != "":
		both()
	case a.where != "" || b.where != "":
		l.problems.add(a.where+b.where, "%s must be whole; one of its two keys is missing, or was refused", name)
	}
}

// exclude demands one way of being known at most.
func (l *loader) exclude(d *draft) {
	var given []string
	where := ""
	for _, way := range []struct {
		name string
		part part
	}{{"a token", d.parts.token}, {"a login", d.parts.loginUser}, {"cookies", d.parts.cookies}} {
		if way.part.where != "" {
			given, where = append(given, way.name), way.part.where
		}
	}
	if len(given) > 1 {
		l.problems.add(where, "credentials must have one of a token, a login and cookies; got %s", strings.Join(given, " and "))
	}
	if d.target.Token != "" && d.target.Headers.Get("Authorization") != "" {
		l.problems.add(d.parts.token.where, "a token must not be given together with basic authentication or the header Authorization: both are sent in that header")
	}
}
