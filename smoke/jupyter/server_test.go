package jupyter_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// its marks an answer as the user server's own.
func its(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", "frame-ancestors 'self'; report-uri /user/x/api/security/csp-report")
}

func TestVersion(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/user/x/api", r.URL.Path)
		require.Equal(t, "token the-servers-token", r.Header.Get("Authorization"))
		answering(200, "application/json", `{"version":"2.21.1"}`)(w, r)
	})
	v, err := s.Version(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, "2.21.1", v)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   wire.Symptom
		got    string
	}{
		"hub's redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/hub/user/x/?token=abcdefghi", 302) }, wire.Redirected, "to /hub/user/x/?token=[redacted]"},
		"CHP's 503":      {answering(503, "text/html", chpPage), wire.Status, "503"},
		"HTML":           {answering(200, "text/html", "<html>"), wire.ContentType, "text/html"},
		"no version":     {answering(200, "application/json", `{}`), wire.Content, "{}"},
		"no JSON":        {answering(200, "application/json", `<`), wire.Content, "<"},
	} {
		_, err := server(t, c.answer).Version(within(t, 5*time.Second))
		require.Equal(t, c.want, fault(t, err).Symptom, name)
		require.Contains(t, fault(t, err).Got, c.got, name)
	}
}

func TestNotebooks(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.EscapedPath(), "/api/contents/a%20dir/100%25%20%C3%B6.ipynb") {
			w.WriteHeader(404)
			return
		}
		if r.Method == http.MethodPut {
			answering(201, "application/json", "{}")(w, r)
			return
		}
		answering(200, "application/json", `{"content":{"cells":[]}}`)(w, r)
	})
	require.NoError(t, s.Upload(within(t, 5*time.Second), "a dir/100% ö.ipynb", []byte(`{"cells":[]}`)))
	got, err := s.Notebook(within(t, 5*time.Second), "a dir/100% ö.ipynb")
	require.NoError(t, err)
	require.JSONEq(t, `{"cells":[]}`, string(got))
	err = s.Upload(within(t, 5*time.Second), "other", []byte(`{}`))
	require.Equal(t, wire.Status, fault(t, err).Symptom)
}
