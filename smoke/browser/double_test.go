package browser

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// The doubles of these tests: a BinderHub, a user server and a third party, each small enough to see the fault inside it.
const (
	binderURL = "http://binder.test/"
	launchURL = binderURL + "v2/gh/owner/repo/HEAD"
	serverURL = "http://hub.test/user/jo-1/"
	token     = "s3cret-token-of-the-user-server"
)

// double is one server for all host names; each test gives it the handler that holds its fault.
type double struct {
	server  *httptest.Server
	handler atomic.Pointer[http.Handler]
	browser *Browser
	tl      *wire.Timeline
	resolve map[string]string
}

func needsChromium(t *testing.T) {
	t.Helper()
	if _, err := find(); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
}

func newTimeline(binder, hub string) *wire.Timeline {
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		if s == "" || err != nil {
			return nil
		}
		return u
	}
	return wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(parse(binder), parse(hub)), nil, wire.Limits{})
}

// newDouble starts a double and a browser that finds it under every name of these tests.
func newDouble(t *testing.T, o Options, handler http.Handler) *double {
	t.Helper()
	needsChromium(t)
	d := &double{tl: newTimeline(binderURL, "")}
	d.handler.Store(&handler)
	d.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		(*d.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(d.server.CloseClientConnections)
	o.Timeline = d.tl
	o.Resolve = map[string]string{}
	d.resolve = o.Resolve
	for _, host := range []string{"binder.test", "hub.test", "third.test"} {
		o.Resolve[host+":80"] = d.server.Listener.Addr().String()
	}
	var err error
	d.browser, err = Start(t.Context(), o)
	require.NoError(t, err)
	d.browser.rec.patience = 3 * time.Second // a busy machine is slow to tell of an answer's end; no page has asked for anything yet
	t.Cleanup(func() { require.NoError(t, d.browser.Close(context.Background())) })
	return d
}

func (d *double) serve(h http.Handler) { d.handler.Store(&h) }

// limited is a step's context; no fault of these tests may need its time.
func limited(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(wire.WithStep(t.Context(), "notebook", "test"), d)
	t.Cleanup(cancel)
	return ctx
}

// requireFault asserts a fault, that its first exchange is in the timeline, and returns both.
func requireFault(t *testing.T, tl *wire.Timeline, err error, symptom wire.Symptom) (*wire.Fault, *wire.Exchange) {
	t.Helper()
	var f *wire.Fault
	require.ErrorAs(t, err, &f)
	require.Equal(t, symptom, f.Symptom, f.Error())
	require.NotEmpty(t, f.Subject, f.Want, f.Got)
	require.NotContains(t, f.Error(), token)
	if len(f.Exchanges) == 0 {
		return f, nil
	}
	for _, x := range tl.Exchanges() {
		if x.ID == f.Exchanges[0] {
			return f, x
		}
	}
	require.Fail(t, "the exchange that proves the fault is not in the timeline")
	return nil, nil
}

// routes is a mux of handlers by host and path, with 404 for the rest.
type routes map[string]http.HandlerFunc

func (rs routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, key := range []string{r.Host + r.URL.Path, r.URL.Path} {
		if h := rs[key]; h != nil {
			h(w, r)
			return
		}
	}
	http.NotFound(w, r)
}

// with returns a copy with one handler replaced.
func (rs routes) with(key string, h http.HandlerFunc) routes {
	out := routes{key: h}
	for k, v := range rs {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func html(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><link rel=icon href=data:,>"+body)
	}
}

func script(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, body)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// events sends an event stream, one event each 20 ms, and then ends it or holds it open.
func events(hold bool, data ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, d := range data {
			fmt.Fprintf(w, "data: %s\n\n", d)
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond) // the pace of the double, not a wait for anything
		}
		if hold {
			<-r.Context().Done()
		}
	}
}

const (
	building = `{"phase":"building","message":"Step 1/2\n"}`
	ready    = `{"phase":"ready","message":"server running\n","url":"` + serverURL + `","token":"` + token + `"}`
)

// binderhub is a page that fetches its stream and goes to the server as BinderHub's does.
func binderhub() routes {
	return routes{
		"binder.test/v2/gh/owner/repo/HEAD":    html(`<div id=root></div><script src=/static/dist/bundle.js></script>`),
		"binder.test/static/dist/bundle.js":    script(bundle),
		"binder.test/build/gh/owner/repo/HEAD": events(false, building, ready),
		"hub.test/user/jo-1/": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/user/jo-1/lab?"+r.URL.RawQuery, http.StatusFound)
		},
		"hub.test/user/jo-1/lab": html(`<title>JupyterLab</title>`),
	}
}

const bundle = `
document.querySelector("#root").innerHTML = "<div id=loader></div><h4>Launching your Binder...</h4><div id=terminal></div>";
(async () => {
  try {
    const res = await fetch("/build/gh/owner/repo/HEAD", {headers: {Accept: "text/event-stream"}});
    const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", part; !(part = await reader.read()).done; ) {
      text += part.value;
      for (let i; (i = text.indexOf("\n\n")) >= 0; text = text.slice(i + 2)) {
        const ev = JSON.parse(text.slice(6, i));
        document.querySelector("#terminal").append(ev.message || "");
        if (ev.phase === "ready") location.href = ev.url + "?token=" + ev.token;
        if (ev.phase === "failed") throw new Error("failed");
      }
    }
  } catch (e) { document.querySelector("#loader").className = "error"; }
})();`

// socketHandler answers a websocket handshake as a server does and hands over the connection.
func socketHandler(serve func(*socketConn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			serve(overHTTP2(w, r))
			return
		}
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		serve(&socketConn{conn, buf.Reader})
	}
}

// socketConn speaks just enough of RFC 6455 for these tests: unfragmented text frames.
type socketConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *socketConn) send(text string) {
	head := []byte{0x81, 126, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(len(text)))
	if len(text) < 126 {
		head = []byte{0x81, byte(len(text))}
	}
	c.Write(append(head, text...))
}

func (c *socketConn) receive() ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	if head[0]&0xf != 1 {
		return nil, errors.New("not a text frame")
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		var ext [2]byte
		io.ReadFull(c.r, ext[:])
		size = int(binary.BigEndian.Uint16(ext[:]))
	}
	data := make([]byte, 4+size)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return nil, err
	}
	for i := range size {
		data[4+i] ^= data[i%4]
	}
	return data[4:], nil
}

// answer is what the kernel's double says to a request.
type answer struct {
	Type    string
	Content any
}

// kernelDouble answers the messages of a websocket. reply returns nil to fall silent, and an answer of type "hang up" ends
// the connection.
func kernelDouble(reply func(typ, code string) []answer) http.HandlerFunc {
	return socketHandler(func(c *socketConn) {
		for {
			data, err := c.receive()
			if err != nil {
				return
			}
			var m struct {
				Header  map[string]string
				Content struct{ Code string }
			}
			json.Unmarshal(data, &m)
			for i, a := range reply(m.Header["msg_type"], m.Content.Code) {
				if a.Type == "hang up" {
					return
				}
				out, _ := json.Marshal(map[string]any{
					"channel": "iopub", "header": map[string]string{"msg_id": fmt.Sprintf("%s-%d", m.Header["msg_id"], i), "msg_type": a.Type},
					"parent_header": m.Header, "content": a.Content,
				})
				c.send(string(out))
			}
		}
	})
}

func state(s string) answer { return answer{"status", map[string]string{"execution_state": s}} }

// healthy is how a kernel answers.
func healthy(typ, code string) []answer {
	switch typ {
	case "kernel_info_request":
		return []answer{state("busy"), {"kernel_info_reply", map[string]string{"status": "ok"}}, state("idle")}
	case "execute_request":
		return []answer{
			state("busy"), {"stream", map[string]string{"name": "stdout", "text": "ran " + code + "\n"}},
			{"execute_reply", map[string]any{"status": "ok", "execution_count": 1}}, state("idle"),
		}
	}
	return nil
}

// lab is a user server whose page has the landmarks of JupyterLab, and its menus' need of a mouse that moves.
func lab() routes {
	return routes{
		"/user/jo-1/":                       html(labPage),
		"/user/jo-1/lab":                    html(labPage),
		"/user/jo-1/notebook":               html(labPage + `<script>notebook()</script>`),
		"/user/jo-1/api/events/subscribe":   socketHandler(func(c *socketConn) { io.Copy(io.Discard, c) }),
		"/user/jo-1/api/kernels/k/channels": kernelDouble(healthy),
		saveRoute:                           func(http.ResponseWriter, *http.Request) {},
	}
}

const labPage = `<body class=jp-LabShell><div id=main><span class=lm-MenuBar-item>File</span> <span class=lm-MenuBar-item>Run</span></div>
<div class=lm-Menu hidden><span data-command="docmanager:save">Save</span></div>
<div class=lm-Menu hidden><span>Run Selected</span> <span data-command="runmenu:run-all">Run All</span></div><script>
const base = location.origin.replace("http", "ws") + "/user/jo-1/api/";
new WebSocket(base + "events/subscribe");
const [save, item] = document.querySelectorAll("[data-command]");
let moved = false;
save.onmousemove = item.onmousemove = () => moved = true;
document.querySelectorAll(".lm-MenuBar-item").forEach((title, i) => title.onclick = () => {
  moved = false;
  document.querySelectorAll(".lm-Menu").forEach((menu, k) => menu.hidden = i !== k);
});
save.onclick = () => moved && fetch("/user/jo-1/api/contents/a%20dir/n.ipynb?1", {method: "PUT", body: "{}"});
function notebook() {
  document.body.insertAdjacentHTML("beforeend", ["a", "b", "c"].map((c) =>
    '<div class=jp-Notebook><div class=jp-CodeCell><div class=cm-content>' + c + '</div><div class=jp-OutputArea-output></div></div></div>').join(""));
  const kernel = new WebSocket(base + "kernels/k/channels?session_id=1");
  let n = 0;
  const send = (msg_type, content) => kernel.send(JSON.stringify({channel: "shell", header: {msg_id: "m" + n++, msg_type}, parent_header: {}, content}));
  kernel.onopen = () => send("kernel_info_request", {});
  kernel.onmessage = (ev) => {
    const m = JSON.parse(ev.data);
    if (m.header.msg_type === "stream") document.querySelectorAll(".jp-OutputArea-output")[+m.parent_header.msg_id.slice(1) - 1].append(m.content.text);
  };
  item.onclick = () => moved && document.querySelectorAll(".cm-content").forEach((c) =>
    send("execute_request", {code: c.textContent, silent: false, store_history: true}));
}
</script>`
