package browser

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// inText finds credentials in URLs within a longer text.
var inText = regexp.MustCompile(`[?&](?:token|build_token|access_token|code|_xsrf)=([^&#\s"'<>\\]+)`)

// learn tells the redactor of every credential in the URLs of a text, before the text becomes a record.
func (r *recorder) learn(text string) {
	if !strings.Contains(text, "=") {
		return
	}
	for _, m := range inText.FindAllStringSubmatch(text, -1) {
		r.tl.Redactor().Learn(m[1])
		if plain, err := url.QueryUnescape(m[1]); err == nil {
			r.tl.Redactor().Learn(plain)
		}
	}
}

// learnHeader tells the redactor of every credential in a header.
func (r *recorder) learnHeader(h http.Header) {
	for _, v := range slices.Concat(h["Authorization"], h["Proxy-Authorization"]) {
		_, secret, _ := strings.Cut(v, " ")
		r.tl.Redactor().Learn(secret)
	}
	r.tl.Redactor().Learn(h.Values("X-Xsrftoken")...)
	for _, c := range (&http.Request{Header: h}).Cookies() {
		r.learnCookie(c)
	}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		r.learnCookie(c)
	}
	for _, name := range []string{"Location", "Referer"} {
		r.learn(h.Get(name))
	}
}

// learnCookie learns a cookie's value, unless it is too short to be a credential, as flags and counters are.
func (r *recorder) learnCookie(c *http.Cookie) {
	if len(c.Value) >= 16 {
		r.tl.Redactor().Learn(c.Value)
	}
}

// tokenOf returns the token parameter of a URL.
func tokenOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Query().Get("token")
}
