package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Terminal is an open terminal.
type Terminal struct {
	Name   string
	socket *wire.Socket
}

// StartTerminal starts a terminal. offered is false where the server has none: that is a setting, and no fault.
// Source: jupyter_server_terminals/api_handlers.py.
func (s *Server) StartTerminal(ctx context.Context) (name string, offered bool, err error) {
	subject := "The start of a terminal"
	a, err := s.call(ctx, subject, http.MethodPost, "api/terminals", struct{}{})
	if err != nil {
		return "", false, err
	}
	if s.lacks(a) {
		return "", false, nil
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return "", true, err
	}
	var model struct{ Name string }
	if json.Unmarshal(a.Body, &model) != nil || model.Name == "" {
		return "", true, a.Fault(subject, wire.Content, "a terminal with a name", fmt.Sprintf("%.80q", a.Body))
	}
	return model.Name, true, nil
}

// OpenTerminal opens the websocket of a terminal.
func (s *Server) OpenTerminal(ctx context.Context, name string) (*Terminal, error) {
	socket, _, err := s.net.Dial(ctx, wire.Handshake{
		Subject: "The terminal's websocket", URL: s.at("terminals/websocket/" + name), Header: s.header(),
	})
	if err != nil {
		return nil, err
	}
	return &Terminal{Name: name, socket: socket}, nil
}

// StopTerminal stops a terminal.
func (s *Server) StopTerminal(ctx context.Context, name string) error {
	subject := "The stop of the terminal"
	a, err := s.call(ctx, subject, http.MethodDelete, "api/terminals/"+name, nil)
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusNoContent, "")
}

// Close closes the websocket; the terminal lives on.
func (t *Terminal) Close() { t.socket.Close() }

// Socket is the terminal's websocket.
func (t *Terminal) Socket() *wire.Socket { return t.socket }

// Type sends keys to the terminal and reads what it shows until that holds a text. What is typed is shown too, so the text
// must be one that the command computes.
func (t *Terminal) Type(ctx context.Context, keys, until string) error {
	data, err := json.Marshal([]string{"stdin", keys})
	if err != nil {
		return fmt.Errorf("keys that JSON cannot hold: %w", err)
	}
	if err := t.socket.Write(ctx, wire.Message{Data: data}); err != nil {
		return err
	}
	shown := ""
	for !strings.Contains(shown, until) {
		m, err := t.socket.Read(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err != nil {
			f := t.socket.Fault(wire.NoReply, fmt.Sprintf("%q on the terminal", until), fmt.Sprintf("%.200q", shown))
			f.Err = err
			return f
		}
		shown += stdout(m.Data)
		shown = shown[max(0, len(shown)-64<<10):]
	}
	return nil
}

// stdout is the text of a message ["stdout", text], else empty. Source: terminado/websocket.py.
func stdout(data []byte) string {
	var parts []any
	if json.Unmarshal(data, &parts) != nil || len(parts) != 2 || parts[0] != "stdout" {
		return ""
	}
	text, _ := parts[1].(string)
	return text
}

// OpenEvents opens the server's event websocket, which needs no kernel. offered is false on servers older than it (2.0).
func (s *Server) OpenEvents(ctx context.Context) (socket *wire.Socket, offered bool, err error) {
	socket, a, err := s.net.Dial(ctx, wire.Handshake{
		Subject: "The server's events websocket", URL: s.at("api/events/subscribe"), Header: s.header(),
	})
	if a != nil && s.lacks(a) {
		return nil, false, nil
	}
	return socket, true, err
}
