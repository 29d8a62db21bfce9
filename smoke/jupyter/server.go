package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Server speaks to one user server as a script does: with a token in a header, and no cookies.
type Server struct {
	net   *wire.Network
	base  string // ends in a slash
	token string

	farewell *wire.Socket // ends when the server does; nil where none could be opened
}

// NewServer returns a client of the server at base, with or without a last slash, which BinderHub's "ready" tells.
func NewServer(net *wire.Network, base, token string) *Server {
	net.Timeline().Redactor().Learn(token)
	return &Server{net: net, base: strings.TrimSuffix(base, "/") + "/", token: token}
}

// URL is the URL of a path below the server's base.
func (s *Server) URL(path string) string { return s.base + path }

// Base is the server's base URL, ending in a slash.
func (s *Server) Base() string { return s.base }

// Token is the server's token.
func (s *Server) Token() string { return s.token }

func (s *Server) header() http.Header { return http.Header{"Authorization": {"token " + s.token}} }

func (s *Server) call(ctx context.Context, subject, method, path string, body any) (*wire.Answer, error) {
	c := wire.Call{Subject: subject, Method: method, URL: s.URL(path), Header: s.header()}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("the body of %s %s cannot be JSON: %w", method, path, err)
		}
		c.Body = data
		c.Header.Set("Content-Type", "application/json")
	}
	return s.net.Do(ctx, c)
}

// Version asks for the server's version, which it tells without authentication: the first sign that the proxy routes to
// it. Source: jupyter_server/services/api/handlers.py.
func (s *Server) Version(ctx context.Context) (string, error) {
	subject := "The user server's API"
	a, err := s.call(ctx, subject, http.MethodGet, "api", nil)
	if err != nil {
		return "", err
	}
	return version(a, subject)
}

func version(a *wire.Answer, subject string) (string, error) {
	if a.Status >= 300 && a.Status < 400 {
		return "", a.Fault(subject, wire.Redirected, `200 {"version": …}`, a.Describe()+" to "+a.Header.Get("Location"))
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return "", err
	}
	var v struct{ Version string }
	if json.Unmarshal(a.Body, &v) != nil || v.Version == "" {
		return "", a.Fault(subject, wire.Content, `{"version": …}`, fmt.Sprintf("%.80q", a.Body))
	}
	return v.Version, nil
}

// Authenticated asks for something that needs the token: routing may be right and authentication wrong. It is the listing
// of the start directory, which every version has; api/status answers 500 while a kernel or terminal is just going.
func (s *Server) Authenticated(ctx context.Context) error {
	subject := "The user server's contents"
	a, err := s.call(ctx, subject, http.MethodGet, "api/contents?content=0", nil)
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusOK, "application/json")
}

// Upload writes a notebook into the server's directory. path needs no escaping.
func (s *Server) Upload(ctx context.Context, path string, notebook json.RawMessage) error {
	subject := "The upload of the suite's notebook"
	a, err := s.call(ctx, subject, http.MethodPut, "api/contents/"+escape(path), map[string]any{
		"type": "notebook", "format": "json", "content": notebook,
	})
	if err != nil {
		return err
	}
	if a.Status == http.StatusOK {
		return a.Expect(subject, http.StatusOK, "application/json")
	}
	return a.Expect(subject, http.StatusCreated, "application/json")
}

// Notebook reads a notebook of the server's directory.
func (s *Server) Notebook(ctx context.Context, path string) (json.RawMessage, error) {
	subject := "The notebook"
	a, err := s.call(ctx, subject, http.MethodGet, "api/contents/"+escape(path)+"?type=notebook", nil)
	if err != nil {
		return nil, err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return nil, err
	}
	var model struct{ Content json.RawMessage }
	if err := json.Unmarshal(a.Body, &model); err != nil {
		return nil, a.Fault(subject, wire.Content, "a notebook as JSON", err.Error())
	}
	return model.Content, nil
}

func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// Shutdown tells the server to stop itself. It can answer 404 and go on when a kernel start had failed before; asked
// again it stops. Source: jupyter_server/services/shutdown.py; the 404 was seen on 2.21.1.
func (s *Server) Shutdown(ctx context.Context) error {
	subject := "The user server's shutdown"
	s.listenForEnd(ctx)
	for attempt := 1; ; attempt++ {
		a, err := s.call(ctx, subject, http.MethodPost, "api/shutdown", nil)
		if err != nil {
			return err
		}
		if a.Status == http.StatusOK || s.absent(a) {
			return nil
		}
		if attempt == 2 {
			return a.Fault(subject, wire.StillRunning, "200", a.Describe())
		}
	}
}

// ingressWords stand in the error pages of nginx, Traefik, HAProxy, Envoy and ingress-nginx's default backend.
var ingressWords = []string{
	"<center>nginx", "no available server", "No server is available", "upstream connect error", "default backend - 404",
}

// absent tells whether an answer comes from CHP or the hub because there is no such server: CHP's 503, the hub's 302, 404
// or 424. The server's own errors are JSON with a "message", and its pages name their CSP report below /user/.
//
// What an ingress says on its own account tells nothing about the server behind it.
func (s *Server) absent(a *wire.Answer) bool {
	for _, words := range ingressWords {
		if strings.Contains(string(a.Body), words) {
			return false
		}
	}
	switch a.Status {
	case http.StatusServiceUnavailable, http.StatusFailedDependency:
		return true
	case http.StatusFound, http.StatusNotFound:
		return !strings.Contains(a.Header.Get("Content-Security-Policy"), "/user/")
	}
	return false
}

// lacks tells whether the server itself says that it has no such thing. A 404 of anybody before it tells nothing about it: an
// ingress may let some paths through and no others. Source: jupyter_server/base/handlers.py, and jupyterhub-singleuser, which
// names the hub's version and no place for reports.
func (s *Server) lacks(a *wire.Answer) bool {
	policy := a.Header.Get("Content-Security-Policy")
	own := strings.Contains(policy, "/user/") || a.Header.Get("X-JupyterHub-Version") != "" && !strings.Contains(policy, "/hub/")
	return a.Status == http.StatusNotFound && own
}

// Bounds of what listens for a server's end: it is a help, and nothing to wait for.
const (
	listenTime = 2 * time.Second
	endTime    = 10 * time.Second
)

// listenForEnd opens a websocket whose end will tell that the server has gone. Where that fails, Gone asks again and again.
func (s *Server) listenForEnd(ctx context.Context) {
	if s.farewell != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	if socket, _, err := s.OpenEvents(limited); err == nil {
		s.farewell = socket
	}
}

// awaitEnd waits for the end of that websocket.
func (s *Server) awaitEnd(ctx context.Context) {
	if s.farewell == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	defer s.farewell.Close()
	for {
		if _, err := s.farewell.Read(limited); err != nil {
			return
		}
	}
}

// pollGone is the pause between two looks at a server that is stopping.
const pollGone = 100 * time.Millisecond

// Gone waits until the server no longer answers. The route's removal, at the hub's next poll, is not waited for.
func (s *Server) Gone(ctx context.Context) error {
	s.awaitEnd(ctx)
	tick := time.NewTicker(pollGone)
	defer tick.Stop()
	var last *wire.Answer // the time may be over in the midst of a question
	for {
		a, err := s.call(ctx, "The stopped user server", http.MethodGet, "api", nil)
		if err == nil {
			last = a
		}
		if err == nil && s.absent(a) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if last == nil {
				return err
			}
			return last.Fault("The stopped user server", wire.StillRunning, "no answer of the server", last.Describe())
		}
	}
}
