package browser

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// stream2 is a websocket's bytes in a stream of HTTP/2 (RFC 8441).
type stream2 struct {
	net.Conn // none: nothing else of it is used
	w        http.ResponseWriter
	r        io.Reader
}

func (s stream2) Read(p []byte) (int, error) { return s.r.Read(p) }

func (s stream2) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.w.(http.Flusher).Flush()
	return n, err
}

// overHTTP2 accepts an extended CONNECT.
func overHTTP2(w http.ResponseWriter, r *http.Request) *socketConn {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	return &socketConn{stream2{w: w, r: r.Body}, bufio.NewReader(r.Body)}
}

// withExtendedConnect runs a test in a process whose HTTP/2 servers offer extended CONNECT. It tells whether this is that
// process.
func withExtendedConnect(t *testing.T) bool {
	t.Helper()
	const setting = "http2xconnect=1"
	if strings.Contains(os.Getenv("GODEBUG"), setting) {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "GODEBUG="+setting)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	if strings.Contains(string(out), "--- SKIP") {
		t.Skip(string(out))
	}
	require.Contains(t, string(out), "--- PASS")
	return false
}

// Over HTTP/2 a websocket is opened by the status 200, which is as good as 101.
func TestSocketsOverHTTP2(t *testing.T) {
	if !withExtendedConnect(t) {
		return
	}
	d, b := secured(t, lab())
	require.NoError(t, b.OpenServer(limited(t, 20*time.Second), securedURL, ""))
	require.NoError(t, b.OpenNotebook(limited(t, 20*time.Second), securedURL+"notebook"))
	done, err := b.RunAll(limited(t, 20*time.Second), 3)
	require.NoError(t, err)
	require.Len(t, done.Cells, 3)
	for _, x := range d.tl.Exchanges() {
		if x.ID == done.Cells[0].Exchange {
			require.Equal(t, 200, x.Response.Status)
			require.True(t, x.Opened())
		}
	}
}

// A server that offers websockets over HTTP/2 and refuses them fails the browser's only.
func TestSocketsRefusedOverHTTP2(t *testing.T) {
	if !withExtendedConnect(t) {
		return
	}
	_, b := secured(t, lab().with(kernelRoute, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		kernelDouble(healthy)(w, r)
	}))
	require.NoError(t, b.OpenServer(limited(t, 20*time.Second), securedURL, ""))
	f, _ := requireFault(t, b.rec.tl, b.OpenNotebook(limited(t, 20*time.Second), securedURL+"notebook"), wire.UpgradeRefused)
	require.Equal(t, "405", f.Got)
}
