package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"binderhub-smoke/smoke/wire"
)

// Kernel is a kernel that the server has been asked to start. The server answers 201 whatever becomes of it.
type Kernel struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"execution_state"`
}

// StartKernel starts a kernel of the server's default kind. Source: jupyter_server/services/kernels/handlers.py.
func (s *Server) StartKernel(ctx context.Context) (Kernel, error) {
	subject := "The start of a kernel"
	a, err := s.call(ctx, subject, http.MethodPost, "api/kernels", struct{}{})
	if err != nil {
		return Kernel{}, err
	}
	if err := a.Expect(subject, http.StatusCreated, "application/json"); err != nil {
		return Kernel{}, err
	}
	var k Kernel
	if json.Unmarshal(a.Body, &k) != nil || k.ID == "" {
		return Kernel{}, a.Fault(subject, wire.Content, "a kernel with an id", fmt.Sprintf("%.80q", a.Body))
	}
	return k, nil
}

// StopKernel stops a kernel.
func (s *Server) StopKernel(ctx context.Context, id string) error {
	subject := "The stop of the kernel"
	a, err := s.call(ctx, subject, http.MethodDelete, "api/kernels/"+id, nil)
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusNoContent, "")
}
