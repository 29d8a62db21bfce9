package binder

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const ready = `data: {"phase":"ready","url":"https://hub.test/user/x/","token":"a-server-token-0","binder_client_ip":"10.9.8.7"}` + "\n\n"

// launch follows a launch whose stream has this text, and then ends.
func launch(t *testing.T, text string) (*Launch, Event, error) {
	t.Helper()
	return launchWith(t, answering(200, "text/event-stream", text))
}

func launchWith(t *testing.T, h http.HandlerFunc) (*Launch, Event, error) {
	t.Helper()
	c := client(t, h)
	c.silence = 300 * time.Millisecond
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "a-build-token")
	t.Cleanup(l.Close)
	e, err := l.Await(soon(t))
	return l, e, err
}

func TestLaunch(t *testing.T) {
	var asked *http.Request
	l, e, err := launchWith(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		answering(200, "text/event-stream", ":keepalive\n\ndata: {\"message\":\"a log line\"}\n\ndata: {\"phase\":\"Built\",\"message\":\"x\"}\n\n"+ready)(w, r)
	})
	require.NoError(t, err)
	require.Equal(t, "/base/build/gh/a/b/HEAD", asked.URL.Path)
	require.Equal(t, "a-build-token", asked.URL.Query().Get("build_token"))
	require.Equal(t, "text/event-stream", asked.Header.Get("Accept"))
	require.Equal(t, "https://hub.test/user/x/", e.URL)
	require.Equal(t, "a-server-token-0", l.Ready().Token)
	require.False(t, l.MayRun())
	_, err = l.Next(soon(t))
	require.ErrorIs(t, err, io.EOF)
	require.ErrorIs(t, l.Over(), io.EOF)
	require.False(t, l.MayRun())
	text := records(l.client)
	for _, secret := range []string{"a-server-token-0", "a-build-token", "10.9.8.7"} {
		require.NotContains(t, text, secret)
	}
	require.NotContains(t, l.Fault(wire.Content, "x", "a-server-token-0").Error(), "a-server-token-0")
}

func TestPhases(t *testing.T) {
	c := client(t, answering(200, "text/event-stream", `data: {"message":"no phase"}

data: {"phase":"Waiting","message":"x"}

data: {"phase":"BUILDING","message":"y"}

data: {"phase":null}

data: {"phase":"Launching","message":"z"}

`+ready))
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "")
	defer l.Close()
	var phases []string
	for range 6 {
		e, err := l.Next(soon(t))
		require.NoError(t, err)
		phases = append(phases, e.Phase)
	}
	require.Equal(t, []string{"", "waiting", "building", "", "launching", "ready"}, phases)
}

func TestAwaitAPhase(t *testing.T) {
	c := client(t, answering(200, "text/event-stream", "data: {\"phase\":\"waiting\"}\n\ndata: {\"phase\":\"Built\"}\n\n"+ready))
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "")
	defer l.Close()
	e, err := l.Await(soon(t), "built", "launching")
	require.NoError(t, err)
	require.Equal(t, "built", e.Phase)
	require.True(t, l.MayRun(), "not over, and no server yet")
	require.NoError(t, l.Over())
}

// Each way in which a stream ends without "ready".
func TestLaunchesThatEnd(t *testing.T) {
	launching := "data: {\"phase\":\"launching\",\"message\":\"Spawn failed: no node\\n\"}\n\n"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   wire.Symptom
		got    string
		mayRun bool
	}{
		"rate limit": {answering(200, "text/event-stream", `data: {"phase":"failed","status_code":429,"message":"Rate limit exceeded. Try again in 3600 seconds.\n"}`+"\n\n"),
			wire.PhaseFailed, "failed with status_code 429: Rate limit exceeded", false},
		"bad ref": {answering(200, "text/event-stream", `data: {"phase":"failed","message":"Could not resolve ref for gh:a/b/x"}`+"\n\n"),
			wire.PhaseFailed, "failed: Could not resolve ref", false},
		"no reason": {answering(200, "text/event-stream", launching+"data: {\"phase\":\"Failed\",\"status_code\":500,\"message\":\"\"}\n\n"),
			wire.PhaseFailed, `before it: "Spawn failed: no node"`, false},
		"bare failed":         {answering(200, "text/event-stream", "data: {\"phase\":\"failed\"}\n\n"), wire.PhaseFailed, "failed, without a reason", false},
		"end at once":         {answering(200, "text/event-stream", ""), wire.StreamEnded, "end after nothing", true},
		"end while launching": {answering(200, "text/event-stream", launching), wire.StreamEnded, `end after "Spawn failed: no node"`, true},
		"502":                 {answering(502, "text/html", "nginx"), wire.Status, "502 Bad Gateway", false},
		"HTML":                {answering(200, "text/html", "<html>"), wire.ContentType, "text/html", false},
		"no JSON":             {answering(200, "text/event-stream", "data: hello\n\n"), wire.Malformed, "hello", true},
		"cut": {func(w http.ResponseWriter, r *http.Request) {
			answering(200, "text/event-stream", launching)(w, r)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, wire.EOF, "unexpected EOF", true},
		"reset before the answer": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}, wire.Reset, "reset", true},
		"silence": {func(w http.ResponseWriter, r *http.Request) {
			answering(200, "text/event-stream", launching)(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, wire.Stalled, "nothing for 300ms", true},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, wire.Stalled, "nothing for", true},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, err := launchWith(t, c.answer)
			f := fault(t, err)
			require.Equal(t, c.want, f.Symptom, f)
			require.Contains(t, f.Got, c.got)
			require.Equal(t, c.mayRun, l.MayRun())
			require.Nil(t, l.Ready())
			require.NotContains(t, f.Error(), "a-build-token")
			if name != "no answer" {
				require.Len(t, f.Exchanges, 1)
			}
			if c.want != wire.Stalled && c.want != wire.Malformed {
				_, again := l.Next(soon(t))
				if c.want != wire.Malformed {
					require.Equal(t, err, again, "an end stays the end")
				}
			}
		})
	}
}

func TestNoConnectionLeavesNoServer(t *testing.T) {
	c := client(t, answering(200, "text/event-stream", ""))
	c.base.Host = "127.0.0.1:1"
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "")
	defer l.Close()
	_, err := l.Await(soon(t))
	require.Equal(t, wire.TCPRefused, fault(t, err).Symptom)
	require.False(t, l.MayRun())
}

// Keepalives hold the silence off for as long as they come.
func TestKeepalivesAreNoSilence(t *testing.T) {
	_, e, err := launchWith(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 8 {
			_, _ = io.WriteString(w, ":keepalive\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		_, _ = io.WriteString(w, ready)
	})
	require.NoError(t, err)
	require.Equal(t, "ready", e.Phase)
}

// The launch outlives the step that began it, and a step that gives up.
func TestLaunchOutlivesItsStep(t *testing.T) {
	more := make(chan struct{})
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
			_, _ = io.WriteString(w, ready)
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	l := c.Launch(ctx, "gh/a/b/HEAD", "")
	defer l.Close()
	_, err := l.Await(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, l.Over())
	require.True(t, l.MayRun())
	close(more)
	e, err := l.Await(soon(t))
	require.NoError(t, err)
	require.Equal(t, "ready", e.Phase)
}

func TestClosedLaunch(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, strings.Repeat("data: {\"message\":\"x\"}\n\n", 1000))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	l := c.Launch(t.Context(), "gh/a/b/HEAD", "")
	_, err := l.Next(soon(t))
	require.NoError(t, err)
	l.Close()
	l.Close()
	_, err = l.Next(soon(t))
	require.Error(t, err)
	require.True(t, l.MayRun(), "nobody knows what became of it")
}
