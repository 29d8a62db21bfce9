package jupyter_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/jupyter/message"
	"binderhub-smoke/smoke/wire"
)

// server is a client of a user server that is played by h.
func server(t *testing.T, h http.HandlerFunc) *jupyter.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	hub, err := url.Parse(s.URL)
	require.NoError(t, err)
	n := wire.NewNetwork(wire.Config{Timeline: wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(nil, hub), nil, wire.Limits{})})
	t.Cleanup(n.Close)
	return jupyter.NewServer(n, s.URL+"/user/x", "the-servers-token")
}

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

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// said is a message that the kernel publishes or answers, in the words of the tests: channel, type, content.
type said struct{ channel, typ, content string }

var (
	busy  = said{"iopub", "status", `{"execution_state":"busy"}`}
	idle  = said{"iopub", "status", `{"execution_state":"idle"}`}
	reply = said{"shell", "execute_reply", `{"status":"ok"}`}
)

func stream(text string) said {
	content, _ := json.Marshal(map[string]string{"name": "stdout", "text": text})
	return said{"iopub", "stream", string(content)}
}

// kernel plays a kernel: answer says what comes of a request.
type kernel struct {
	t      *testing.T
	conn   *websocket.Conn
	v1     bool
	parent message.Header
}

// send sends a message whose parent is p.
func (k *kernel) send(p message.Header, s said) {
	m := map[string]any{
		"channel": s.channel, "header": map[string]string{"msg_id": "k", "msg_type": s.typ}, "parent_header": p,
		"metadata": struct{}{}, "content": json.RawMessage(s.content),
	}
	data, _ := json.Marshal(m)
	if k.v1 {
		k.write(v1(s, p))
		return
	}
	k.write(string(data))
}

// write writes a text frame for a string, a binary one for bytes.
func (k *kernel) write(frame any) { _ = websocket.Message.Send(k.conn, frame) }

// channel opens the websocket of a kernel that does this with each request.
func channel(t *testing.T, framing bool, does func(k *kernel)) *jupyter.Channel {
	t.Helper()
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token the-servers-token" || !strings.HasPrefix(r.URL.Path, "/user/x/api/kernels/k1/channels") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		accept(w, r, framing, func(conn *websocket.Conn, data []byte) {
			if m, err := message.Decode(data, framing, framing); err == nil {
				does(&kernel{t, conn, framing, m.Header})
			}
		})
	})
	open := s.OpenLegacyChannel
	if framing {
		open = s.OpenChannel
	}
	c, err := open(within(t, 5*time.Second), "k1")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// accept accepts a websocket, with the binary framing or without a subprotocol, and hands over what comes. It is another
// library's server: the client's own would share its errors.
func accept(w http.ResponseWriter, r *http.Request, framing bool, each func(conn *websocket.Conn, data []byte)) {
	websocket.Server{
		Handshake: func(c *websocket.Config, _ *http.Request) error {
			c.Protocol = nil
			if framing {
				c.Protocol = []string{message.V1}
			}
			return nil
		},
		Handler: func(conn *websocket.Conn) {
			for {
				var data []byte
				if websocket.Message.Receive(conn, &data) != nil {
					return
				}
				each(conn, data)
			}
		},
	}.ServeHTTP(w, r)
}
