package jupyter

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"binderhub-smoke/smoke/wire"
)

// Notebooks are the paths of the notebooks in the server's start directory, in order.
// Source: jupyter_server/services/contents/handlers.py.
func (s *Server) Notebooks(ctx context.Context) ([]string, error) {
	subject := "The user server's contents"
	a, err := s.call(ctx, subject, http.MethodGet, "api/contents?content=1", nil)
	if err != nil {
		return nil, err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return nil, err
	}
	var directory struct {
		Content []struct{ Type, Path string }
	}
	if err := json.Unmarshal(a.Body, &directory); err != nil {
		return nil, a.Fault(subject, wire.Content, "a directory as JSON", err.Error())
	}
	var paths []string
	for _, entry := range directory.Content {
		if entry.Type == "notebook" {
			paths = append(paths, entry.Path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}
