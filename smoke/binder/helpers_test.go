package binder

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// client speaks to a BinderHub that is played by h, at /base/.
func client(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	base, err := url.Parse(s.URL + "/base/")
	require.NoError(t, err)
	n := wire.NewNetwork(wire.Config{
		Timeline: wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(base, nil), nil, wire.Limits{}),
	})
	t.Cleanup(n.Close)
	return New(n, base, "hub-api-token")
}

// answering plays one answer to everything.
func answering(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func fault(t *testing.T, err error) *wire.Fault {
	t.Helper()
	var f *wire.Fault
	require.ErrorAs(t, err, &f)
	return f
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// records is the whole timeline as text.
func records(c *Client) string {
	text := ""
	for r := range c.net.Timeline().Records() {
		text += string(r.Data)
	}
	return text
}
