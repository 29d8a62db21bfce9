package browser

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// closing is a websocket that the server closes with a code, once it has been open for a moment; 0 ends the connection.
func closing(code uint16, reason string) http.HandlerFunc {
	return socketHandler(func(c *socketConn) {
		time.Sleep(200 * time.Millisecond) // the pace of the double
		if code != 0 {
			frame := append([]byte{0x88, byte(2 + len(reason))}, binary.BigEndian.AppendUint16(nil, code)...)
			c.Write(append(frame, reason...))
			io.Copy(io.Discard, c)
		}
	})
}

// A websocket that nobody closed on purpose is lost at once, with the code that Chromium's own events do not tell.
func TestLostSockets(t *testing.T) {
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		where string
		lost  http.HandlerFunc
		got   string
		code  int
	}{
		"kernel, going away":     {kernelRoute, closing(1001, "pod is gone"), "its end, which the page did not ask for (code 1001 pod is gone)", 1001},
		"kernel, internal error": {kernelRoute, closing(1011, ""), "its end, which the page did not ask for (code 1011)", 1011},
		"kernel, no close frame": {kernelRoute, closing(0, ""), "its end, which the page did not ask for (no close frame)", 1006},
		"events, policy":         {eventsRoute, closing(1008, "no"), "its end, which the page did not ask for (code 1008 no)", 1008},
		"events, no close frame": {eventsRoute, closing(0, ""), "its end, which the page did not ask for (no close frame)", 1006},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(lab().with(c.where, c.lost).with("/user/jo-1/notebook", html(labPage+`<script>notebook(); document.querySelector(".jp-Notebook").remove()</script>`)))
			d.browser.rec.begin(limited(t, 20*time.Second))
			d.browser.rec.leave()
			began := time.Now()
			require.NoError(t, d.browser.navigate(limited(t, 20*time.Second), notebookURL))
			err := d.browser.rec.wait(limited(t, 20*time.Second), func() bool { return false })
			require.Less(t, time.Since(began), 3*time.Second)
			f, x := requireFault(t, d.tl, err, wire.SocketLost)
			require.Equal(t, c.got, f.Got)
			require.Equal(t, c.code, x.Close.Code)
			require.Equal(t, "to stay open", f.Want)
		})
	}
}

// What the page closes itself, and what is cut when it was long quiet, is no fault.
func TestSocketsThatThePageCloses(t *testing.T) {
	page := labPage + `<script>notebook(); setTimeout(() => {
		const own = new WebSocket(base + "kernels/k/channels?session_id=2"); own.onopen = () => own.close(1000, "bye"); }, 100)</script>`
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", html(page)))
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	ended := func() bool {
		for _, x := range d.tl.Exchanges() {
			if x.Open.Type == wire.TypeWebSocket && x.Close != nil {
				return true
			}
		}
		return false
	}
	require.NoError(t, d.browser.rec.wait(limited(t, 20*time.Second), ended))
	_, err := d.browser.RunAll(limited(t, 20*time.Second), 3)
	require.NoError(t, err)
	require.NoError(t, d.browser.Close(context.Background()))
}

// The page sees its websockets as they are.
func TestSocketsAreAsTheyWere(t *testing.T) {
	d := newDouble(t, Options{}, lab().with("/user/jo-1/", html(labPage+`<script>
		const s = new WebSocket(base + "events/subscribe"); s.onmessage = null;
		console.log(s instanceof WebSocket, WebSocket.OPEN, WebSocket.name, s.constructor === WebSocket || Object.getPrototypeOf(s) === WebSocket.prototype, typeof window.smokeSocket);
	</script>`)))
	require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
	require.NoError(t, d.browser.WaitLab(limited(t, 20*time.Second)))
	require.NoError(t, d.browser.Close(context.Background()))
	require.Equal(t, []string{"true 1 WebSocket true undefined"}, consoleOf(d.tl, "log"))
}

// The handshake that failed can be made by another client as the browser made it.
func TestHandshake(t *testing.T) {
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "username-hub", Value: "a-cookie-of-the-user-server", Path: "/user/jo-1/"})
		html(labPage+`<script>notebook()</script>`)(w, r)
	}).with(kernelRoute, status(403, "Cross origin websockets not allowed")))
	learnHub(d)
	_, ok := d.browser.Handshake(t.Context())
	require.False(t, ok, "nothing has failed")
	requireFault(t, d.tl, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL), wire.UpgradeRefused)
	h, ok := d.browser.Handshake(t.Context())
	require.True(t, ok)
	require.Equal(t, "ws://hub.test"+kernelRoute+"?session_id=smoke-1", h.URL)
	require.Equal(t, "http://hub.test", h.Header.Get("Origin"))
	require.Contains(t, h.Header.Get("Cookie"), "username-hub=")
	require.Equal(t, []string{kernelProtocol}, h.Subprotocols)
	require.NotContains(t, d.tl.Redactor().String(h.Header.Get("Cookie")), "a-cookie-of", "what leaves the browser is known to be secret")
}
