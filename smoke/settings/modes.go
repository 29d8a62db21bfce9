package settings

import (
	"time"

	"binderhub-smoke/smoke"
)

func takeMode(d *draft, s string) error {
	d.run.Mode = smoke.Mode(s)
	return oneOf(s, string(smoke.ModeGate), string(smoke.ModeQuick))
}

func takeWait(d *draft, s string) (err error) {
	d.run.Wait, err = duration(s, 0, 4*time.Hour)
	return err
}
