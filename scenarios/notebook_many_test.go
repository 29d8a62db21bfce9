package scenarios_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// journal is a target's timeline and a network that writes into it.
func journal(t testing.TB, target smoke.Target) (*wire.Timeline, *wire.Network) {
	t.Helper()
	timeline := wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(target.Binder, target.Hub), io.Discard, wire.Limits{})
	net := wire.NewNetwork(wire.Config{Timeline: timeline, Resolve: target.Resolve, Roots: rootsOf(t, target)})
	t.Cleanup(net.Close)
	return timeline, net
}

// rootsOf are the authorities of a target.
func rootsOf(t testing.TB, target smoke.Target) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(target.CA))
	return roots
}

// launchLink is the link that badges have.
func launchLink(target smoke.Target) string {
	return target.Binder.JoinPath("v2", target.Spec).String()
}

// visitor is a browser with a server of its own.
type visitor struct {
	page   *browser.Browser
	server *jupyter.Server
}

// visits launches a server by BinderHub's page, and shuts it down when the test ends.
func visits(t *testing.T, d *fixtures.Deployment) visitor {
	t.Helper()
	target := loopback(t, d)
	timeline, net := journal(t, target)
	page, err := browser.Start(t.Context(), browser.Options{Timeline: timeline, Resolve: target.Resolve, CA: target.CA})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, page.Close(context.Background())) })
	launched, err := page.Launch(patiently(t), launchLink(target))
	require.NoError(t, err)
	t.Cleanup(func() { dismiss(t, d, launchedServer{URL: launched.URL}.user()) })
	return visitor{page, jupyter.NewServer(net, launched.URL, launched.Token)}
}

// patiently is the context of one action in a browser.
func patiently(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(wire.WithStep(t.Context(), "notebook", "run"), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// run uploads a notebook of its own, opens it, runs all of its cells and sees what they show.
func (v visitor) run(t *testing.T, below, name string) {
	t.Helper()
	file, cells, sights := scenarios.OwnNotebook()
	require.NoError(t, v.server.Upload(patiently(t), name, file))
	require.NoError(t, v.page.OpenNotebook(patiently(t), v.server.URL(below+name)))
	done, err := v.page.RunAll(patiently(t), cells)
	require.NoError(t, err)
	require.Len(t, done.Cells, cells)
	for _, s := range sights {
		require.NoError(t, v.page.See(patiently(t), s))
	}
	require.Empty(t, v.page.Notices())
}

// No execution is lost: a hundred notebooks are opened and run in one server, one after the other, in both front ends.
func TestNoExecutionIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred runs take half an hour; a healthy run has two notebooks")
	}
	d := deployment(t)
	v := visits(t, d)
	for i := range 100 {
		name, began := fmt.Sprintf("run-%d.ipynb", i), time.Now()
		// A workspace of its own keeps JupyterLab from opening the earlier notebooks again, with a kernel each.
		v.run(t, []string{fmt.Sprintf("lab/workspaces/many-%d/tree/", i), "notebooks/"}[i%2], name)
		t.Logf("%s: %.1f s", name, time.Since(began).Seconds())
		v.endSessions(t, d)
	}
}

// endSessions ends the server's kernels: a hundred of them would need more memory than a test may take.
func (v visitor) endSessions(t *testing.T, d *fixtures.Deployment) {
	t.Helper()
	ask := func(method, path string) (body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), method, v.server.URL(path), nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "token "+v.server.Token())
		response, err := d.Client().Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Less(t, response.StatusCode, 300)
		body, err = io.ReadAll(response.Body)
		require.NoError(t, err)
		return body
	}
	var sessions []struct{ ID string }
	require.NoError(t, json.Unmarshal(ask(http.MethodGet, "api/sessions"), &sessions))
	for _, s := range sessions {
		ask(http.MethodDelete, "api/sessions/"+s.ID)
	}
}
