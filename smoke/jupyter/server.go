package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Server speaks to one user server as a script does: with a token in a header, and no cookies.
type Server struct {
	net   *wire.Network
	base  string // ends in a slash
	token string

	hub      *Hub         // whose user's server it is; nil where the server has a token of its own
	inURL    bool         // the token travels in the query
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

// TokenInURL has the token travel in the query: the Authorization header is a proxy's, which stands in front of everything.
func (s *Server) TokenInURL() *Server {
	s.inURL = true
	return s
}

// OfHub tells whether the hub decides who may come in: then the token is one of its own.
func (s *Server) OfHub() bool { return s.hub != nil }

// Header is what a request carries by which the server knows us, if it is not the query.
func (s *Server) Header() http.Header { return s.header() }

func (s *Server) header() http.Header {
	if s.inURL {
		return http.Header{}
	}
	return http.Header{"Authorization": {"token " + s.token}}
}

// at is the URL of a path below the server's base, with what belongs into the query. The path may have one.
func (s *Server) at(path string) string {
	if !s.inURL {
		return s.URL(path)
	}
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return s.URL(path) + mark + "token=" + url.QueryEscape(s.token)
}

func (s *Server) call(ctx context.Context, subject, method, path string, body any) (*wire.Answer, error) {
	c := wire.Call{Subject: subject, Method: method, URL: s.at(path), Header: s.header()}
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

// lacks tells whether the server itself says that it has no such thing. A 404 of anybody before it tells nothing about it: an
// ingress may let some paths through and no others. Source: jupyter_server/base/handlers.py, and jupyterhub-singleuser, which
// names the hub's version and no place for reports.
func (s *Server) lacks(a *wire.Answer) bool {
	policy := a.Header.Get("Content-Security-Policy")
	own := strings.Contains(policy, "/user/") || a.Header.Get("X-JupyterHub-Version") != "" && !strings.Contains(policy, "/hub/")
	return a.Status == http.StatusNotFound && own
}
