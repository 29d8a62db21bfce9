package main

import (
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// check reads the settings, says in a line what they come to, and addresses nobody.
func (p *program) check(args []string) int {
	loaded, err := p.load(args)
	if err != nil {
		return p.fail(err)
	}
	file := "no settings file"
	if loaded.File != "" {
		file = short(loaded.File)
	}
	targets := loaded.Settings.Targets
	for _, t := range targets {
		for _, k := range t.Known {
			if k.Expired(time.Now()) {
				p.say("%s: %s was %s; that day is over, and it fails again", t.Name, k.Cause, k)
			}
		}
	}
	p.print(fmt.Sprintf("%s: the settings are in order; %s\n", file, counted(targets)))
	return report.ExitPass
}

// counted says how many targets there are, and their names where these fit a line.
func counted(targets []smoke.Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.Name)
	}
	switch list := strings.Join(names, ", "); {
	case len(names) == 0:
		return "without a target the deployment on loopback is tested"
	case len(names) == 1:
		return "one target: " + list
	case len(list) <= 100:
		return fmt.Sprintf("%d targets: %s", len(names), list)
	default:
		return fmt.Sprintf("%d targets: %s to %s", len(names), names[0], names[len(names)-1])
	}
}
