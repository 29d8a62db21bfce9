package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// noLeaks fails the test when, a moment after its end, more goroutines run than at its begin.
func noLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(3 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			now := runtime.NumGoroutine()
			if now <= before {
				return
			}
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Errorf("%d goroutines before, %d after:\n%s", before, now, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

// network returns a network whose binder host is base.
func network(t *testing.T, base string, change ...func(*wire.Config)) *wire.Network {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	c := wire.Config{
		Timeline:  wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(u, nil), nil, wire.Limits{}),
		UserAgent: "smoke-test/1",
	}
	for _, f := range change {
		f(&c)
	}
	n := wire.NewNetwork(c)
	t.Cleanup(n.Close)
	return n
}

// serve answers with a handler, over plain HTTP/1.1.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	noLeaks(t)
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL + "/"
}

// serveRaw hands each connection to a function that speaks what it likes, and closes it afterwards.
func serveRaw(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() { defer c.Close(); speak(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String() + "/"
}

// request reads one request's head.
func request(c net.Conn) *http.Request {
	r, _ := http.ReadRequest(bufio.NewReader(c))
	return r
}

// says reads a request and answers with these bytes.
func says(answer string) func(net.Conn) {
	return func(c net.Conn) {
		request(c)
		_, _ = io.WriteString(c, answer)
	}
}

// says200 is an answer with a body of that length, of which only some is sent.
func says200(length int, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", length, body)
}

// reset closes a connection with a RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// within bounds a test's call, and checks that it ended soon after.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	began := time.Now()
	t.Cleanup(func() {
		cancel()
		require.Less(t, time.Since(began), d+5*time.Second)
	})
	return ctx
}

// fault is an error's *wire.Fault.
func fault(t *testing.T, err error) *wire.Fault {
	t.Helper()
	var f *wire.Fault
	require.ErrorAs(t, err, &f)
	return f
}

// only is the timeline's one exchange.
func only(t *testing.T, n *wire.Network) *wire.Exchange {
	t.Helper()
	all := n.Timeline().Exchanges()
	require.Len(t, all, 1)
	return all[0]
}

func kinds(n *wire.Network) string {
	var out []string
	for r := range n.Timeline().Records() {
		out = append(out, string(r.Kind))
	}
	return strings.Join(out, " ")
}
