package scenarios_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// binderPage is a page as BinderHub writes it, with the build token of a launch page.
func binderPage(w http.ResponseWriter, r *http.Request, spec string) {
	token, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Audience: jwt.ClaimStrings{spec}, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}).SignedString([]byte("secret"))
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	fmt.Fprintf(w, `<html><head><link href="/static/dist/styles.css" rel="stylesheet"><script>
window.pageConfig = {"baseUrl": "/", "buildToken": %q};
</script></head><body><div id="root"></div><script src="/static/dist/bundle.js"></script>
<script src="https://analytics.invalid/a.js"></script></body></html>`, token)
}

// healthyBinder answers as a BinderHub does, but for what a case overrides by path prefix.
func healthyBinder(override map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		for prefix, h := range override {
			if strings.HasPrefix(path, prefix) {
				h(w, r)
				return
			}
		}
		switch {
		case path == "/health":
			text(200, "application/json", `{"ok": true, "checks": []}`)(w, r)
		case path == "/versions":
			text(200, "application/json", `{"binderhub": "1"}`)(w, r)
		case path == "/api/repoproviders":
			text(200, "application/json", `[{"id": "gh"}]`)(w, r)
		case strings.HasSuffix(path, ".js"):
			text(200, "text/javascript", "1")(w, r)
		case strings.HasSuffix(path, ".css"):
			text(200, "text/css", "")(w, r)
		default:
			binderPage(w, r, strings.TrimPrefix(path, "/v2/"))
		}
	}
}

// Each step of binder-host, healthy and with the one thing broken that it is there for.
func TestBinderHostSteps(t *testing.T) {
	decoded := func(w http.ResponseWriter, r *http.Request) { binderPage(w, r, strings.TrimPrefix(r.URL.Path, "/v2/")) }
	var asked atomic.Int32
	halfBad := func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%2 == 0 {
			text(502, "text/html", nginx502)(w, r)
			return
		}
		text(200, "application/json", `{}`)(w, r)
	}
	for name, c := range map[string]struct {
		step     string
		override map[string]http.HandlerFunc
		verdict  smoke.Verdict
		got      string
	}{
		"page":                    {"page", nil, smoke.Pass, ""},
		"page of a stranger":      {"page", map[string]http.HandlerFunc{"/": text(200, "text/html", "<title>Welcome to nginx!</title>")}, smoke.Failed, "Welcome to nginx!"},
		"page of another base":    {"page", map[string]http.HandlerFunc{"/": text(200, "text/html", `window.pageConfig = {"baseUrl": "/x/"};`)}, smoke.Failed, "/x/"},
		"assets":                  {"assets", nil, smoke.Pass, ""},
		"asset missing":           {"assets", map[string]http.HandlerFunc{"/static/dist/bundle.js": text(404, "text/html", "no")}, smoke.Failed, "404"},
		"asset is a page":         {"assets", map[string]http.HandlerFunc{"/static/dist/styles.css": text(200, "text/html", "<html>")}, smoke.Failed, "text/html"},
		"health":                  {"health", nil, smoke.Pass, ""},
		"health names the broken": {"health", map[string]http.HandlerFunc{"/health": text(503, "application/json", `{"ok": false, "checks": [{"service": "JupyterHub API", "ok": false}]}`)}, smoke.Failed, "JupyterHub API"},
		"providers":               {"providers", nil, smoke.Pass, ""},
		"providers of an old one": {"providers", map[string]http.HandlerFunc{"/api/repoproviders": decoded}, smoke.Skipped, ""},
		"providers without ours":  {"providers", map[string]http.HandlerFunc{"/api/repoproviders": text(200, "application/json", `[{"id": "gl"}]`)}, smoke.Inconclusive, "gl"},
		"encoded":                 {"encoded", nil, smoke.Pass, ""},
		"encoded is decoded":      {"encoded", map[string]http.HandlerFunc{"/v2/": decoded}, smoke.Failed, "encoded/slash@at:colon"},
		"encoded is refused":      {"encoded", map[string]http.HandlerFunc{"/v2/": text(400, "", "")}, smoke.Failed, "400"},
		"repeat":                  {"repeat", nil, smoke.Pass, ""},
		"repeat, one of two bad":  {"repeat", map[string]http.HandlerFunc{"/versions": halfBad}, smoke.Failed, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			r := against(t, healthyBinder(c.override), nil, "binder-host/"+c.step)
			expectation{"binder-host/" + c.step, c.verdict, c.got}.check(t, r)
		})
	}
}

// What an http:// target has no use for is left out, and stops nothing.
func TestPlainTargetSkipsTLS(t *testing.T) {
	r := against(t, healthyBinder(nil), nil, "binder-host")
	for id, verdict := range map[string]smoke.Verdict{
		"dns": smoke.Skipped, "tls": smoke.Skipped, "redirect": smoke.Skipped, "page": smoke.Pass, "health": smoke.Pass, "repeat": smoke.Pass,
	} {
		require.Equal(t, verdict, step(t, r, "binder-host/"+id).Verdict, id)
	}
}
