package jupyter_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"binderhub-smoke/smoke/jupyter/message"
	"binderhub-smoke/smoke/wire"
)

// v1 is a message in the binary framing, as the server writes it.
func v1(s said, parent message.Header) []byte {
	p, _ := json.Marshal(parent)
	parts := []string{s.channel, `{"msg_id":"k","msg_type":"` + s.typ + `"}`, string(p), "{}", s.content}
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(parts)+1))
	at := uint64(8 * (len(parts) + 2))
	frame = binary.LittleEndian.AppendUint64(frame, at)
	for _, part := range parts {
		at += uint64(len(part))
		frame = binary.LittleEndian.AppendUint64(frame, at)
	}
	return append(frame, strings.Join(parts, "")...)
}

// says is a kernel that answers each request with these messages.
func says(all ...said) func(*kernel) {
	return func(k *kernel) {
		for _, s := range all {
			k.send(k.parent, s)
		}
	}
}

func TestExecute(t *testing.T) {
	for _, framing := range []bool{true, false} {
		for name, answers := range map[string][]said{
			"reply first": {busy, stream("hel"), stream("lo"), reply, idle},
			"idle first":  {busy, stream("hello"), idle, reply},
		} {
			t.Run(fmt.Sprint(name, framing), func(t *testing.T) {
				c := channel(t, framing, says(answers...))
				require.Equal(t, framing, c.Subprotocol() == message.V1)
				for range 2 {
					out, err := c.Execute(within(t, 5*time.Second), "print('hello')")
					require.NoError(t, err)
					require.Equal(t, "ok", out.Status)
					require.Equal(t, "hello", out.Text)
				}
				require.NoError(t, c.Info(within(t, 5*time.Second)))
			})
		}
	}
}

// The server asks the kernel itself when a channel opens; what comes of that is not ours.
func TestOtherParentsAreIgnored(t *testing.T) {
	other := message.Header{MsgID: "someone else"}
	c := channel(t, true, func(k *kernel) {
		for _, s := range []said{busy, stream("not ours"), reply, idle} {
			k.send(other, s)
		}
		says(busy, stream("ours"), reply)(k)
		k.send(other, idle)
		k.send(k.parent, idle)
	})
	out, err := c.Execute(within(t, 5*time.Second), "x")
	require.NoError(t, err)
	require.Equal(t, "ours", out.Text)
}

func TestCellsThatFail(t *testing.T) {
	c := channel(t, true, says(busy, stream("before"), said{"iopub", "error", `{"ename":"NameError","evalue":"name 'x' is not defined"}`},
		said{"shell", "execute_reply", `{"status":"error"}`}, idle))
	out, err := c.Execute(within(t, 5*time.Second), "x")
	require.NoError(t, err)
	require.Equal(t, "error", out.Status)
	require.Equal(t, "before", out.Text)
	require.Equal(t, "NameError: name 'x' is not defined", out.Error)
}

func TestResultsAreText(t *testing.T) {
	c := channel(t, false, says(said{"iopub", "execute_result", `{"data":{"text/plain":"42","text/html":"<b>42</b>"}}`},
		said{"iopub", "display_data", `{"data":{"text/plain":["a list"]}}`}, said{"iopub", "execute_input", `{"code":"6*7"}`}, reply, idle))
	out, err := c.Execute(within(t, 5*time.Second), "6*7")
	require.NoError(t, err)
	require.Equal(t, "42", out.Text)
}

func TestOutputIsBounded(t *testing.T) {
	part := strings.Repeat("ö", 200<<10)
	c := channel(t, true, says(stream(part), stream(part), stream("x"+part), stream(part), reply, idle))
	out, err := c.Execute(within(t, 20*time.Second), "x")
	require.NoError(t, err)
	require.LessOrEqual(t, len(out.Text), 1<<20)
	require.Greater(t, len(out.Text), 1<<19)
}

func TestDeadKernel(t *testing.T) {
	for _, state := range []string{"dead", "restarting"} {
		c := channel(t, true, func(k *kernel) {
			k.send(message.Header{}, said{"iopub", "status", `{"execution_state":"` + state + `"}`})
		})
		_, err := c.Execute(within(t, 5*time.Second), "x")
		require.Equal(t, wire.KernelDead, fault(t, err).Symptom)
		require.Contains(t, fault(t, err).Got, state)
	}
}

func TestNoReply(t *testing.T) {
	for got, answers := range map[string][]said{
		"no reply on the shell channel":  {busy, stream("x"), idle},
		"a reply, but no idle status":    {busy, reply},
		"no reply on the shell channel ": {},
	} {
		c := channel(t, true, says(answers...))
		_, err := c.Execute(within(t, 200*time.Millisecond), "x")
		f := fault(t, err)
		require.Equal(t, wire.NoReply, f.Symptom)
		require.Contains(t, f.Got, strings.TrimSpace(got))
		require.Contains(t, f.Want, "execute_request")
	}
}

func TestFramesThatAreNoMessages(t *testing.T) {
	for name, send := range map[string]func(k *kernel){
		"text frame": func(k *kernel) { k.write(`{"channel":"iopub"}`) },
		"short":      func(k *kernel) { k.write([]byte{1, 2, 3}) },
		"huge count": func(k *kernel) {
			k.write(binary.LittleEndian.AppendUint64(nil, 1<<62))
		},
	} {
		c := channel(t, true, send)
		_, err := c.Execute(within(t, 5*time.Second), "x")
		require.Equal(t, wire.Malformed, fault(t, err).Symptom, name)
	}
	c := channel(t, false, func(k *kernel) { k.write("hello") })
	_, err := c.Execute(within(t, 5*time.Second), "x")
	require.Equal(t, wire.Malformed, fault(t, err).Symptom)
}

func TestChannelLost(t *testing.T) {
	c := channel(t, true, func(k *kernel) { _ = k.conn.WriteClose(1011) })
	_, err := c.Execute(within(t, 5*time.Second), "x")
	require.Equal(t, wire.SocketLost, fault(t, err).Symptom)
	require.Contains(t, fault(t, err).Got, "1011")
}

// A server that does not choose the offered subprotocol: browsers drop the connection, so a proxy that strips the header
// breaks every notebook.
func TestSubprotocolLost(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		accept(w, r, false, func(*websocket.Conn, []byte) {})
	})
	_, err := s.OpenChannel(within(t, 5*time.Second), "k1")
	require.Equal(t, wire.SubprotocolLost, fault(t, err).Symptom)
}

func TestChannelRefused(t *testing.T) {
	s := server(t, answering(http.StatusBadRequest, "text/plain", `Can "Upgrade" only to "WebSocket".`))
	_, err := s.OpenChannel(within(t, 5*time.Second), "k1")
	f := fault(t, err)
	require.Equal(t, wire.UpgradeRefused, f.Symptom)
	require.Contains(t, f.Got, "400 Bad Request")
}
