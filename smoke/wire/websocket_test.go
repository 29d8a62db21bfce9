package wire_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
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

// accepted answers a handshake with 101 and these further header lines.
func accepted(r *http.Request, lines string) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + lines + "\r\n"
}

// frame is a frame as a server sends it.
func frame(opcode byte, payload string) string {
	return string(header(0x80|opcode, uint64(len(payload)))) + payload
}

func header(first byte, size uint64) []byte {
	switch {
	case size < 126:
		return []byte{first, byte(size)}
	case size < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(size))
	}
	return binary.BigEndian.AppendUint64([]byte{first, 127}, size)
}

func closing(code uint16, reason string) string {
	return frame(8, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// socket opens a websocket whose server, after the handshake, goes on with speak.
func socket(t *testing.T, speak func(net.Conn)) (*wire.Socket, *wire.Network) {
	t.Helper()
	base := serveRaw(t, func(c net.Conn) {
		io.WriteString(c, accepted(request(c), ""))
		speak(c)
	})
	n := network(t, base)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // of the handshake only
	defer cancel()
	s, a, err := n.Dial(ctx, wire.Handshake{Subject: "The socket", URL: "ws" + base[len("http"):]})
	require.NoError(t, err)
	require.Equal(t, 101, a.Status)
	t.Cleanup(s.Close)
	return s, n
}

func TestSocketTalks(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) {
		r := request(c)
		require.Equal(t, "v1,v2", r.Header.Get("Sec-Websocket-Protocol"))
		require.Equal(t, "smoke-test/1", r.Header.Get("User-Agent"))
		io.WriteString(c, accepted(r, "Sec-WebSocket-Protocol: v2\r\n")+frame(1, "hel")[:0]+string([]byte{0x01, 3})+"hel"+frame(9, "are you there")+string([]byte{0x80, 2})+"lo")
		io.Copy(io.Discard, c)
	})
	n := network(t, base)
	ctx := wire.WithStep(within(t, 5*time.Second), "kernel", "channel")
	s, _, err := n.Dial(ctx, wire.Handshake{URL: base, Subprotocols: []string{"v1", "v2"}})
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, "v2", s.Subprotocol())
	m, err := s.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, wire.Message{Data: []byte("hello")}, m)
	require.NoError(t, s.Write(ctx, wire.Message{Binary: true, Data: []byte("token=abcdefgh and more")}))
	require.Positive(t, s.LastFrame())
	require.GreaterOrEqual(t, s.LastByte(), s.LastFrame())
	_, closed := s.CloseFrame()
	require.False(t, closed)
	require.Nil(t, only(t, n).Close)
	s.Close()

	x := only(t, n)
	require.True(t, x.Opened())
	require.Equal(t, "channel", x.Step)
	said := map[wire.Direction][]string{} // the pong may be sent before or after the next message is read
	for _, f := range x.Frames {
		said[f.Direction] = append(said[f.Direction], fmt.Sprint(f.Opcode, " ", f.Size, " ", f.Data))
	}
	require.Equal(t, []string{"9 13 are you there", "1 5 hello"}, said[wire.Received])
	require.Equal(t, []string{"10 13 are you there", "2 23 token=" + wire.Redacted + " and more", "8 2 1000 "}, said[wire.Sent])
	require.Equal(t, "open request tcp response frame frame frame frame frame close", kinds(n))
	require.Empty(t, x.Close.Symptom)
}

func TestRefusedHandshakes(t *testing.T) {
	ok := func(lines string) func(r *http.Request) string {
		return func(r *http.Request) string { return accepted(r, lines) }
	}
	plain := func(answer string) func(*http.Request) string { return func(*http.Request) string { return answer } }
	for name, c := range map[string]struct {
		answer func(*http.Request) string
		want   wire.Symptom
		status int
		body   string
	}{
		"400":                   {plain("HTTP/1.1 400 Bad Request\r\nContent-Length: 34\r\n\r\nCan \"Upgrade\" only to \"WebSocket\"."), wire.UpgradeRefused, 400, `Can "Upgrade" only to "WebSocket".`},
		"302":                   {plain("HTTP/1.1 302 Found\r\nLocation: /hub/login\r\nContent-Length: 0\r\n\r\n"), wire.UpgradeRefused, 302, ""},
		"503 without reason":    {plain("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n"), wire.UpgradeRefused, 503, ""},
		"bad accept key":        {plain("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm8=\r\n\r\n"), wire.Malformed, 101, ""},
		"unoffered subprotocol": {ok("Sec-WebSocket-Protocol: v9\r\n"), wire.Malformed, 101, ""},
		"unoffered compression": {ok("Sec-WebSocket-Extensions: permessage-deflate\r\n"), wire.Malformed, 101, ""},
		"no websocket":          {plain("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), wire.Malformed, 101, ""},
		"nothing":               {plain(""), wire.Timeout, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := serveRaw(t, func(conn net.Conn) {
				io.WriteString(conn, c.answer(request(conn)))
				io.Copy(io.Discard, conn) // the connection stays open
			})
			n := network(t, base)
			began := time.Now()
			s, a, err := n.Dial(within(t, 500*time.Millisecond), wire.Handshake{URL: base, Subprotocols: []string{"v1"}})
			require.Nil(t, s)
			require.Equal(t, c.want, fault(t, err).Symptom, err)
			require.Less(t, time.Since(began), time.Second, "fails at the first proof")
			x := only(t, n)
			require.Equal(t, c.want, x.Close.Symptom)
			if c.status == 0 {
				require.Nil(t, a)
				return
			}
			require.Equal(t, c.status, a.Status)
			require.Equal(t, c.body, string(a.Body))
			require.Equal(t, c.status, x.Response.Status)
		})
	}
}

func TestSubprotocolNotChosen(t *testing.T) {
	s, _ := socket(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	require.Empty(t, s.Subprotocol())
}

func TestSocketsThatEnd(t *testing.T) {
	for name, c := range map[string]struct {
		speak func(net.Conn)
		want  wire.Symptom
		code  int
		got   string
	}{
		"FIN":               {func(c net.Conn) {}, wire.SocketLost, 1006, "without a close frame"},
		"FIN in a frame":    {func(c net.Conn) { io.WriteString(c, frame(1, "hello")[:4]) }, wire.SocketLost, 1006, "without a close frame"},
		"RST":               {reset, wire.SocketLost, 1006, "reset"},
		"close 1000":        {func(c net.Conn) { io.WriteString(c, closing(1000, "bye")) }, wire.SocketLost, 1000, "1000 bye"},
		"close 1001":        {func(c net.Conn) { io.WriteString(c, closing(1001, "")) }, wire.SocketLost, 1001, "1001"},
		"close 1011":        {func(c net.Conn) { io.WriteString(c, closing(1011, "kernel died")) }, wire.SocketLost, 1011, "1011 kernel died"},
		"close 4000":        {func(c net.Conn) { io.WriteString(c, closing(4000, "")) }, wire.SocketLost, 4000, "4000"},
		"close empty":       {func(c net.Conn) { io.WriteString(c, frame(8, "")) }, wire.SocketLost, 1005, "1005"},
		"close of one byte": {func(c net.Conn) { io.WriteString(c, frame(8, "x")) }, wire.Malformed, 1006, "no websocket"},
		"2 GB announced": {func(c net.Conn) { c.Write(header(0x82, 2<<30)); io.Copy(io.Discard, c) },
			wire.TooLarge, 1006, "larger than 16777216 bytes"},
		"negative length": {func(c net.Conn) { c.Write(header(0x82, 1<<63)); io.Copy(io.Discard, c) }, wire.TooLarge, 1006, "larger"},
		"many fragments": {func(c net.Conn) {
			part, err := frame(0, strings.Repeat("x", 1<<20)), error(nil)
			for first := byte(2); err == nil; first = 0 {
				_, err = io.WriteString(c, string(first)+part[1:])
			}
		}, wire.TooLarge, 1006, "larger"},
		"masked frame":   {func(c net.Conn) { io.WriteString(c, "\x81\x82abcdxx"); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "masked"},
		"reserved bits":  {func(c net.Conn) { io.WriteString(c, "\xf1\x01x"); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "rsv"},
		"unknown opcode": {func(c net.Conn) { io.WriteString(c, frame(5, "x")); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "opcode"},
		"no first frame": {func(c net.Conn) { io.WriteString(c, frame(0, "x")); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "continuation"},
		"large ping":     {func(c net.Conn) { c.Write(header(0x89, 5000)); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "control frame"},
		"an HTML page":   {func(c net.Conn) { io.WriteString(c, "<html>nginx</html>"); io.Copy(io.Discard, c) }, wire.Malformed, 1006, "no websocket"},
	} {
		t.Run(name, func(t *testing.T) {
			s, n := socket(t, c.speak)
			_, err := s.Read(within(t, 3*time.Second))
			f := fault(t, err)
			require.Equal(t, c.want, f.Symptom, f)
			require.Contains(t, f.Got, c.got)
			x := only(t, n)
			require.Equal(t, c.want, x.Close.Symptom)
			require.Equal(t, c.code, x.Close.Code)
			_, closed := s.CloseFrame()
			require.Equal(t, strings.HasPrefix(name, "close"), closed)
			_, again := s.Read(t.Context())
			require.Equal(t, err, again)
			require.Error(t, s.Write(t.Context(), wire.Message{Data: []byte("x")}))
		})
	}
}

func TestMessagesBeforeTheEndAreRead(t *testing.T) {
	s, _ := socket(t, func(c net.Conn) { io.WriteString(c, frame(1, "a")+frame(2, "b")+closing(1000, "")) })
	time.Sleep(50 * time.Millisecond)
	for _, want := range []string{"a", "b"} {
		m, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, string(m.Data))
	}
	_, err := s.Read(t.Context())
	require.Equal(t, wire.SocketLost, fault(t, err).Symptom)
}

func TestLargeMessages(t *testing.T) {
	big := strings.Repeat("x", 16<<20)
	s, n := socket(t, func(c net.Conn) { io.WriteString(c, frame(1, big)); io.Copy(io.Discard, c) })
	m, err := s.Read(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Len(t, m.Data, len(big))
	f := only(t, n).Frames[0]
	require.Equal(t, len(big), f.Size)
	require.Len(t, f.Data, 512)
}

// A user that does not read holds the server back; the memory of what waits is bounded.
func TestSlowSocketReader(t *testing.T) {
	const many, size = 60, 1 << 20
	sent := make(chan int, many)
	s, _ := socket(t, func(c net.Conn) {
		for i := range many {
			if _, err := io.WriteString(c, frame(2, strings.Repeat("x", size))); err != nil {
				return
			}
			sent <- i
		}
		io.Copy(io.Discard, c)
	})
	time.Sleep(500 * time.Millisecond)
	require.Less(t, len(sent), many) // what waits here, and in the kernel's buffers
	ctx := within(t, 20*time.Second)
	for range many {
		m, err := s.Read(ctx)
		require.NoError(t, err)
		require.Len(t, m.Data, size)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	s, _ := socket(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := s.Read(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, s.Write(t.Context(), wire.Message{Data: []byte("still open")}))
}

func TestSocketOutlivesTheStepThatOpenedIt(t *testing.T) {
	base := serveRaw(t, func(c net.Conn) {
		io.WriteString(c, accepted(request(c), ""))
		b := bufio.NewReader(c)
		b.ReadByte()
		io.WriteString(c, frame(1, "later"))
		io.Copy(io.Discard, b)
	})
	ctx, cancel := context.WithCancel(t.Context())
	s, _, err := network(t, base).Dial(ctx, wire.Handshake{URL: base})
	require.NoError(t, err)
	defer s.Close()
	cancel()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, s.Write(t.Context(), wire.Message{Data: []byte("x")}))
	m, err := s.Read(within(t, 3*time.Second))
	require.NoError(t, err)
	require.Equal(t, "later", string(m.Data))
}

func TestWriteToAPeerThatDoesNotRead(t *testing.T) {
	s, _ := socket(t, func(c net.Conn) { time.Sleep(2 * time.Second) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	var err error
	for err == nil {
		err = s.Write(ctx, wire.Message{Binary: true, Data: make([]byte, 4<<20)})
	}
	require.Equal(t, wire.Timeout, fault(t, err).Symptom)
	require.Less(t, time.Since(began), time.Second)
}

// A peer that does not answer our close frame, or goes on sending, is waited for one second.
func TestHungClose(t *testing.T) {
	for name, speak := range map[string]func(net.Conn){
		"silent": func(c net.Conn) { io.Copy(io.Discard, c) },
		"deaf":   func(c net.Conn) { time.Sleep(3 * time.Second) },
		"talking": func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, frame(1, "x")); err != nil {
					return
				}
			}
		},
		"in frame": func(c net.Conn) { c.Write(header(0x82, 1<<20)); io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			s, n := socket(t, speak)
			began := time.Now()
			s.Close()
			s.Close()
			require.Less(t, time.Since(began), 2*time.Second)
			require.Empty(t, only(t, n).Close.Symptom)
			_, err := s.Read(t.Context())
			for err == nil {
				_, err = s.Read(t.Context())
			}
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestPingFloodIsBounded(t *testing.T) {
	s, n := socket(t, func(c net.Conn) {
		go func() {
			io.WriteString(c, strings.Repeat(frame(9, "x"), 6_000)+frame(1, "done"))
		}()
		io.Copy(io.Discard, c)
	})
	_, err := s.Read(within(t, 20*time.Second))
	require.NoError(t, err)
	require.LessOrEqual(t, len(only(t, n).Frames), 5000)
	require.Positive(t, n.Timeline().Dropped())
	require.Equal(t, wire.NoteDropped, only(t, n).Notes[0].Name)
}
