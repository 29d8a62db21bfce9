package jupyter_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// its marks an answer as the user server's own.
func its(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", "frame-ancestors 'self'; report-uri /user/x/api/security/csp-report")
}

const (
	chpPage   = "<html><h1>503 : Service Unavailable</h1>Your server appears to be down."
	nginxPage = "<html><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx</center>"
)

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

func TestShutdown(t *testing.T) {
	for name, c := range map[string]struct {
		first, then http.HandlerFunc
		asked       int32
		want        wire.Symptom
	}{
		"at once": {answering(200, "", ""), nil, 1, ""},
		"404 and then 200": {func(w http.ResponseWriter, r *http.Request) {
			its(w)
			answering(404, "application/json", `{"message":"x"}`)(w, r)
		}, answering(200, "", ""), 2, ""},
		"404 for good": {func(w http.ResponseWriter, r *http.Request) {
			its(w)
			answering(404, "application/json", `{"message":"x"}`)(w, r)
		}, nil, 2, wire.StillRunning},
		"gone already":        {answering(503, "text/html", chpPage), nil, 1, ""},
		"the ingress refuses": {answering(503, "text/html", nginxPage), nil, 2, wire.StillRunning},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := server(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/user/x/api/shutdown" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if asked.Add(1) == 2 && c.then != nil {
					c.then(w, r)
					return
				}
				c.first(w, r)
			})
			err := s.Shutdown(within(t, 5*time.Second))
			require.Equal(t, c.asked, asked.Load())
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.want, fault(t, err).Symptom)
		})
	}
}

func TestGone(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		gone   bool
	}{
		"CHP's 503":       {answering(503, "text/html", chpPage), true},
		"CHP's bare 503":  {answering(503, "", "Service Unavailable"), true},
		"the hub's 302":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/hub/user/x/", 302) }, true},
		"the hub's 404":   {answering(404, "application/json", `{"status":404,"message":"Not Found"}`), true},
		"the hub's 424":   {answering(424, "application/json", `{"message":"JupyterHub server no longer running"}`), true},
		"its own 404":     {func(w http.ResponseWriter, r *http.Request) { its(w); answering(404, "application/json", `{}`)(w, r) }, false},
		"still there":     {answering(200, "application/json", `{"version":"2"}`), false},
		"the ingress 503": {answering(503, "text/html", nginxPage), false},
		"the ingress 404": {answering(404, "text/plain", "default backend - 404"), false},
		"502":             {answering(502, "text/html", "<center>nginx"), false},
	} {
		t.Run(name, func(t *testing.T) {
			err := server(t, c.answer).Gone(within(t, 250*time.Millisecond))
			if c.gone {
				require.NoError(t, err)
				return
			}
			require.Equal(t, wire.StillRunning, fault(t, err).Symptom)
		})
	}
}

func TestGoneAfterAWhile(t *testing.T) {
	var asked atomic.Int32
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			answering(200, "application/json", `{"version":"2"}`)(w, r)
			return
		}
		answering(503, "text/html", chpPage)(w, r)
	})
	require.NoError(t, s.Gone(within(t, 5*time.Second)))
	require.EqualValues(t, 3, asked.Load())
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
