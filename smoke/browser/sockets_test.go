package browser

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const notebookURL = serverURL + "notebook"

const (
	kernelRoute = "/user/jo-1/api/kernels/k/channels"
	eventsRoute = "/user/jo-1/api/events/subscribe"
)

// learnHub is what a launch does: only the hub's sockets matter.
func learnHub(d *double) {
	d.tl.Places().LearnHub(&url.URL{Scheme: "http", Host: "hub.test", Path: "/"})
}

// hangUp ends a connection, by FIN or by RST, without an answer.
func hangUp(reset bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		if reset {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
}

// raw answers a handshake with the given bytes.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(conn, answer)
		conn.Close()
	}
}

func TestRefusedSockets(t *testing.T) {
	stripped := status(400, `Can "Upgrade" only to "WebSocket".`) // what a server says when a proxy dropped the header
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		where   string
		broken  http.HandlerFunc
		symptom wire.Symptom
		subject string
		got     string
	}{
		"kernel, upgrade stripped":   {kernelRoute, stripped, wire.UpgradeRefused, "The browser's kernel websocket", "400"},
		"events, upgrade stripped":   {eventsRoute, stripped, wire.UpgradeRefused, "The browser's events websocket", "400"},
		"kernel, proxy's 200":        {kernelRoute, html("hello"), wire.UpgradeRefused, "The browser's kernel websocket", "200"},
		"kernel, redirect":           {kernelRoute, http.RedirectHandler("/hub/login", 302).ServeHTTP, wire.UpgradeRefused, "The browser's kernel websocket", "302"},
		"kernel, unauthorised":       {kernelRoute, status(401, ""), wire.UpgradeRefused, "The browser's kernel websocket", "401"},
		"kernel, no reason phrase":   {kernelRoute, raw("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n"), wire.UpgradeRefused, "The browser's kernel websocket", "503"},
		"kernel, reset":              {kernelRoute, hangUp(true), wire.Reset, "The browser's kernel websocket", "ERR_CONNECTION_RESET"},
		"kernel, end without answer": {kernelRoute, hangUp(false), wire.EOF, "The browser's kernel websocket", "before receiving a handshake response"},
		"kernel, wrong accept key": {kernelRoute, raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"),
			wire.Malformed, "The browser's kernel websocket", "Sec-WebSocket-Accept"},
	} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan time.Time, 9)
			d.serve(lab().with(c.where, func(w http.ResponseWriter, r *http.Request) {
				answered <- time.Now()
				c.broken(w, r)
			}))
			err := d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL)
			require.Less(t, time.Since(<-answered), time.Second, "the fault is known within a second of the refusal")
			f, x := requireFault(t, d.tl, err, c.symptom)
			require.Equal(t, c.subject, f.Subject)
			require.Equal(t, "101 Switching Protocols", f.Want)
			require.Contains(t, f.Got, c.got)
			require.Equal(t, "ws://hub.test"+c.where, f.URL[:len("ws://hub.test"+c.where)])
			require.Equal(t, wire.TypeWebSocket, x.Open.Type)
			require.Equal(t, c.symptom, x.Close.Symptom)
			if c.symptom == wire.UpgradeRefused {
				require.Equal(t, c.got, fmt.Sprint(x.Response.Status))
			}
		})
	}
}

func TestWaitLabSeesRefusedSocket(t *testing.T) {
	d := newDouble(t, Options{}, lab().with(eventsRoute, status(403, "")))
	require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
	requireFault(t, d.tl, d.browser.WaitLab(limited(t, 20*time.Second)), wire.UpgradeRefused)
}

func TestWaitLabWantsSocketsOpen(t *testing.T) {
	d := newDouble(t, Options{}, lab().with(eventsRoute, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
	_, x := requireFault(t, d.tl, d.browser.WaitLab(limited(t, time.Second)), wire.Stalled)
	require.Contains(t, x.Open.URL, eventsRoute)
}

// A socket that the page gives up itself, and those of third parties, are no faults.
func TestHarmlessSockets(t *testing.T) {
	page := labPage + `<script>
		new WebSocket("ws://third.test/api/kernels/x/channels");
		new WebSocket(base + "other");
		const given = new WebSocket(base + "kernels/slow/channels"); given.close();
		setTimeout(notebook, 300);
	</script>`
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", html(page)))
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	require.NoError(t, d.browser.Close(t.Context()))
	symptoms := map[wire.Symptom]int{}
	for _, x := range d.tl.Exchanges() {
		if x.Open.Type == wire.TypeWebSocket {
			require.NotNil(t, x.Close, x.Open.URL)
			symptoms[x.Close.Symptom]++
		}
	}
	require.Equal(t, map[wire.Symptom]int{"": 3, wire.UpgradeRefused: 2}, symptoms)
}
