package binder

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// A step whose time is over names the launch's URL and exchange, however little has come.
func TestLaunchesThatAreLate(t *testing.T) {
	holding := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		got    string
	}{
		"no answer":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "nothing new after nothing (0 keepalives)"},
		"only a head":       {holding(""), "nothing new after nothing (0 keepalives)"},
		"only a keepalive":  {holding(":keepalive\n\n"), "nothing new after nothing (1 keepalives)"},
		"nothing was said":  {holding("data: {\"phase\":\"waiting\"}\n\n"), "nothing new after an event without a message"},
		"blank, then words": {holding("data: {\"phase\":\"waiting\",\"message\":\"Pending\\n\"}\n\ndata: {\"phase\":\"launching\",\"message\":\"\\n\"}\n\n"), `nothing new after "Pending"`},
	} {
		t.Run(name, func(t *testing.T) {
			client := client(t, c.answer)
			l := client.Launch(t.Context(), "gh/a/b/HEAD", "a-build-token")
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := l.Await(ctx)
			f := fault(t, err)
			require.Equal(t, wire.Stalled, f.Symptom)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Contains(t, f.Got, c.got)
			require.Equal(t, client.URL("build/gh/a/b/HEAD"), f.URL)
			require.Len(t, f.Exchanges, 1)
			require.Equal(t, wire.TypeStream, client.net.Timeline().Exchanges()[f.Exchanges[0]-1].Open.Type)
			require.NoError(t, l.Over())
		})
	}
}

// What BinderHub does not tell is said in words.
func TestVersions(t *testing.T) {
	const body = `{"builder": "quay.io/jupyterhub/repo2docker:2024.07.0", "binderhub": "1.0.0", "builder_info": {"kind": "pod"}}`
	for name, c := range map[string]struct {
		expected map[string]string
		says     string
	}{
		"all":       {map[string]string{"binderhub": "1.0", "builder": "2024.07", "builder_info": "pod"}, ""},
		"another":   {map[string]string{"binderhub": "2.0"}, "expected binderhub 2.0, got 1.0.0"},
		"not told":  {map[string]string{"registry": "2"}, "expected registry 2, got nothing of it, only of binderhub, builder, builder_info"},
		"the first": {map[string]string{"registry": "2", "builder": "2025"}, "expected builder 2025, got quay.io/jupyterhub/repo2docker:2024.07.0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := client(t, answering(200, "application/json", body)).Versions(soon(t), c.expected)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, wire.Unexpected, fault(t, err).Symptom)
			require.Contains(t, err.Error(), c.says)
		})
	}
}

// A federation's member is asked once, without the credentials of who sent us there, and its faults are its own.
func TestMember(t *testing.T) {
	var asked []*http.Request
	other := client(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		answering(200, "text/event-stream", "data: {\"phase\":\"failed\",\"message\":\"no\"}\n\n")(w, r)
	})
	l, _, err := launchWith(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "token hub-api-token", r.Header.Get("Authorization"))
		http.Redirect(w, r, other.URL("build/gh/a/b/HEAD?build_token=")+r.URL.Query().Get("build_token"), http.StatusTemporaryRedirect)
	})
	f := fault(t, err)
	require.Equal(t, wire.PhaseFailed, f.Symptom)
	require.Equal(t, other.URL("build/gh/a/b/HEAD"), f.URL)
	require.Equal(t, other.URL(""), l.Member())
	require.Len(t, asked, 1)
	require.Empty(t, asked[0].Header.Get("Authorization"))
	require.Equal(t, "text/event-stream", asked[0].Header.Get("Accept"))
	require.Equal(t, "a-build-token", asked[0].URL.Query().Get("build_token"))
}

// Bytes that never become an event are silence, however many come.
func TestBytesWithoutAnEvent(t *testing.T) {
	_, _, err := launchWith(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, err := io.WriteString(w, "data: "); err == nil && r.Context().Err() == nil; _, err = io.WriteString(w, "x") {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	})
	require.Equal(t, wire.Stalled, fault(t, err).Symptom)
	require.Contains(t, err.Error(), "nothing for 300ms")
}

// A build may print a hundred thousand lines, or a hostile server send them: they cost time, and are not kept.
func TestVeryManyEvents(t *testing.T) {
	const line = "data: {\"phase\":\"building\",\"message\":\"Collecting numpy\"}\n\n"
	c := client(t, answering(200, "text/event-stream", strings.Repeat(line, 100_000)+ready))
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "")
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := l.Await(ctx)
	require.NoError(t, err)
	require.Equal(t, "ready", e.Phase)
	require.Equal(t, 100_000, l.Logs())
	require.LessOrEqual(t, len(l.client.net.Timeline().Exchanges()[0].Events), 5000)
	require.Positive(t, l.client.net.Timeline().Dropped())
}
