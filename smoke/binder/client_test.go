package binder

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const goodPage = `<html><script>window.pageConfig = {"baseUrl": "/base/", "binderVersion": "1.0", "buildToken": "a-build-token;}"};</script>`

func TestPage(t *testing.T) {
	var asked *http.Request
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		answering(200, "text/html; charset=UTF-8", goodPage)(w, r)
	})
	p, err := c.Page(soon(t), "v2/gh/a/b%2Fc/HEAD")
	require.NoError(t, err)
	require.Equal(t, "a-build-token;}", p.Config.BuildToken)
	require.Equal(t, "/base/v2/gh/a/b%2Fc/HEAD", asked.URL.EscapedPath())
	require.Equal(t, "token hub-api-token", asked.Header.Get("Authorization"))
	require.NotContains(t, records(c), "a-build-token")
	require.NotContains(t, records(c), "hub-api-token")
	token, err := c.BuildToken(soon(t), "gh/a/b/HEAD")
	require.NoError(t, err)
	require.Equal(t, "a-build-token;}", token)
}

func TestPagesThatAreNotBinderHubs(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   wire.Symptom
		got    string
	}{
		"another page":   {answering(200, "text/html", "<title>\n Welcome to nginx! </title>"), wire.Content, `another origin: "Welcome to nginx!"`},
		"no title":       {answering(200, "text/html", strings.Repeat("word ", 100)), wire.Content, `word …"`},
		"empty":          {answering(200, "text/html", ""), wire.Content, `another origin: ""`},
		"no JSON":        {answering(200, "text/html", "window.pageConfig = {nonsense};"), wire.Content, "invalid character"},
		"other base URL": {answering(200, "text/html", `window.pageConfig = {"baseUrl": "/"};`), wire.Content, `"/"`},
		"502":            {answering(502, "text/html", "<h1>502 Bad Gateway</h1>"), wire.Status, "502 Bad Gateway, text/html"},
		"JSON":           {answering(200, "application/json", "{}"), wire.ContentType, "application/json"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/hub/login?next=%2Fx%3Ftoken%3Dabcdefghi", http.StatusFound)
		}, wire.Redirected, "302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, c.answer).Page(soon(t), "")
			f := fault(t, err)
			require.Equal(t, c.want, f.Symptom)
			require.Contains(t, f.Got, c.got)
			require.NotContains(t, f.Error(), "abcdefghi")
			require.Len(t, f.Exchanges, 1)
		})
	}
}

// Who is sent to the hub's login, and has logged in there, is told what the hub says of it.
func TestPageOfAnOutsider(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		login  string
		want   wire.Symptom
		asked  bool
	}{
		"may not use it":  {403, "/hub/api/oauth2/authorize?client_id=service-binder", wire.Status, true},
		"is not known":    {302, "/hub/api/oauth2/authorize?client_id=service-binder", wire.Redirected, true},
		"another's login": {403, "/hub/login", wire.Redirected, false},
		"another host's":  {403, "http://127.0.0.2:9/hub/api/oauth2/authorize", wire.Redirected, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			binder := client(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/base/") {
					http.Redirect(w, r, c.login, http.StatusFound)
					return
				}
				asked = r.Header.Get("Cookie") == "session=a"
				answering(c.status, "text/html", "")(w, r)
			})
			binder.net.Timeline().Places().LearnHub(binder.base.ResolveReference(&url.URL{Path: "/"}))
			binder.LoginBy(func(ctx context.Context, c wire.Call) (*wire.Answer, error) {
				c.Header = http.Header{"Cookie": {"session=a"}}
				return binder.net.Do(ctx, c)
			})
			_, err := binder.Page(soon(t), "")
			require.Equal(t, c.want, fault(t, err).Symptom)
			require.Equal(t, c.asked, asked)
		})
	}
}

func TestHealth(t *testing.T) {
	const quota = `{"service":"Pod quota","ok":false,"_ignore_failure":true}`
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   wire.Symptom
		got    string
	}{
		"ok":          {answering(200, "application/json", `{"ok":true,"checks":[{"service":"JupyterHub API","ok":true}]}`), "", ""},
		"soft":        {answering(200, "application/json", `{"ok":true,"checks":[`+quota+`]}`), "", ""},
		"hub down":    {answering(503, "application/json", `{"ok":false,"checks":[{"service":"JupyterHub API","ok":false},`+quota+`]}`), wire.Content, "503, failing checks: JupyterHub API"},
		"both down":   {answering(503, "application/json", `{"ok":false,"checks":[{"service":"Docker registry","ok":false},{"service":"JupyterHub API","ok":false}]}`), wire.Content, "Docker registry, JupyterHub API"},
		"200, not ok": {answering(200, "application/json", `{"ok":false}`), wire.Content, "200"},
		"503, but ok": {answering(503, "application/json", `{"ok":true}`), wire.Content, "503"},
		"HTML 500":    {answering(500, "text/html", "<html>oops"), wire.Status, "500"},
		"HTML 200":    {answering(200, "text/html", "<html>"), wire.ContentType, "text/html"},
		"other JSON":  {answering(200, "application/json", `{"status":"OK"}`), wire.Content, `{"status":"OK"}`},
	} {
		t.Run(name, func(t *testing.T) {
			err := client(t, c.answer).Health(soon(t))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.want, fault(t, err).Symptom)
			require.Contains(t, fault(t, err).Got, c.got)
		})
	}
}
