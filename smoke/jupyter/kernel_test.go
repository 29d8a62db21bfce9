package jupyter_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestAuthenticated(t *testing.T) {
	require.NoError(t, server(t, answering(200, "application/json", "{}")).Authenticated(within(t, 5*time.Second)))
	err := server(t, answering(403, "application/json", `{"message":"Forbidden"}`)).Authenticated(within(t, 5*time.Second))
	require.Equal(t, wire.Status, fault(t, err).Symptom)
}

func TestKernels(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			answering(201, "application/json", `{"id":"k1","name":"python3","execution_state":"starting"}`)(w, r)
		case http.MethodDelete:
			require.Equal(t, "/user/x/api/kernels/k1", r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	k, err := s.StartKernel(within(t, 5*time.Second), "python3")
	require.NoError(t, err)
	require.Equal(t, "k1", k.ID)
	require.NoError(t, s.StopKernel(within(t, 5*time.Second), "k1"))
	_, err = server(t, answering(500, "application/json", `{"message":"Unhandled error"}`)).StartKernel(within(t, 5*time.Second), "python3")
	require.Equal(t, wire.Status, fault(t, err).Symptom)
	_, err = server(t, answering(201, "application/json", `{}`)).StartKernel(within(t, 5*time.Second), "python3")
	require.Equal(t, wire.Content, fault(t, err).Symptom)
}
