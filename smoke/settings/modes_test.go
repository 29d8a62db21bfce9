package settings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/settings"
)

func TestModesAndTheirTimes(t *testing.T) {
	m := time.Minute
	for name, c := range map[string]struct {
		args []string
		mode smoke.Mode
		soak []time.Duration
		wait time.Duration
	}{
		"the default": {nil, smoke.ModeGate, []time.Duration{0, 10 * m, 60 * m}, 0},
		"quick":       {[]string{"--mode=quick", "--wait=10m"}, smoke.ModeQuick, []time.Duration{0, 10 * m, 60 * m}, 10 * m},
		"soak":        {[]string{"--mode=soak", "--every=15m", "--for=40m"}, smoke.ModeSoak, []time.Duration{0, 15 * m, 30 * m}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := settings.Load(settings.Source{Args: c.args, Dir: t.TempDir()})
			require.NoError(t, err)
			assert.Equal(t, c.mode, loaded.Settings.Mode)
			assert.Equal(t, c.soak, loaded.Settings.Soak)
			assert.Equal(t, c.wait, loaded.Settings.Wait)
			assert.Equal(t, 10, loaded.Settings.Launches)
		})
	}
}
