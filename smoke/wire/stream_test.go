package wire_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

// streams answers with an event stream and hands its writer over.
func streams(t *testing.T, write func(w io.Writer, flush func())) string {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		write(w, func() { _ = http.NewResponseController(w).Flush() })
	})
}

// all reads a stream to its end.
func all(t *testing.T, s *wire.Stream) (events []string, end error) {
	t.Helper()
	ctx := within(t, 10*time.Second)
	for {
		e, err := s.Next(ctx)
		if err != nil {
			require.NoError(t, ctx.Err())
			return events, err
		}
		if e.Comment {
			e.Data = ":" + e.Data
		}
		events = append(events, e.Data)
	}
}

func open(t *testing.T, n *wire.Network, url string) *wire.Stream {
	t.Helper()
	s, err := n.Open(t.Context(), wire.Call{Subject: "The stream", URL: url, Header: http.Header{"Accept": {"text/event-stream"}}})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestStreamText(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"plain":              {"data: a\n\ndata: b\n\n", []string{"a", "b"}},
		"several lines":      {"data: a\ndata: b\n\n", []string{"a\nb"}},
		"CRLF":               {"data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}},
		"CR":                 {"data: a\r\rdata: b\r\r", []string{"a", "b"}},
		"comments in order":  {"data: a\n\n:keepalive\n\ndata: b\n\n:two\n:three\n\n", []string{"a", ":keepalive", "b", ":two", ":three"}},
		"comments with CRLF": {":keepalive\r\n\r\ndata: a\r\n\r\n", []string{":keepalive", "a"}},
		"comments with CR":   {":keepalive\r\rdata: a\r\r", []string{":keepalive", "a"}},
		"byte order mark":    {"\uFEFF:hello\n\ndata: a\n\n", []string{":hello", "a"}},
		"blank lines":        {"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", []string{"a", "b"}},
		"other fields":       {"id: 1\nretry: 5\nevent: x\ndata: a\n\n", []string{"a"}},
		"cut event":          {"data: a\n\ndata: b", []string{"a"}},
		"cut comment":        {"data: a\n\n:keep", []string{"a", ":keep"}},
		"long comment":       {":" + strings.Repeat("x", 5000) + "\n\n", []string{":" + strings.Repeat("x", 256)}},
		"empty":              {"", nil},
	} {
		for _, chunk := range []int{1, 3, 1 << 20} {
			t.Run(fmt.Sprint(name, chunk), func(t *testing.T) {
				base := streams(t, func(w io.Writer, flush func()) {
					for text := c.text; text != ""; {
						n := min(chunk, len(text))
						io.WriteString(w, text[:n])
						flush()
						text = text[n:]
					}
				})
				n := network(t, base)
				events, end := all(t, open(t, n, base))
				require.Equal(t, c.want, events)
				require.ErrorIs(t, end, io.EOF)
				x := only(t, n)
				require.Len(t, x.Events, len(c.want))
				require.Empty(t, x.Close.Symptom)
			})
		}
	}
}

// arrives opens a stream whose server sends one event and then waits for the client to have seen it.
func arrives(t *testing.T, gzipped bool) {
	seen := make(chan struct{})
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		var to io.Writer = w
		flush := func() { _ = http.NewResponseController(w).Flush() }
		if gzipped {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			to, flush = z, func() { _ = z.Flush(); _ = http.NewResponseController(w).Flush() }
		}
		flush()
		for _, text := range []string{"data: 1\n\n", ":keepalive\n\n", "data: 2\n\n"} {
			io.WriteString(to, text)
			flush()
			select {
			case <-seen:
			case <-time.After(5 * time.Second):
			}
		}
	})
	s := open(t, network(t, base), base)
	for _, want := range []string{"1", "keepalive", "2"} {
		e, err := s.Next(within(t, 3*time.Second))
		require.NoError(t, err)
		require.Equal(t, want, e.Data)
		seen <- struct{}{}
	}
	_, err := s.Next(within(t, 3*time.Second))
	require.ErrorIs(t, err, io.EOF)
}

func TestEventsArriveLive(t *testing.T)        { arrives(t, false) }
func TestGzippedEventsArriveLive(t *testing.T) { arrives(t, true) }

func TestNoStream(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   wire.Symptom
		body   string
	}{
		"HTML":             {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>", wire.ContentType, "<p/>"},
		"502":              {"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nnginx", wire.Status, "nginx"},
		"502 stream":       {"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n", wire.Status, ""},
		"redirect":         {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", wire.Status, ""},
		"101":              {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", wire.Status, ""},
		"bad gzip":         {"HTTP/1.1 502 Bad Gateway\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nnginx", wire.Status, ""},
		"body never comes": {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 500\r\n\r\nnginx", wire.Status, "nginx"},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, func(conn net.Conn) { says(c.answer)(conn); io.Copy(io.Discard, conn) })
			n := network(t, base)
			began := time.Now()
			_, err := n.Open(t.Context(), wire.Call{Subject: "The stream", URL: base})
			require.Equal(t, c.want, fault(t, err).Symptom)
			require.Less(t, time.Since(began), 4*time.Second, "the head has proved it")
			x := only(t, n)
			require.NotNil(t, x.Close)
			if c.body != "" {
				require.Equal(t, c.body, x.Body.Prefix)
			}
		})
	}
}

func TestBrokenStreams(t *testing.T) {
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	head := streamHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk("data: a\n\n")
	for name, c := range map[string]struct {
		speak func(net.Conn)
		want  wire.Symptom
	}{
		"no last chunk":    {says(head), wire.EOF},
		"reset":            {func(c net.Conn) { says(head)(c); time.Sleep(50 * time.Millisecond); reset(c) }, wire.Reset},
		"broken chunk":     {says(head + "zz\r\n"), wire.Malformed},
		"without newline":  {says(streamHead + "\r\ndata: a\n\ndata: " + strings.Repeat("x", 2<<20)), wire.TooLarge},
		"too large":        {says(streamHead + "\r\ndata: a\n\n" + strings.Repeat("data: x\n", 200_000) + "\n"), wire.TooLarge},
		"gzip that breaks": {says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\nnot gzip at all"), wire.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, c.speak)
			n := network(t, base)
			events, end := all(t, open(t, n, base))
			require.Equal(t, c.want, fault(t, end).Symptom, end)
			if name != "gzip that breaks" {
				require.Equal(t, []string{"a"}, events)
			}
			require.Equal(t, c.want, only(t, n).Close.Symptom)
		})
	}
}

func TestStreamOverHTTP2Reset(t *testing.T) {
	s, n := serveTLS(t, good(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: a\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	events, end := all(t, open(t, n, s))
	require.Equal(t, []string{"a"}, events)
	require.Equal(t, wire.Reset, fault(t, end).Symptom, end)
}

// An event in very many small lines, byte by byte: the parser must not look at the same bytes again and again.
func TestTinyLinesAreCheap(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) {
		says(streamHead + "\r\n")(c)
		for range 60 {
			if _, err := io.WriteString(c, strings.Repeat("a\n", 5_000)); err != nil {
				return
			}
		}
		io.WriteString(c, strings.Repeat("\n", 1<<20)+"data: b\n\n")
	})
	began := time.Now()
	events, _ := all(t, open(t, network(t, base), base))
	require.Equal(t, []string{"b"}, events)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestStreamSlowReader(t *testing.T) {
	const many = 2000
	base := streams(t, func(w io.Writer, _ func()) {
		for i := range many {
			fmt.Fprintf(w, "data: %d\n\n", i)
		}
	})
	s := open(t, network(t, base), base)
	time.Sleep(50 * time.Millisecond)
	events, end := all(t, s)
	require.Len(t, events, many)
	require.Equal(t, "1999", events[many-1])
	require.ErrorIs(t, end, io.EOF)
}

func TestStreamsEndWithTheirContext(t *testing.T) {
	for _, unread := range []bool{false, true} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for r.Context().Err() == nil {
				io.WriteString(w, "data: a\n\n")
				_ = http.NewResponseController(w).Flush()
				if !unread {
					<-r.Context().Done()
				}
			}
		})
		n := network(t, base)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := n.Open(ctx, wire.Call{URL: base})
		require.NoError(t, err)
		_, err = s.Next(within(t, 5*time.Second))
		require.NoError(t, err)
		brief, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		for err == nil && !unread {
			_, err = s.Next(brief)
		}
		stop()
		if !unread {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Nil(t, only(t, n).Close, "the stream goes on")
		}
		cancel()
		_, end := all(t, s)
		require.Equal(t, wire.Cancelled, fault(t, end).Symptom)
		s.Close()
		s.Close()
	}
}

func TestClosedStreamEndsInOrder(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	n := network(t, base)
	s := open(t, n, base)
	s.Close()
	_, err := s.Next(t.Context())
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, only(t, n).Close.Symptom)
}

// net/http repeats a GET whose kept connection is lost before the answer. A launch must never be asked for twice.
func TestStreamsAreAskedForOnce(t *testing.T) {
	asked := make(chan string, 10)
	base := serveRaw(t, func(c net.Conn) {
		for range 2 {
			r := request(c)
			if r == nil {
				return
			}
			asked <- r.URL.Path
			if r.URL.Path == "/build" {
				return
			}
			io.WriteString(c, says200(2, "ok"))
		}
	})
	n := network(t, base)
	_, err := n.Do(within(t, 5*time.Second), wire.Call{URL: base + "page"})
	require.NoError(t, err)
	_, err = n.Open(within(t, 5*time.Second), wire.Call{URL: base + "build"})
	require.Equal(t, wire.EOF, fault(t, err).Symptom)
	require.Equal(t, "/page", <-asked)
	require.Equal(t, "/build", <-asked)
	require.Empty(t, asked)
}
