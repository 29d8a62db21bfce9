package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"binderhub-smoke/smoke/jupyter/message"
	"binderhub-smoke/smoke/wire"
)

// Channel is the websocket of a kernel. It is used by one goroutine at a time.
type Channel struct {
	socket  *wire.Socket
	session string
	v1      bool
}

// OpenChannel opens the websocket of a kernel as a script does: by token, offering the binary framing. The server holds the
// handshake until the kernel answers, up to 60 s. Source: jupyter_server/services/kernels/websocket.py.
func (s *Server) OpenChannel(ctx context.Context, kernelID string) (*Channel, error) {
	return s.open(ctx, "The kernel's websocket", s.at, kernelID, s.header(), message.V1)
}

// OpenLegacyChannel is OpenChannel in the older JSON framing: no subprotocol is offered.
func (s *Server) OpenLegacyChannel(ctx context.Context, kernelID string) (*Channel, error) {
	return s.open(ctx, "The kernel's websocket, in the older framing,", s.at, kernelID, s.header())
}

// open opens a kernel's websocket. A server that was offered a subprotocol must choose it: browsers drop the connection
// when it does not.
func (s *Server) open(ctx context.Context, subject string, url func(string) string, kernelID string, header http.Header, subprotocols ...string) (*Channel, error) {
	session := uuid.NewString() // never one that was used before: a lingering socket of the same session answers 500
	at := url("api/kernels/" + kernelID + "/channels?session_id=" + session)
	socket, _, err := s.net.Dial(ctx, wire.Handshake{
		Subject: subject, URL: at, Header: header, Subprotocols: subprotocols,
	})
	if err != nil {
		return nil, err
	}
	if len(subprotocols) > 0 && socket.Subprotocol() == "" {
		defer socket.Close()
		return nil, socket.Fault(wire.SubprotocolLost, "101 with Sec-WebSocket-Protocol "+subprotocols[0], "101 without it; browsers drop such a connection")
	}
	return &Channel{socket: socket, session: session, v1: socket.Subprotocol() == message.V1}, nil
}

// Close closes the websocket; the kernel lives on.
func (c *Channel) Close() { c.socket.Close() }

// Socket is the channel's websocket.
func (c *Channel) Socket() *wire.Socket { return c.socket }

// Subprotocol is what the server chose: message.V1, or empty for the older framing.
func (c *Channel) Subprotocol() string { return c.socket.Subprotocol() }

// Output is what a request came to: its reply, and what the kernel published because of it.
type Output struct {
	Status string         // of the reply: "ok", "error" or "aborted"
	Text   string         // of the streams and of text/plain results, in order; at most 1 MiB
	Error  string         // "NameError: …" when the cell raised
	Data   map[string]int // bytes of displayed data by MIME type, as JSON has them
}

// maxOutput bounds the text that is kept of one request, in bytes.
const maxOutput = 1 << 20

// Info asks the kernel what it is; its answer shows that the kernel is alive on both shell and iopub.
func (c *Channel) Info(ctx context.Context) error {
	_, err := c.request(ctx, "kernel_info_request", struct{}{}, func() {})
	return err
}

// Execute runs code and returns when the kernel has both replied and become idle: the two may come in either order.
func (c *Channel) Execute(ctx context.Context, code string) (Output, error) {
	return c.ExecuteUntilOutput(ctx, code, func() {})
}

// ExecuteUntilOutput is Execute for code that runs until it is stopped: shown is called once its first output has come.
func (c *Channel) ExecuteUntilOutput(ctx context.Context, code string, shown func()) (Output, error) {
	return c.request(ctx, "execute_request", map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": struct{}{}, "allow_stdin": false,
		"stop_on_error": true,
	}, sync.OnceFunc(shown))
}

// request sends a message on the shell channel and gathers what comes of it. shown is called after each output.
func (c *Channel) request(ctx context.Context, msgType string, content any, shown func()) (Output, error) {
	id, err := c.send(ctx, msgType, content)
	if err != nil {
		return Output{}, err
	}
	var out gathering
	for replied, idle := false, false; !replied || !idle; {
		m, err := c.receive(ctx, msgType, replied)
		if err != nil {
			return out.output(), err
		}
		if state := m.state(); state == "dead" || state == "restarting" {
			return out.output(), c.socket.Fault(wire.KernelDead, "a kernel that answers "+msgType, "status "+state)
		}
		if m.Parent.MsgID != id {
			continue // of the server's own questions to the kernel
		}
		idle = idle || m.state() == "idle"
		replied = replied || m.Channel == "shell"
		out.add(m)
		if out.text.Len() > 0 {
			shown()
		}
	}
	return out.output(), nil
}

func (c *Channel) send(ctx context.Context, msgType string, content any) (string, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("the content of %s cannot be JSON: %w", msgType, err)
	}
	m := message.Message{Channel: "shell", Content: body, Header: message.Header{
		MsgID: uuid.NewString(), Session: c.session, Username: "smoke", Date: time.Now().UTC().Format(time.RFC3339Nano),
		MsgType: msgType, Version: "5.3",
	}}
	data, err := message.Encode(m, c.v1)
	if err != nil {
		return "", err
	}
	return m.Header.MsgID, c.socket.Write(ctx, wire.Message{Binary: c.v1, Data: data})
}

// kernelMessage is a message with what we read of its content.
type kernelMessage struct {
	message.Message
	content struct {
		ExecutionState string                     `json:"execution_state"`
		Status         string                     `json:"status"`
		Text           string                     `json:"text"`
		EName          string                     `json:"ename"`
		EValue         string                     `json:"evalue"`
		Data           map[string]json.RawMessage `json:"data"`
	}
}

func (m *kernelMessage) state() string {
	if m.Header.MsgType != "status" {
		return ""
	}
	return m.content.ExecutionState
}

// receive reads the next message. When ctx ends first, the fault says what was still missing.
func (c *Channel) receive(ctx context.Context, msgType string, replied bool) (*kernelMessage, error) {
	data, err := c.socket.Read(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return nil, err
		}
		got := "no reply on the shell channel"
		if replied {
			got = "a reply, but no idle status on iopub"
		}
		f := c.socket.Fault(wire.NoReply, "the kernel's answer to "+msgType, got)
		f.Err = err
		return nil, f
	}
	m := &kernelMessage{}
	if m.Message, err = message.Decode(data.Data, c.v1, data.Binary); err != nil {
		return nil, c.socket.Fault(wire.Malformed, "kernel messages", err.Error())
	}
	_ = json.Unmarshal(m.Content, &m.content) // contents of other shapes say nothing that we read
	return m, nil
}

// gathering is an Output that grows; its text may come in very many pieces.
type gathering struct {
	Output
	text strings.Builder
}

func (g *gathering) add(m *kernelMessage) {
	switch {
	case m.Channel == "shell":
		g.Status = m.content.Status
	case m.Header.MsgType == "error":
		g.Error = m.content.EName + ": " + m.content.EValue
	default:
		var plain string
		_ = json.Unmarshal(m.content.Data["text/plain"], &plain) // absent in most messages
		text := m.content.Text + plain
		g.text.WriteString(text[:min(len(text), maxOutput-g.text.Len())])
		g.count(m.content.Data)
	}
}

// maxTypes bounds the MIME types that are counted of one request.
const maxTypes = 100

func (g *gathering) count(data map[string]json.RawMessage) {
	for mime, raw := range data {
		if g.Data == nil {
			g.Data = map[string]int{}
		}
		if _, known := g.Data[mime]; known || len(g.Data) < maxTypes {
			g.Data[mime] += len(raw)
		}
	}
}

func (g *gathering) output() Output {
	g.Text = strings.ToValidUTF8(g.text.String(), "")
	return g.Output
}

// Fault returns the fault that this websocket proves.
func (c *Channel) Fault(symptom wire.Symptom, want, got string) *wire.Fault {
	return c.socket.Fault(symptom, want, got)
}
