package scenarios_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
)

func TestLaunchesOfARound(t *testing.T) {
	at := smoke.Target{Name: "t", Binder: &url.URL{Scheme: "https", Host: "binder.invalid", Path: "/"}, UI: true}
	assert.Equal(t, 2, scenarios.Launches(smoke.ModeSoak, at))
	assert.Equal(t, 0, scenarios.Launches(smoke.ModeQuick, at))
	rebuilding, alone := at, at
	rebuilding.Rebuild, alone.Skip = true, []string{"notebook"}
	assert.Equal(t, 3, scenarios.Launches(smoke.ModeGate, rebuilding))
	assert.Equal(t, 1, scenarios.Launches(smoke.ModeGate, alone))
}
