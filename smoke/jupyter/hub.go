package jupyter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Hub speaks to JupyterHub's REST API as one of its users, by an API token. Source: jupyterhub/apihandlers/users.py.
type Hub struct {
	net    *wire.Network
	base   func() string // of the hub host, ending in a slash; empty while unknown
	token  string
	jar    http.CookieJar // of the session that the token was got by; nil where the token was given
	revoke string         // the API's path of a token that was made for this run, or empty
}

// NewHub returns a client of the hub at base, which may become known later.
func NewHub(net *wire.Network, base func() string, token string) *Hub {
	net.Timeline().Redactor().Learn(token)
	return &Hub{net: net, base: base, token: token}
}

// Known tells whether the hub's URL is known.
func (h *Hub) Known() bool { return h.base() != "" }

// Header is what a request carries by which hub and servers know the user.
func (h *Hub) Header() http.Header { return http.Header{"Authorization": {"token " + h.token}} }

// HubUser is what the hub says of the user whose token we have.
type HubUser struct {
	Name    string                     `json:"name"`
	Servers map[string]json.RawMessage `json:"servers"` // by name; that of the default server is empty
	Answer  *wire.Answer               `json:"-"`
}

func (h *Hub) call(ctx context.Context, subject, method, path string) (*wire.Answer, error) {
	return h.net.Do(ctx, wire.Call{Subject: subject, Method: method, URL: h.base() + "hub/api/" + path, Header: h.Header()})
}

// User asks whose token it is, and which servers run.
func (h *Hub) User(ctx context.Context) (HubUser, error) {
	a, err := h.call(ctx, userSubject, http.MethodGet, "user")
	if err != nil {
		return HubUser{}, err
	}
	return readUser(a)
}

const userSubject = "JupyterHub's word on the user"

func readUser(a *wire.Answer) (HubUser, error) {
	user := HubUser{Answer: a}
	if err := a.Expect(userSubject, http.StatusOK, "application/json"); err != nil {
		return user, err
	}
	if json.Unmarshal(a.Body, &user) != nil || user.Name == "" {
		return user, a.Fault(userSubject, wire.Content, "JSON with a user's name", fmt.Sprintf("%.80q", a.Body))
	}
	return user, nil
}

// serverPath is the API's path of the server at a URL …/user/<name>/[server/], and the server's name.
func serverPath(base string) (path, name string) {
	_, below, _ := strings.Cut(strings.TrimSuffix(base, "/"), "/user/")
	user, name, named := strings.Cut(below, "/")
	if !named {
		return "users/" + user + "/server", ""
	}
	return "users/" + user + "/servers/" + name, name
}

// Start asks for the user's default server, follows its start to the end, and returns the server.
func (h *Hub) Start(ctx context.Context, user string) (*Server, error) {
	subject, path := "The server's start", "users/"+url.PathEscape(user)+"/server"
	a, err := h.call(ctx, subject, http.MethodPost, path)
	switch {
	case err != nil:
		return nil, err
	case a.Status != http.StatusCreated && a.Status != http.StatusAccepted:
		return nil, a.Fault(subject, wire.Status, "201 or 202", a.Describe())
	}
	s, err := h.net.Open(ctx, wire.Call{Subject: "The start's event stream", URL: h.base() + "hub/api/" + path + "/progress", Header: h.Header()})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return h.follow(ctx, s, a)
}

// follow reads a start's progress.
func (h *Hub) follow(ctx context.Context, s *wire.Stream, asked *wire.Answer) (*Server, error) {
	last := "nothing"
	for {
		e, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil, asked.Fault("The server's start", wire.StreamEnded, "an event that says ready", "the end of the stream after "+last)
		}
		if err != nil {
			return nil, err
		}
		var v struct {
			Message       string
			Ready, Failed bool
			URL           string
		}
		if e.Comment || json.Unmarshal([]byte(e.Data), &v) != nil {
			continue
		}
		last = fmt.Sprintf("%.200q", v.Message)
		switch {
		case v.Failed:
			return nil, s.Answer.Fault("The server's start", wire.PhaseFailed, "ready", last)
		case v.Ready:
			return h.serverAt(v.URL)
		}
	}
}

// serverAt is the server at a path, which the hub tells from the root of its host.
func (h *Hub) serverAt(path string) (*Server, error) {
	base, err := url.Parse(h.base())
	if err != nil {
		return nil, err
	}
	at, err := base.Parse(path)
	if err != nil {
		return nil, err
	}
	return h.Server(h.net, at.String()), nil
}

// Server returns a client of one of the user's servers, by which network is said: jupyterhub-singleuser, which asks the hub
// who may come in.
func (h *Hub) Server(net *wire.Network, base string) *Server {
	s := NewServer(net, base, h.token)
	s.hub = h
	return s
}

// Default returns a client of a user's default server, whether it runs or not.
func (h *Hub) Default(net *wire.Network, user string) *Server {
	return h.Server(net, h.base()+"user/"+url.PathEscape(user)+"/")
}

// stop tells the hub to stop a server. One that the hub does not know is stopped.
func (h *Hub) stop(ctx context.Context, base string) error {
	subject := "The user server's stop"
	path, _ := serverPath(base)
	a, err := h.call(ctx, subject, http.MethodDelete, path)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusNoContent, a.Status == http.StatusAccepted, a.Status == http.StatusNotFound:
		return nil
	}
	return a.Fault(subject, wire.StillRunning, "202 or 204", a.Describe())
}

// stopped is nil once the hub has forgotten a server: until then it lets the user start no other.
func (h *Hub) stopped(ctx context.Context, base string) error {
	user, err := h.User(ctx)
	if err != nil {
		return err
	}
	_, name := serverPath(base)
	if _, there := user.Servers[name]; there {
		return user.Answer.Fault("The stopped user server", wire.StillRunning, "the hub to have forgotten it", "a server that it still knows")
	}
	return nil
}
