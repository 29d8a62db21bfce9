package scenarios_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// against runs scenarios, or single steps of them, against two small servers, and returns what came out.
func against(t *testing.T, binder, hub http.HandlerFunc, names ...string) smoke.TargetResult {
	t.Helper()
	return againstURL(t, nil, serve(t, binder), serve(t, hub), names...)
}

// againstURL is against for servers that run, with a memory of earlier runs.
func againstURL(t *testing.T, known *state.State, binder, hub *url.URL, names ...string) smoke.TargetResult {
	t.Helper()
	target := smoke.Target{
		Name: "small", Binder: binder, Hub: hub, UI: true, Spec: "gh/owner/repository/HEAD", Scenarios: names, Repeat: 4,
	}
	run, err := smoke.Start(context.Background(), smoke.Options{
		Settings: smoke.Settings{Targets: []smoke.Target{target}, Timeout: time.Minute, Grace: time.Second, Out: t.TempDir()},
		Version:  smoke.Version, Scenarios: scenarios.All(known),
	})
	require.NoError(t, err)
	defer run.Close()
	return run.Wait().Targets[0]
}

func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	if handler == nil {
		handler = http.NotFound
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL + "/")
	require.NoError(t, err)
	return u
}

// step finds a step's result by "scenario/step".
func step(t *testing.T, r smoke.TargetResult, id string) smoke.StepResult {
	t.Helper()
	for _, sc := range r.Scenarios {
		for _, st := range sc.Steps {
			if sc.Name+"/"+st.Name == id {
				return st
			}
		}
	}
	require.Fail(t, "there is no step "+id)
	return smoke.StepResult{}
}

// causes are the causes of a target's findings.
func causes(r smoke.TargetResult) []string {
	names := []string{}
	for _, f := range r.Findings {
		names = append(names, f.Cause)
	}
	return names
}

func text(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
