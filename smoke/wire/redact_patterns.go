package wire

import (
	"regexp"
	"strings"
)

// pattern finds secrets that nobody told us of, by where they stand. Group 1 stays, group 2 goes.
type pattern struct {
	// needles are what a text must contain, in any case, before the expression is worth its time.
	needles []string
	re      *regexp.Regexp
	// accept judges group 2 where the place alone proves nothing; nil accepts all.
	accept func(string) bool
}

// Names of secrets in URLs, forms and JSON, and how a value in a percent-encoded URL goes on: to the next encoded & or #,
// quote or blank.
const (
	secretNames  = `(?:[\w.-]*token|_?xsrf|password|client_secret)`
	oauthNames   = `(?:code|state|code_challenge|code_verifier)`
	encodedValue = `((?:[^&\s"'<>#%\\]|%(?:25)*(?:[014-9a-f][0-9a-f]|2[14789a-f]|3[0-9abdf]))+)`
)

var (
	assigned = []string{"token=", "xsrf=", "password=", "client_secret="}
	named    = []string{"token", "xsrf", "password", "client_secret", "client_ip"}
	oauth    = []string{"code=", "state=", "challenge=", "verifier="}
)

var patterns = []pattern{
	// in URLs, forms and Location headers
	{assigned, regexp.MustCompile(`(?i)([?&;#]` + secretNames + `=)([^&\s"'<>#\\]+)`), nil},
	// on command lines and in logs
	{assigned, regexp.MustCompile(`(?i)((?:^|[\s"'(,])` + secretNames + `=)([^&\s"'<>#\\;,()]{6,})`), nil},
	// OAuth's, whose names are ordinary words too (?state=closed, ?code=404)
	{oauth, regexp.MustCompile(`(?i)([?&;#]` + oauthNames + `=)([^&\s"'<>#\\]+)`), looksRandom},
	// percent-encoded inside another URL (…?next=%2Fuser%2Fx%3Ftoken%3D…), also twice
	{[]string{"3d"}, regexp.MustCompile(`(?i)(%(?:25)*(?:3f|26|23)` + secretNames + `%(?:25)*3d)` + encodedValue), nil},
	{[]string{"3d"}, regexp.MustCompile(`(?i)(%(?:25)*(?:3f|26|23)` + oauthNames + `%(?:25)*3d)` + encodedValue), looksRandom},
	// in JSON, in JSON that is itself quoted inside JSON, in Python's notation, and inside HTML
	{named, regexp.MustCompile(`(?i)("(?:` + secretNames + `|binder_client_ip)"\s*:\s*")((?:[^"\\]|\\.)+)`), nil},
	{named, regexp.MustCompile(`(?i)('(?:` + secretNames + `|binder_client_ip)'\s*:\s*')((?:[^'\\]|\\.)+)`), nil},
	{named, regexp.MustCompile(`(?i)(\\+"(?:` + secretNames + `|binder_client_ip)\\+"\s*:\s*\\+")((?:[^"\\]|\\+[^"\\])+)`), nil},
	{named, regexp.MustCompile(`(?i)(&(?:quot|#34);(?:` + secretNames + `|binder_client_ip)&(?:quot|#34);\s*:\s*&(?:quot|#34);)([^&<>\s]+)`), nil},
	// in HTML's attributes
	{[]string{"token="}, regexp.MustCompile(`(?i)(data-[\w-]*token=\\*["'])([^"'\\]+)`), nil},
	{[]string{"_xsrf"}, regexp.MustCompile(`(?i)(name=\\*["']_xsrf\\*["']\s+value=\\*["'])([^"'\\]+)`), nil},
	// in headers that were written into a text
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(authorization\\*["']?\s*[:=]\s*\\*["']?(?:token|bearer|basic)\s+)([^\s"'\\,]+)`), nil},
	{[]string{"token ", "bearer ", "basic "}, regexp.MustCompile(`(?i)(\b(?:token|bearer|basic) )([A-Za-z0-9+/=._~-]{16,})`), looksRandom},
	// user:password@ in a URL
	{[]string{"://"}, regexp.MustCompile(`(://[^/\s:@"'<>]*:)([^@/\s"'<>]+)@`), nil},
	// a JWT, or JSON in base64, anywhere
	{[]string{"eyj"}, regexp.MustCompile(`()(\beyJ[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)*)`), nil},
}

var patternNeedles = func() *finder {
	f := &finder{fold: true}
	for i, p := range patterns {
		for _, n := range p.needles {
			f.add(n, i)
		}
	}
	return f
}()

// spansOfPatterns finds what the patterns match. Expressions are slow and nearly no text holds a secret, so a pattern is
// tried only where one of its needles stands.
func spansOfPatterns(s string) []span {
	var worth uint32
	patternNeedles.each(s, func(at int, n needle) {
		if worth&(1<<n.tag) == 0 && len(s)-at >= len(n.text) && strings.EqualFold(s[at:at+len(n.text)], n.text) {
			worth |= 1 << n.tag
		}
	})
	if worth == 0 {
		return nil
	}
	var found []span
	for i, p := range patterns {
		if worth&(1<<i) == 0 {
			continue
		}
		for _, m := range p.re.FindAllStringSubmatchIndex(s, -1) {
			value := withoutStop(s[m[4]:m[5]], s[m[5]:])
			if value != "" && value != Redacted && (p.accept == nil || p.accept(value)) {
				found = append(found, span{m[4], m[4] + len(value)})
			}
		}
	}
	return found
}

// withoutStop takes off what ends a clause behind a value, where a sentence goes on after it: "…?token=x: expected …".
func withoutStop(value, after string) string {
	if after != "" && !strings.ContainsAny(after[:1], " \t\r\n") {
		return value
	}
	return strings.TrimRight(value, ":;,.")
}

// looksRandom tells a credential from a word: at least 16 bytes, with a digit, or a capital after a small letter.
func looksRandom(s string) bool {
	if len(s) < 16 || strings.Contains(s, " ") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			return true
		case 'A' <= c && c <= 'Z' && i > 0 && 'a' <= s[i-1] && s[i-1] <= 'z':
			return true
		}
	}
	return false
}
