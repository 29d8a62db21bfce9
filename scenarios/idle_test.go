package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// Quiet sockets through ingresses with timeouts of their own. The server pings each 30 s, so each silence here is as quiet as
// a longer one would be.
func TestIdle(t *testing.T) {
	d := deployment(t)
	quiet := func(target *smoke.Target) { target.Idle = 5 * time.Second }
	address := proxyAddress(t, d)
	short := func(path string) func(*fixtures.Ingress) {
		return hubServer(fmt.Sprintf("location ~ %s { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; "+
			"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 2s; }", path, address))
	}
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"not asked for":    {trial{}, expectation{"idle/hold", smoke.Skipped, "SMOKE_IDLE is 0"}},
		"outlives":         {trial{target: quiet}, expectation{"idle/resume", smoke.Pass, ""}},
		"kernel is cut":    {trial{target: quiet, ingress: short("/api/kernels/[^/]+/channels")}, expectation{"idle/hold", smoke.Failed, "an open websocket for 5s of silence"}},
		"terminal is cut":  {trial{target: quiet, ingress: short("/terminals/websocket/")}, expectation{"idle/hold", smoke.Failed, "The terminal's websocket"}},
		"everything is":    {trial{target: quiet, ingress: func(in *fixtures.Ingress) { in.Hub.ReadTimeout = "2s" }}, expectation{"idle/hold", smoke.Failed, "after the last byte"}},
		"no events at all": {trial{target: quiet, ingress: hubServer("location ~ /api/events/ { return 404; }")}, expectation{"idle/hold", smoke.Failed, "404"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.sick, c.run = well, []string{"idle"}
			r := c.against(t, d)
			c.check(t, r)
			require.NotEqual(t, smoke.Failed, step(t, r, "idle/stop").Verdict)
		})
	}
	t.Run("events are cut", func(t *testing.T) {
		r := trial{sick: well, target: quiet, ingress: short("/api/events/"), run: []string{"idle"}}.against(t, d)
		expectation{"idle/hold", smoke.Pass, ""}.check(t, r)
		requireWarning(t, r, "idle/resume", " s after the last byte")
		require.Regexp(t, `got .+, 2\.\d s after`, step(t, r, "idle/resume").Reason)
	})
}
