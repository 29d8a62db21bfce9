package scenarios_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// A server that does not stop is named, and so is one that could not be told to.
func TestCleanUp(t *testing.T) {
	d := deployment(t)
	const noEvents = "location ~ /api/events/ { return 404; } "
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		expectation
	}{
		"goes on":        {hubServer(noEvents + "location ~ /api/shutdown$ { return 200; }"), expectation{"clean-up/gone", smoke.Failed, "no answer of the server, got 200 OK"}},
		"is not told to": {hubServer("location ~ /api/shutdown$ { return 403; }"), expectation{"clean-up/shutdown", smoke.Failed, "403"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := alive(t, d)
			trial := trial{ingress: c.ingress, run: []string{"launch"}, budgets: map[string]time.Duration{"clean-up/gone": 2 * time.Second}}
			r := trial.against(t, d)
			c.check(t, r)
			left := newcomers(before, alive(t, d))
			require.Len(t, left, 1)
			require.Len(t, r.Leaked, 1)
			require.Equal(t, "gh/binder-examples/requirements/HEAD", r.Leaked[0].Repository)
			dismiss(t, d, left[0])
		})
	}
}
