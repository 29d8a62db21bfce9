package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Kernel is a kernel that the server has been asked to start. The server answers 201 whatever becomes of it.
type Kernel struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"execution_state"`
}

// Kernelspec is a kind of kernel that the server offers.
type Kernelspec struct {
	Name     string
	Language string // in lower case: "python"
}

// DefaultKernelspec asks which kinds of kernel the server offers, and returns the one it starts when not told otherwise.
// None at all means that no kernel is installed in the environment that the server runs in.
func (s *Server) DefaultKernelspec(ctx context.Context) (Kernelspec, error) {
	subject := "The user server's list of kernels"
	a, err := s.call(ctx, subject, http.MethodGet, "api/kernelspecs", nil)
	if err != nil {
		return Kernelspec{}, err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return Kernelspec{}, err
	}
	var list struct {
		Default     string
		Kernelspecs map[string]struct{ Spec struct{ Language string } }
	}
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return Kernelspec{}, a.Fault(subject, wire.Content, "a JSON list of kernels", err.Error())
	}
	if len(list.Kernelspecs) == 0 {
		return Kernelspec{}, a.Fault(subject, wire.Content, "at least one kernel", "none")
	}
	name := list.Default
	if _, ok := list.Kernelspecs[name]; !ok { // the default may not be installed
		name = slices.Sorted(maps.Keys(list.Kernelspecs))[0]
	}
	return Kernelspec{Name: name, Language: strings.ToLower(list.Kernelspecs[name].Spec.Language)}, nil
}

// StartKernel starts a kernel by the name of its kind. Source: jupyter_server/services/kernels/handlers.py.
func (s *Server) StartKernel(ctx context.Context, name string) (Kernel, error) {
	subject := "The start of a kernel"
	a, err := s.call(ctx, subject, http.MethodPost, "api/kernels", map[string]string{"name": name})
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

// InterruptKernel interrupts what a kernel is running.
func (s *Server) InterruptKernel(ctx context.Context, id string) error {
	subject := "The interrupt of the kernel"
	a, err := s.call(ctx, subject, http.MethodPost, "api/kernels/"+id+"/interrupt", struct{}{})
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusNoContent, "")
}

// RestartKernel restarts a kernel.
func (s *Server) RestartKernel(ctx context.Context, id string) error {
	subject := "The restart of the kernel"
	a, err := s.call(ctx, subject, http.MethodPost, "api/kernels/"+id+"/restart", struct{}{})
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusOK, "application/json")
}

// pollState is the pause between two looks at a kernel's state: the websocket's handshake is held while it starts, and
// says nothing meanwhile.
const pollState = 500 * time.Millisecond

// WatchKernel looks at a kernel's state until ctx ends, and returns a fault as soon as the server says that it is dead.
func (s *Server) WatchKernel(ctx context.Context, id string) error {
	subject := "The kernel"
	tick := time.NewTicker(pollState)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a, err := s.call(ctx, subject, http.MethodGet, "api/kernels/"+id, nil)
		if err != nil {
			continue // whoever waits for the kernel sees what is wrong with the way to it
		}
		var k Kernel
		_ = json.Unmarshal(a.Body, &k)
		if k.State == "dead" || s.lacks(a) {
			return a.Fault(subject, wire.KernelDead, "a kernel that starts", fmt.Sprintf("%d, state %q", a.Status, k.State))
		}
	}
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
