package wire_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestBrokenAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		speak func(net.Conn)
		want  wire.Symptom
	}{
		"closed at once":          {func(c net.Conn) { request(c) }, wire.EOF},
		"reset":                   {func(c net.Conn) { request(c); reset(c) }, wire.Reset},
		"reset in the body":       {func(c net.Conn) { says(says200(10, "abc"))(c); time.Sleep(20 * time.Millisecond); reset(c) }, wire.Reset},
		"truncated body":          {says(says200(10, "abc")), wire.EOF},
		"truncated chunks":        {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), wire.EOF},
		"no HTTP":                 {says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), wire.Malformed},
		"bad gzip":                {says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\nthis is no gzip data"), wire.Malformed},
		"unoffered encoding":      {says("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"), wire.Malformed},
		"no answer":               {func(c net.Conn) { request(c); io.Copy(io.Discard, c) }, wire.Timeout},
		"a body that never comes": {func(c net.Conn) { says(says200(10, "abc"))(c); io.Copy(io.Discard, c) }, wire.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, c.speak)
			n := network(t, base)
			_, err := n.Do(within(t, 300*time.Millisecond), wire.Call{Subject: "The page", URL: base})
			f := fault(t, err)
			require.Equal(t, c.want, f.Symptom, f)
			x := only(t, n)
			require.NotNil(t, x.Close)
			require.Equal(t, c.want, x.Close.Symptom)
			require.Equal(t, []wire.ExchangeID{x.ID}, f.Exchanges)
			require.NotContains(t, f.Got, base, "the URL is said once")
		})
	}
}

func TestNoConnection(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	l.Close()
	n := network(t, "http://binder.smoke.test/")
	_, err = n.Do(within(t, 5*time.Second), wire.Call{URL: "http://" + address + "/"})
	require.Equal(t, wire.TCPRefused, fault(t, err).Symptom)
	require.Len(t, only(t, n).TCP, 1)
	require.Contains(t, only(t, n).TCP[0].Error, "refused")
}

func TestNameNotFound(t *testing.T) {
	noLeaks(t)
	n := network(t, "http://binder.smoke.test/")
	_, err := n.Do(within(t, 5*time.Second), wire.Call{URL: "http://no-such-name.invalid/"})
	// a machine without any resolver cannot tell that a name does not exist
	require.Contains(t, []wire.Symptom{wire.DNSNotFound, wire.DNSFailed}, fault(t, err).Symptom)
	require.NotNil(t, only(t, n).DNS)
	require.NotEmpty(t, only(t, n).DNS.Error)
}

func TestCancelledIsInconclusive(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) { request(c); io.Copy(io.Discard, c) })
	n := network(t, base)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := n.Do(ctx, wire.Call{URL: base})
	f := fault(t, err)
	require.Equal(t, wire.Cancelled, f.Symptom)
	require.True(t, f.Inconclusive)
}

func TestEndlessHeaders(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) {
		request(c)
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for i := 0; err == nil; i++ {
			_, err = fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
		}
	})
	n := network(t, base)
	_, err := n.Do(within(t, 10*time.Second), wire.Call{URL: base})
	require.Equal(t, wire.TooLarge, fault(t, err).Symptom, err)
}

func TestEndlessBodyIsCut(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 32<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	n := network(t, base)
	a, err := n.Do(within(t, 10*time.Second), wire.Call{URL: base, MaxBody: 1 << 20})
	require.NoError(t, err)
	require.True(t, a.Truncated)
	require.Len(t, a.Body, 1<<20)
	require.True(t, only(t, n).Body.Truncated)
}

func TestGzipBombIsCut(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 32<<20))
	z.Close()
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	a, err := network(t, base).Do(within(t, 10*time.Second), wire.Call{URL: base})
	require.NoError(t, err)
	require.True(t, a.Truncated)
	require.Len(t, a.Body, 8<<20)
}

// Slow bytes: each read makes progress, so only the step's time ends the call.
func TestSlowBytesEndWithTheStep(t *testing.T) {
	for _, head := range []string{"", says200(1000, "")} {
		base := serveRaw(t, func(c net.Conn) {
			request(c)
			_, err := io.WriteString(c, head)
			for err == nil {
				time.Sleep(10 * time.Millisecond)
				_, err = c.Write([]byte("H"))
			}
		})
		began := time.Now()
		_, err := network(t, base).Do(within(t, 200*time.Millisecond), wire.Call{URL: base})
		require.Equal(t, wire.Timeout, fault(t, err).Symptom)
		require.Less(t, time.Since(began), time.Second)
	}
}

func TestCompression(t *testing.T) {
	pack := map[string]func(w io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"bare": func(w io.Writer) io.WriteCloser {
			f, _ := flate.NewWriter(w, flate.DefaultCompression)
			return f
		},
	}
	for name, packer := range pack {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "gzip, deflate", r.Header.Get("Accept-Encoding"))
			encoding := name
			if name == "bare" {
				encoding = "deflate"
			}
			w.Header().Set("Content-Encoding", encoding)
			p := packer(w)
			io.WriteString(p, "hello")
			p.Close()
		})
		a, err := network(t, base).Do(within(t, 5*time.Second), wire.Call{URL: base})
		require.NoError(t, err, name)
		require.Equal(t, "hello", string(a.Body), name)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again?token=abcdefgh", http.StatusFound)
	})
	n := network(t, base)
	a, err := n.Do(within(t, 5*time.Second), wire.Call{URL: base})
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, a.Status)
	require.Equal(t, "/again?token="+wire.Redacted, only(t, n).Response.Header.Get("Location"))
}

func TestResolveMap(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			noLeaks(t)
			l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skip("this machine has no address " + host)
			}
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, r.Host)
			})}}
			s.Start()
			t.Cleanup(s.Close)
			n := network(t, "http://binder.smoke.test/", func(c *wire.Config) {
				c.Resolve = map[string]string{"binder.smoke.test:80": l.Addr().String()}
			})
			a, err := n.Do(within(t, 5*time.Second), wire.Call{URL: "http://Binder.Smoke.Test/"})
			require.NoError(t, err)
			require.Equal(t, "Binder.Smoke.Test", string(a.Body))
			x := only(t, n)
			require.True(t, x.DNS.Override)
			require.Equal(t, l.Addr().String(), x.Response.Remote)
		})
	}
}

func TestOwnHeadersGoToOwnPlacesOnly(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-Gate")+"|"+r.Header.Get("User-Agent"))
	}
	base, other := serve(t, echo), serve(t, echo)
	n := network(t, base, func(c *wire.Config) { c.Header = http.Header{"X-Gate": {"pass-1234567890123456"}} })
	for where, want := range map[string]string{base: "pass-1234567890123456|smoke-test/1", other: "|smoke-test/1"} {
		a, err := n.Do(within(t, 5*time.Second), wire.Call{URL: where})
		require.NoError(t, err)
		require.Equal(t, want, string(a.Body))
	}
	for r := range n.Timeline().Records() {
		require.NotContains(t, string(r.Data), "pass-1234567890123456")
	}
}

func TestHostHeader(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	a, err := network(t, base).Do(within(t, 5*time.Second), wire.Call{URL: base, Header: http.Header{"Host": {"elsewhere.test"}}})
	require.NoError(t, err)
	require.Equal(t, "elsewhere.test", string(a.Body))
}

func TestConnections(t *testing.T) {
	s, n := serveTLS(t, good(), func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.RemoteAddr, " ", r.Proto)
	})
	ask := func(f wire.Fresh) (remote, proto string) {
		a, err := n.Do(within(t, 10*time.Second), wire.Call{URL: s, Fresh: f})
		require.NoError(t, err)
		remote, proto, _ = strings.Cut(string(a.Body), " ")
		require.Equal(t, proto, a.Proto)
		return remote, proto
	}
	for fresh, want := range map[wire.Fresh]string{wire.FreshHTTP1: "HTTP/1.1", wire.FreshHTTP2: "HTTP/2.0"} {
		seen := map[string]bool{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				remote, proto := ask(fresh)
				mu.Lock()
				defer mu.Unlock()
				require.Equal(t, want, proto)
				require.False(t, seen[remote], "%s: a connection was used twice", fresh)
				seen[remote] = true
			})
		}
		all.Wait()
	}
	first, _ := ask("")
	second, proto := ask("")
	require.Equal(t, first, second, "a kept connection is used again")
	require.Equal(t, "HTTP/2.0", proto)
}

func TestRecordsAreCompleteAndInOrder(t *testing.T) {
	s, n := serveTLS(t, good(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "session=0123456789abcdefXYZ; Path=/; HttpOnly")
		io.WriteString(w, "the cookie is 0123456789abcdefXYZ")
	})
	ctx := wire.WithStep(within(t, 10*time.Second), "binder-host", "page")
	_, err := n.Do(ctx, wire.Call{URL: s, Method: http.MethodPost, Body: []byte("12345"), Fresh: wire.FreshHTTP1})
	require.NoError(t, err)
	require.Equal(t, "open request dns tcp tls response body close", kinds(n))
	x := only(t, n)
	require.Equal(t, "binder-host", x.Scenario)
	require.Equal(t, "page", x.Step)
	require.Equal(t, wire.RoleBinder, x.Open.Role)
	require.EqualValues(t, 5, x.Request.Bytes)
	require.Equal(t, "http/1.1", x.TLS.ALPN)
	require.Len(t, x.TLS.Certificates, 1)
	require.Equal(t, 200, x.Response.Status)
	require.Equal(t, "OK", x.Response.Reason)
	require.Equal(t, "session="+wire.Redacted+"; Path=/; HttpOnly", x.Response.Header.Get("Set-Cookie"))
	require.Equal(t, "the cookie is "+wire.Redacted, x.Body.Prefix)
	require.Equal(t, x.Close.At, x.Ended())
	last := time.Duration(0)
	for r := range n.Timeline().Records() {
		require.GreaterOrEqual(t, r.At, last)
		last = r.At
	}
}

func TestFaultsShowNoToken(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) { request(c) })
	_, err := network(t, base).Do(within(t, 5*time.Second), wire.Call{URL: base + "build/x?build_token=abcdefgh12345678"})
	require.NotContains(t, err.Error(), "abcdefgh")
	require.NotContains(t, fault(t, err).URL, "abcdefgh")
}

func TestFaultsAreOnePrintableLine(t *testing.T) {
	base := serveRaw(t, says("HTTP/1.1 502 Bad\x1b[2J Gateway\r\nServer: \x1b[31mnginx\r\nContent-Length: 0\r\n\r\n"))
	a, err := network(t, base).Do(within(t, 5*time.Second), wire.Call{URL: base})
	if err == nil {
		err = a.Expect("The page", 200, "text/html")
	}
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\x1b")
	require.NotContains(t, err.Error(), "\n")
}

func TestExpect(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "Text/HTML; charset=utf-8")
	})
	a, err := network(t, base).Do(within(t, 5*time.Second), wire.Call{URL: base})
	require.NoError(t, err)
	require.NoError(t, a.Expect("The page", 200, "text/html"))
	require.Equal(t, wire.ContentType, fault(t, a.Expect("The page", 200, "application/json")).Symptom)
	require.Equal(t, wire.Status, fault(t, a.Expect("The page", 404, "")).Symptom)
}

// The canary: a plain HTTP call that every proxy must take for a websocket handshake. Whatever the answer, it returns.
func TestUpgradeCalls(t *testing.T) {
	for answer, status := range map[string]int{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK":                                                200,
		"HTTP/1.1 302 Found\r\nLocation: /hub/_chp_healthz\r\nContent-Length: 0\r\n\r\n":                302,
		"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n":                                                     503,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01": 101,
	} {
		base := serveRaw(t, func(c net.Conn) {
			r := request(c)
			if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" || r.Header.Get("Sec-Websocket-Version") != "13" {
				return
			}
			_, _ = io.WriteString(c, answer)
			io.Copy(io.Discard, c) // the connection stays open, as CHP leaves it
		})
		n := network(t, base)
		began := time.Now()
		a, err := n.Do(within(t, 5*time.Second), wire.Call{URL: base, Upgrade: true})
		require.NoError(t, err)
		require.Equal(t, status, a.Status)
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, wire.TypeWebSocket, only(t, n).Open.Type)
		require.Equal(t, status == 101, only(t, n).Opened())
		require.Equal(t, status == 101, only(t, n).Body == nil)
	}
}
