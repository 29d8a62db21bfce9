package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// heap watches this process's heap until the test ends, which fails when it grew by more than so many bytes meanwhile.
func heap(t *testing.T, most uint64) {
	t.Helper()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, stop, peak := inUse(), make(chan struct{}), make(chan uint64)
	go func() {
		for highest := before; ; {
			select {
			case <-stop:
				peak <- highest
				return
			case <-time.After(2 * time.Millisecond):
				highest = max(highest, inUse())
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		grown := <-peak - before
		t.Logf("the heap grew by %.1f MB at most", float64(grown)/1e6)
		require.Less(t, grown, most)
	})
}

// ask gets a page.
func ask(ctx context.Context, n *wire.Network, base string) error {
	_, err := n.Do(ctx, wire.Call{URL: base})
	return err
}

// follow reads an event stream to its end.
func follow(ctx context.Context, n *wire.Network, base string) error {
	s, err := n.Open(ctx, wire.Call{URL: base})
	if err != nil {
		return err
	}
	defer s.Close()
	for err == nil {
		_, err = s.Next(ctx)
	}
	return err
}

// listen reads a websocket to its end.
func listen(ctx context.Context, n *wire.Network, base string) error {
	s, _, err := n.Dial(ctx, wire.Handshake{URL: base})
	if err != nil {
		return err
	}
	defer s.Close()
	for err == nil {
		_, err = s.Read(ctx)
	}
	return err
}

// endlessly sends a text again and again behind a head, until nobody takes it any more.
func endlessly(head, text string) func(net.Conn) {
	many := strings.Repeat(text, 1+8192/len(text))
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, many)
		}
	}
}

// trickling sends a text byte by byte, and its last one for ever.
func trickling(text string) func(net.Conn) {
	return func(c net.Conn) {
		for i := 0; ; i = min(i+1, len(text)-1) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// bomb is gzip data of very many bytes.
func bomb(text string, times int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	many := strings.Repeat(text, 1+65536/len(text))
	for n := 0; n < times; n += len(many) {
		_, _ = io.WriteString(z, many)
	}
	_ = z.Close()
	return b.String()
}

// A hostile server can neither hang us nor make us grow: the time is the step's, or a bound of ours comes first.
func TestHostileServersAreBounded(t *testing.T) {
	const unzip = "Content-Encoding: gzip\r\n\r\n"
	aLine, manyEvents := bomb("x", 64<<20), bomb("data: x\n\n", 900_000)
	noise := func(c net.Conn, speak func(net.Conn)) {
		request(c)
		go func() { _, _ = io.Copy(io.Discard, c) }()
		speak(c)
	}
	opened := func(speak func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, accepted(request(c), ""))
			go func() { _, _ = io.Copy(io.Discard, c) }()
			speak(c)
		}
	}
	plain := func(speak func(net.Conn)) func(net.Conn) { return func(c net.Conn) { noise(c, speak) } }
	for name, c := range map[string]struct {
		speak func(net.Conn)
		do    func(context.Context, *wire.Network, string) error
		want  wire.Symptom // none: it ends in order
	}{
		"headers without end":        {plain(endlessly("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 1000)+"\r\n")), ask, wire.TooLarge},
		"one header without end":     {plain(endlessly("HTTP/1.1 200 OK\r\nX-A: ", "x")), ask, wire.TooLarge},
		"a status without end":       {plain(endlessly("HTTP/1.1 200 ", "x")), ask, wire.TooLarge},
		"interim answers for ever":   {plain(endlessly("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")), ask, wire.TooLarge},
		"a body without end":         {plain(endlessly("HTTP/1.1 200 OK\r\n\r\n", "x")), ask, ""},
		"a chunk without end":        {plain(endlessly("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", "x")), ask, ""},
		"trailers without end":       {plain(endlessly("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: x\r\n")), ask, wire.Malformed},
		"a gzip bomb":                {plain(func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+unzip+aLine) }), ask, ""},
		"slow headers":               {plain(trickling("HTTP/1.1 200 OK\r\nX-A: x")), ask, wire.Timeout},
		"a slow body":                {plain(trickling("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")), ask, wire.Timeout},
		"a slow stream":              {plain(trickling(streamHead + "\r\ndata: x")), follow, wire.Timeout},
		"a line without end":         {plain(endlessly(streamHead+"\r\ndata: ", "x")), follow, wire.TooLarge},
		"an event without end":       {plain(endlessly(streamHead+"\r\n", "data: x\n")), follow, wire.TooLarge},
		"a comment without end":      {plain(endlessly(streamHead+"\r\n:", "x")), follow, wire.TooLarge},
		"blank lines for ever":       {plain(endlessly(streamHead+"\r\n", "\n")), follow, wire.Timeout},
		"comments for ever":          {plain(endlessly(streamHead+"\r\n", ":x\n\n")), follow, wire.Timeout},
		"events for ever":            {plain(endlessly(streamHead+"\r\n", "data: x\n\n")), follow, wire.Timeout},
		"a bomb of a line":           {plain(func(c net.Conn) { _, _ = io.WriteString(c, streamHead+unzip+aLine) }), follow, wire.TooLarge},
		"a bomb of events":           {plain(func(c net.Conn) { _, _ = io.WriteString(c, streamHead+unzip+manyEvents) }), follow, ""},
		"100,000 events":             {plain(func(c net.Conn) { _, _ = io.WriteString(c, streamHead+"\r\n"+strings.Repeat("data: {}\n\n", 100_000)) }), follow, ""},
		"100,000 frames":             {opened(func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat(frame(1, "{}"), 100_000)+closing(1000, "")) }), listen, wire.SocketLost},
		"frames for ever":            {opened(endlessly("", frame(1, "{}"))), listen, wire.Timeout},
		"empty frames for ever":      {opened(endlessly("", frame(1, ""))), listen, wire.Timeout},
		"fragments for ever":         {opened(endlessly("\x01\x01x", "\x00\x01x")), listen, wire.Timeout},
		"empty fragments for ever":   {opened(endlessly("\x01\x01x", "\x00\x00")), listen, wire.Timeout},
		"pings for ever":             {opened(endlessly("", frame(9, "x"))), listen, wire.Timeout},
		"2 GB announced":             {opened(func(c net.Conn) { _, _ = c.Write(header(0x82, 2<<30)); endlessly("", "x")(c) }), listen, wire.TooLarge},
		"a slow frame":               {opened(trickling(string(header(0x82, 1<<20)) + "x")), listen, wire.Timeout},
		"a handshake without end":    {plain(endlessly("HTTP/1.1 101 Switching Protocols\r\n", "X-A: x\r\n")), listen, wire.TooLarge},
		"a refusal without end":      {plain(endlessly("HTTP/1.1 400 Bad Request\r\n\r\n", "x")), listen, wire.UpgradeRefused},
		"no stream, but a long page": {plain(endlessly("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n", "x")), follow, wire.Status},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, c.speak)
			n := network(t, base)
			heap(t, 64<<20)
			limit := time.Minute
			if c.want == wire.Timeout {
				limit = 500 * time.Millisecond
			}
			began := time.Now()
			err := c.do(within(t, limit), n, base)
			t.Logf("%v after %s", err, time.Since(began))
			if c.want == "" {
				require.True(t, err == nil || err == io.EOF, "%v", err)
			} else if err != context.DeadlineExceeded { // a reader whose time is over says only that
				require.Equal(t, c.want, fault(t, err).Symptom, err)
			} else {
				require.Equal(t, c.want, wire.Timeout)
			}
			require.LessOrEqual(t, len(only(t, n).Events)+len(only(t, n).Frames), 5000)
		})
	}
}

// Lengths that contradict each other are how requests are smuggled: no answer is made of them.
func TestContradictingLengths(t *testing.T) {
	for name, c := range map[string]struct {
		head string
		want wire.Symptom
		body string // of three bytes, or else chunked
	}{
		"two lengths":         {"Content-Length: 3\r\nContent-Length: 5\r\n", wire.Malformed, ""},
		"one that is a list":  {"Content-Length: 3, 5\r\n", wire.Malformed, ""},
		"the same twice":      {"Content-Length: 3\r\nContent-Length: 3\r\n", "", "abc"},
		"negative":            {"Content-Length: -3\r\n", wire.Malformed, ""},
		"no number":           {"Content-Length: 0x3\r\n", wire.Malformed, ""},
		"larger than any":     {"Content-Length: 99999999999999999999\r\n", wire.Malformed, ""},
		"a length and chunks": {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "", "hello"}, // RFC 9112 section 6.3: the length does not count
		"two encodings":       {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", wire.Malformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tail := "abc"
			if strings.Contains(c.head, "chunked") {
				tail = "5\r\nhello\r\n0\r\n\r\n"
			}
			base := serveRaw(t, says("HTTP/1.1 200 OK\r\n"+c.head+"\r\n"+tail))
			n := network(t, base)
			a, err := n.Do(within(t, 5*time.Second), wire.Call{Subject: "The page", URL: base})
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, c.body, string(a.Body))
				return
			}
			f := fault(t, err)
			require.Equal(t, c.want, f.Symptom, f)
			require.Contains(t, f.Error(), "The page at "+base+": expected ")
			require.Equal(t, c.want, only(t, n).Close.Symptom)
		})
	}
}

// What a server puts into every place that it can write to comes out as printable text.
func TestHostileWordsStayWords(t *testing.T) {
	const words = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\u202e\u009b31m"
	for name, c := range map[string]struct {
		speak func(net.Conn)
		do    func(context.Context, *wire.Network, string) error
	}{
		"reason":       {says("HTTP/1.1 500 " + words + "\r\nContent-Length: 0\r\n\r\n"), follow},
		"no HTTP":      {says(words + "\r\n\r\n"), ask},
		"content type": {says("HTTP/1.1 200 OK\r\nContent-Type: text/\u202e" + strings.Repeat("<b>", 9) + "\r\nContent-Length: 0\r\n\r\n"), follow},
		"encoding":     {says("HTTP/1.1 200 OK\r\nContent-Encoding: \u009b31m\u202e\r\nContent-Length: 1\r\n\r\nx"), ask},
		"redirect":     {says("HTTP/1.1 302 Found\r\nLocation: /\u202e\u009b\r\nContent-Length: 0\r\n\r\n"), follow},
		"close reason": {func(c net.Conn) { _, _ = io.WriteString(c, accepted(request(c), "")+closing(4000, words)) }, listen},
		"subprotocol": {func(c net.Conn) {
			_, _ = io.WriteString(c, accepted(request(c), "Sec-WebSocket-Protocol: \u009b\u202e\r\n"))
		}, listen},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, c.speak)
			n := network(t, base)
			err := c.do(within(t, 5*time.Second), n, base)
			for _, r := range fault(t, err).Error() {
				require.True(t, r >= ' ' && r != 0x7f && !(r >= 0x80 && r < 0xa0) && r != '\u202e', "%q in %q", r, err)
			}
			for r := range n.Timeline().Records() {
				require.NotContains(t, string(r.Data), "\x1b")
				require.NotContains(t, string(r.Data), "<script>", "a report that holds it as it is may be a page")
			}
		})
	}
}
