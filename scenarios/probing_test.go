package scenarios_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
)

// What one request cannot tell, a few questions can: whoever skips the steps that repeat things gets the same cause.
func TestProbesOnTheDeployment(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]struct {
		trial
		step, cause, says string
	}{
		"one of two upstreams refuses": {
			trial{run: []string{"binder-host/health"}, ingress: func(in *fixtures.Ingress) {
				good := binderHub(t, d, func(*binderhub.Config) {})
				in.HTTP = fmt.Sprintf("upstream pair { server %s weight=3 max_fails=0; server %s max_fails=0; }", closedPort(t), good)
				in.Binder.Upstream, in.Binder.Location = "pair", "proxy_next_upstream off;"
			}},
			"binder-host/health", "one-of-n-bad", "now as it should",
		},
		"all upstreams refuse": {
			trial{run: []string{"binder-host/health"}, ingress: fixtures.BinderUpstreamRefused},
			"binder-host/health", "upstream-refused", "could not connect",
		},
		"kernels' websockets are not upgraded, others are": {
			trial{run: []string{"kernel/channel"}, ingress: func(in *fixtures.Ingress) {
				in.Hub.Server = fmt.Sprintf("location ~ /api/kernels/ { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; }", proxyAddress(t, d))
			}},
			"kernel/channel", "ws-path-whitelist", "upgrade request to /_chp_healthz passes",
		},
		"no websocket is upgraded": {
			trial{run: []string{"kernel/channel"}, ingress: fixtures.HubWithoutUpgrade},
			"kernel/channel", "ws-upgrade-missing", "drops the WebSocket upgrade",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.against(t, d)
			require.Equal(t, smoke.Failed, step(t, r, c.step).Verdict, overview(r))
			requireNamed(t, r, c.step, step(t, r, c.step))
			require.Len(t, r.Findings, 1)
			require.Equal(t, c.cause, r.Findings[0].Cause)
			require.Contains(t, r.Findings[0].Summary, c.says)
		})
	}
}
