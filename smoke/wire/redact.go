package wire

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Redacted stands where a secret stood.
const Redacted = "[redacted]"

// minSecret is the shortest text that is treated as a secret wherever it stands, in bytes: shorter ones would black out
// ordinary words, and no credential of ours is that short.
const minSecret = 6

// maxSecret is the longest secret that survives no cut, in bytes. Hub tokens have 32 bytes, BinderHub's build tokens
// (JWT) some 300, OAuth state about 400.
const maxSecret = 4096

// patterns find secrets that nobody told us of, by where they stand. Group 1 stays, group 2 goes.
var patterns = []*regexp.Regexp{
	// in URLs, forms and Location headers; code and state are OAuth's
	regexp.MustCompile(`(?i)([?&;](?:token|build_token|access_token|refresh_token|code|state|_xsrf|password|code_challenge)=)([^&\s"'<>#\\]+)`),
	// percent-encoded inside another URL (…?next=%2Fuser%2Fx%3Ftoken%3D…)
	regexp.MustCompile(`(?i)((?:%3F|%26)(?:token|build_token|access_token|code|state|_xsrf)%3D)([^&\s"'<>#%\\]+)`),
	// in JSON, also where the JSON is itself quoted inside JSON or HTML
	regexp.MustCompile(`(?i)(\\*(?:"|&quot;)(?:token|buildToken|build_token|access_token|refresh_token|_xsrf|xsrf_token|password|api_token|binder_client_ip)\\*(?:"|&quot;)\s*:\s*\\*(?:"|&quot;))([^"\\&]+)`),
	regexp.MustCompile(`(?i)(data-jupyter-api-token=\\*["'])([^"'\\]+)`),
	regexp.MustCompile(`(?i)(name=\\*["']_xsrf\\*["'] value=\\*["'])([^"'\\]+)`),
	regexp.MustCompile(`(?i)(\b(?:token|bearer|basic) )([A-Za-z0-9+/=._~-]{16,})`),
	// a JWT anywhere
	regexp.MustCompile(`()(\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})`),
}

// secretHeaders lose their values whole. Set-Cookie keeps the cookie's name and attributes.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Xsrftoken", "X-Csrftoken", "X-Api-Key"}

// Redactor removes secrets from everything that is kept, written or shown: those it was told of, raw, URL-encoded and in
// base64, and those it knows by where they stand. It is safe for concurrent use. The zero value is not usable.
type Redactor struct {
	mu       sync.RWMutex
	secrets  map[string]bool
	replacer *strings.Replacer
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{secrets: map[string]bool{}, replacer: strings.NewReplacer()}
	r.Learn(secrets...)
	return r
}

// Learn adds secrets: from now on they appear nowhere. Texts of fewer than six bytes are not taken for secrets.
func (r *Redactor) Learn(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := false
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if len(s) >= minSecret && s != Redacted && !r.secrets[s] {
			r.secrets[s] = true
			fresh = true
		}
	}
	if fresh {
		r.replacer = replacerFor(r.secrets)
	}
}

// replacerFor knows every form of every secret, the longest first: a secret may hold another one.
func replacerFor(secrets map[string]bool) *strings.Replacer {
	var forms []string
	for s := range secrets {
		forms = append(forms, formsOf(s)...)
	}
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, Redacted)
	}
	return strings.NewReplacer(pairs...)
}

// formsOf returns a secret raw, URL-encoded and in base64. Inside a longer text's base64 a secret has one of three
// alignments; of each the characters that do not depend on its neighbours are enough to know it by.
func formsOf(s string) []string {
	forms := []string{s, url.QueryEscape(s), url.PathEscape(s), strings.ToLower(url.QueryEscape(s))}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for lead := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", lead) + s))
			from := (lead*8 + 5) / 6 // first character that holds only bits of the secret
			to := (lead + len(s)) * 8 / 6
			if to-from >= minSecret {
				forms = append(forms, text[from:to])
			}
		}
	}
	return forms
}

// String removes the secrets from a text of any length.
func (r *Redactor) String(s string) string {
	if s == "" {
		return s
	}
	r.mu.RLock()
	replacer := r.replacer
	r.mu.RUnlock()
	s = replacer.Replace(s)
	for _, p := range patterns {
		s = p.ReplaceAllString(s, "${1}"+Redacted)
	}
	return s
}

// Cut removes the secrets from a text and then keeps at most limit bytes of it. No part of a secret survives at the cut,
// and no half character.
func (r *Redactor) Cut(s string, limit int) string {
	const margin = 2 * maxSecret
	whole := true
	if len(s) > limit+margin {
		s, whole = s[:limit+margin], false
	}
	s = r.String(s)
	if !whole && len(s) > maxSecret {
		s = s[:len(s)-maxSecret] // the window's own end may have cut a secret that nobody could recognise
	}
	if len(s) > limit {
		s = s[:limit]
		for i := 0; i < utf8.UTFMax && len(s) > 0; i++ {
			if c, size := utf8.DecodeLastRuneInString(s); c != utf8.RuneError || size != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Header returns a copy of h without secrets.
func (r *Redactor) Header(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	out := make(http.Header, len(h))
	for name, values := range h {
		key := r.Cut(http.CanonicalHeaderKey(name), 256)
		for _, v := range values {
			out[key] = append(out[key], r.headerValue(key, v))
		}
	}
	return out
}

func (r *Redactor) headerValue(name, value string) string {
	switch {
	case slices.Contains(secretHeaders, name):
		return Redacted
	case name == "Set-Cookie":
		cookie, attributes, _ := strings.Cut(value, ";")
		key, _, _ := strings.Cut(cookie, "=")
		return r.Cut(key+"="+Redacted+";"+attributes, 1024)
	}
	return r.Cut(value, 1024)
}

// Payload returns a copy of a record's payload in which every text is redacted and cut to its bound.
func (r *Redactor) Payload(data any) any {
	switch v := data.(type) {
	case Body:
		v.Prefix = r.Cut(v.Prefix, maxBodyPrefix)
		return v
	case Frame:
		v.Data = r.Cut(v.Data, maxFrameData)
		return v
	}
	v := reflect.ValueOf(data)
	if !v.IsValid() {
		return data
	}
	return r.walk(v).Interface()
}

var (
	headerType = reflect.TypeFor[http.Header]()
	timeType   = reflect.TypeFor[time.Time]()
)

// walk copies a value, redacting its strings.
func (r *Redactor) walk(v reflect.Value) reflect.Value {
	switch {
	case v.Type() == timeType:
		return v
	case v.Type() == headerType:
		return reflect.ValueOf(r.Header(v.Interface().(http.Header)))
	}
	switch v.Kind() {
	case reflect.String:
		out := reflect.New(v.Type()).Elem()
		out.SetString(r.Cut(v.String(), maxText))
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(r.walk(v.Elem()))
		return out
	case reflect.Slice:
		return r.walkSlice(v)
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Field(i).Kind() != reflect.Interface {
				out.Field(i).Set(r.walk(v.Field(i)))
			}
		}
		return out
	}
	return v
}

func (r *Redactor) walkSlice(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		out.Index(i).Set(r.walk(v.Index(i)))
	}
	return out
}
