package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// launchesAsked counts the launches that were asked of BinderHub at the deployment's ingress.
func launchesAsked(t *testing.T, d *fixtures.Deployment) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.Dir, "logs", "nginx-access.log"))
	require.NoError(t, err)
	require.NotEmpty(t, b)
	return strings.Count(string(b), "/build/")
}

// What took more than eight hours to find is found every minute, without a launch.
func TestQuickNamesTheSeedIncident(t *testing.T) {
	d := deploy(t, fixtures.Config{})
	require.NoError(t, d.ChangeIngress(t.Context(), fixtures.BinderUpstreamRefused, fixtures.HubWithoutUpgrade))
	code, r := newSuite(t, d, "SMOKE_MODE=quick").run(t)
	require.Equal(t, 1, code)
	require.Len(t, r.Targets[0].Findings, 2, "%+v", r.Targets[0].Findings)
	require.Equal(t, "binder-host", find(t, r, "upstream-refused").Scenario)
	require.Equal(t, "hub-host/upgrade", proofs(find(t, r, "ws-upgrade-missing"))[0])
	require.Less(t, time.Duration(r.Seconds), 2*time.Second)
	require.Contains(t, r.Targets[0].NotTried, "launch ("+smoke.ReasonQuick+")")

	require.NoError(t, d.HealIngress(context.Background()))
	code, r = newSuite(t, d, "SMOKE_MODE=quick").run(t)
	require.Equal(t, 0, code)
	require.Equal(t, smoke.Pass, r.Verdict)
	for _, sc := range r.Targets[0].Scenarios {
		if sc.Name == "binder-host" || sc.Name == "hub-host" {
			require.Equal(t, smoke.Pass, sc.Verdict, sc.Name)
		} else {
			require.Equal(t, smoke.Skipped, sc.Verdict, sc.Name)
		}
	}
	require.Zero(t, launchesAsked(t, d))
	require.Empty(t, running(t, d))
}

func TestQuickNeedsTheHubsURL(t *testing.T) {
	quick := func(args ...string) (int, string) {
		code, out, err := call(t, append([]string{"run", "--mode=quick", "--binder=http://127.0.0.1:1"}, args...)...)
		if code == 78 {
			assert.Empty(t, out)
			assert.Equal(t, 1, strings.Count(err, "\n"), err)
		}
		return code, err
	}
	code, err := quick()
	assert.Equal(t, 78, code)
	assert.Contains(t, err, "SMOKE_HUB")

	code, err = quick("--skip=hub-host")
	assert.Equal(t, 1, code, err)
	code, err = quick("--hub=http://127.0.0.1:1")
	assert.Equal(t, 1, code, err)

	dir := t.TempDir()
	earlier, _, opened := state.Open(t.Context(), dir)
	require.NoError(t, opened)
	binder := &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/"}
	require.NoError(t, earlier.Target(binder).SetHub(t.Context(), binder))
	code, err = quick("--state=" + dir)
	assert.Equal(t, 1, code, err)
}
