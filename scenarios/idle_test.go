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
// a longer one would be. That they outlive a healthy ingress is seen by TestScenarios, for as long as users have it.
func TestIdle(t *testing.T) {
	d := deployment(t)
	address := proxyAddress(t, d)
	short := func(path string) func(*fixtures.Ingress) {
		return hubServer(fmt.Sprintf("location ~ %s { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; "+
			"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 2s; }", path, address))
	}
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		idle    time.Duration
		expectation
	}{
		// Longer than the handshake of a kernel's socket is held on a busy machine.
		"kernels are cut":   {func(in *fixtures.Ingress) { in.Hub.ReadTimeout = "5s" }, 9 * time.Second, expectation{"idle/hold", smoke.Failed, "an open websocket for 9s of silence"}},
		"terminals are cut": {short("/terminals/websocket/"), 5 * time.Second, expectation{"idle/hold", smoke.Failed, "The terminal's websocket"}},
		"events are cut":    {short("/api/events/"), 3 * time.Second, expectation{"idle/hold", smoke.Pass, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			r := trial{sick: well, ingress: c.ingress, run: []string{"idle"}, target: func(target *smoke.Target) { target.Idle = c.idle }}.against(t, d)
			c.check(t, r)
			if c.verdict == smoke.Pass {
				requireWarning(t, r, "idle/resume", "The server's events websocket")
				require.Regexp(t, `got .+, 2\.\d s after the last byte`, step(t, r, "idle/resume").Reason)
			}
			expectation{"idle/stop", smoke.Pass, ""}.check(t, r)
		})
	}
}
