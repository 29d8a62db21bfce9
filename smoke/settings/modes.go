package settings

import (
	"binderhub-smoke/smoke"
)

func takeMode(d *draft, s string) error {
	d.run.Mode = smoke.Mode(s)
	return oneOf(s, string(smoke.ModeGate), string(smoke.ModeQuick))
}
