package settings

import (
	"errors"
	"time"

	"binderhub-smoke/smoke"
)

func takeMode(d *draft, s string) error {
	d.run.Mode = smoke.Mode(s)
	return oneOf(s, string(smoke.ModeGate), string(smoke.ModeQuick), string(smoke.ModeSoak))
}

func takeWait(d *draft, s string) (err error) {
	d.run.Wait, err = duration(s, 0, 4*time.Hour)
	return err
}

// rounds says when soak mode's rounds begin; its zero value is the default.
type rounds struct{ every, lasting time.Duration }

func takeEvery(d *draft, s string) (err error) {
	d.rounds.every, err = duration(s, time.Minute, 24*time.Hour)
	return err
}

func takeFor(d *draft, s string) (err error) {
	d.rounds.lasting, err = duration(s, time.Minute, 7*24*time.Hour)
	return err
}

func takeLaunches(d *draft, s string) (err error) {
	d.run.Launches, err = number(s, 1000)
	if err == nil && d.run.Launches < leastLaunches {
		err = errors.New("a round alone may make 3")
	}
	return err
}

// leastLaunches is what one round may make of a target: the raw clients' launch, the browser's and a rebuild.
const leastLaunches = 3

// schedule makes the times of soak mode's rounds.
func (l *loader) schedule(d *draft) {
	r := d.rounds
	switch {
	case r == rounds{}:
		l.out.Settings.Soak = []time.Duration{0, 10 * time.Minute, time.Hour}
		return
	case r.every == 0 || r.lasting == 0:
		l.problems.add("settings", "SMOKE_EVERY and SMOKE_FOR must be given together; got %s and %s", r.every, r.lasting)
		return
	case r.lasting < r.every:
		l.problems.add("settings", "SMOKE_FOR must be at least as long as SMOKE_EVERY; got %s and %s", r.lasting, r.every)
		return
	}
	for at := time.Duration(0); at <= r.lasting; at += r.every {
		l.out.Settings.Soak = append(l.out.Settings.Soak, at)
	}
}
