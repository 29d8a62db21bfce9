package report

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// requireNoSecret looks for secrets in a file in every form that one can have: raw, URL-encoded, in JSON, in HTML, and inside
// the base64 of something longer; also for the halves of one that was cut.
func requireNoSecret(t *testing.T, name, text string, secrets []string) {
	t.Helper()
	views := []string{text, html.UnescapeString(text), unquoted(text)}
	for _, view := range append(views, decoded(strings.Join(views[1:], " "))...) {
		for _, s := range secrets {
			quoted, err := json.Marshal(s)
			assert.NoError(t, err)
			for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`)} {
				for _, half := range []string{form, form[:len(form)*2/3], form[len(form)/3:]} {
					assert.False(t, strings.Contains(view, half), "%s has %q of the secret %q", name, half, s)
				}
			}
		}
	}
}

// unquoted undoes what JSON escapes.
func unquoted(text string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\/`, "/", `\\`, `\`, `\"`, `"`).Replace(text)
}

var base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)

// decoded is what every run of base64 in a text means, at each of the four ways to begin it.
func decoded(text string) []string {
	var all strings.Builder
	if plain, err := url.QueryUnescape(strings.ReplaceAll(text, "%", "%25")); err == nil {
		text += " " + plain
	}
	text += " " + strings.NewReplacer("%2B", "+", "%2F", "/", "%2b", "+", "%2f", "/").Replace(text)
	for _, run := range base64Run.FindAllString(text, -1) {
		run = strings.NewReplacer("-", "+", "_", "/").Replace(run[:min(len(run), 8192)])
		for lead := range 4 {
			if len(run) < lead+4 {
				continue
			}
			b, err := base64.RawStdEncoding.DecodeString(run[lead : lead+(len(run)-lead)/4*4])
			if err == nil {
				all.Write(b)
				all.WriteByte('\n')
			}
		}
	}
	return []string{all.String()}
}
