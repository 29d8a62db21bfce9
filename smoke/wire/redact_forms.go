package wire

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	percentCode = regexp.MustCompile(`%[0-9A-F]{2}`)
	// what encodeURIComponent leaves alone and Go's QueryEscape does not, and how Python's html.escape and markupsafe differ
	componentEscapes = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
	htmlEntities     = strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;")
)

// formsOf returns a secret in every form in which it may stand in a text: raw, URL-encoded as Go, browsers and Python do
// (once and twice, since a login page's "next" holds a URL), inside JSON and HTML, and in base64, also that URL-encoded.
func formsOf(s string) []string {
	query, escaped := url.QueryEscape(s), html.EscapeString(s)
	forms := []string{s, query, url.PathEscape(s), componentEscapes.Replace(query), url.QueryEscape(query), escaped, htmlEntities.Replace(escaped)}
	for _, f := range forms[1:5] {
		forms = append(forms, percentCode.ReplaceAllStringFunc(f, strings.ToLower))
	}
	if quoted, err := json.Marshal(s); err == nil {
		inner := strings.Trim(string(quoted), `"`)
		forms = append(forms, inner, strings.ReplaceAll(inner, "/", `\/`))
	}
	for _, f := range base64Forms(s) {
		query := url.QueryEscape(f) // base64 has + and /, and stands in URLs too
		forms = append(forms, f, query, percentCode.ReplaceAllStringFunc(query, strings.ToLower))
	}
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(f string) bool { return len(f) < minSecret })
}

// base64Forms returns a secret's base64. Inside a longer text's base64 a secret has one of three alignments; of each the
// characters that do not depend on its neighbours are enough to know it by.
func base64Forms(s string) []string {
	var forms []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for lead := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", lead) + s))
			from := (lead*8 + 5) / 6 // first character that holds only bits of the secret
			to := (lead + len(s)) * 8 / 6
			forms = append(forms, text[from:to])
		}
	}
	return forms
}

// needle is a text to look for, of at least two bytes.
type needle struct {
	text string
	tag  int // whose it is
}

// finder looks for many needles in one pass: nearly every position of a text is passed over after one look at a bitmap of
// the needles' first two bytes.
type finder struct {
	fold  bool // needles are in lower case, and the text's case does not matter
	first [1 << 10]uint64
	by    map[uint16][]needle
}

func (f *finder) add(text string, tag int) {
	key := uint16(text[0])<<8 | uint16(text[1])
	f.first[key>>6] |= 1 << (key & 63)
	if f.by == nil {
		f.by = map[uint16][]needle{}
	}
	f.by[key] = append(f.by[key], needle{text, tag})
}

// each calls maybe for every needle whose first two bytes stand at a position.
func (f *finder) each(s string, maybe func(at int, n needle)) {
	if len(f.by) == 0 || len(s) < 2 {
		return
	}
	last := lower(s[0], f.fold)
	for i := 1; i < len(s); i++ {
		next := lower(s[i], f.fold)
		key := uint16(last)<<8 | uint16(next)
		last = next
		if f.first[key>>6]&(1<<(key&63)) == 0 {
			continue
		}
		for _, n := range f.by[key] {
			maybe(i-1, n)
		}
	}
}

func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
