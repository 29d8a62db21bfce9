package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
)

// Other kinds of healthy target than the default one, from end to end, the browser included.
func TestHealthyTargets(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]trial{
		"API only, Notebook 7": {binder: func(c *binderhub.Config) { c.APIOnly = true }, target: func(target *smoke.Target) {
			target.UI, target.App = false, smoke.AppNotebook
		}},
		"the repository's notebook, hub unknown": {target: func(target *smoke.Target) {
			target.Notebook, target.Notebooks, target.Hub = "index.ipynb", []string{"index.ipynb"}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := alive(t, d)
			r := c.against(t, d)
			require.Equal(t, smoke.Pass, r.Verdict, overview(r))
			require.Empty(t, r.Findings)
			require.Empty(t, r.Leaked)
			require.Empty(t, newcomers(before, alive(t, d)))
			for _, id := range []string{"launch/route", "server/files", "kernel/restart", "terminal/echo", "pod/hairpin", "notebook/render"} {
				expectation{id, smoke.Pass, ""}.check(t, r)
			}
			expectation{"idle/hold", smoke.Skipped, "SMOKE_IDLE is 0"}.check(t, r)
			expectation{"rebuild/build", smoke.Skipped, "SMOKE_REBUILD=on"}.check(t, r)
		})
	}
}
