package main

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report"
)

// runbook prints the runbook, or the sections of the given causes and steps (scenario/step).
func (p *program) runbook(args []string) int {
	if len(args) == 0 {
		p.print(diagnose.Runbook())
		return report.ExitPass
	}
	for _, id := range args {
		section, ok := diagnose.Section(sectionID(id))
		if !ok {
			return p.fail(fmt.Errorf("the runbook has no section %q; without one all of it is printed", id))
		}
		p.print(section + "\n")
	}
	return report.ExitPass
}

// sectionID lets a step be named as everywhere else.
func sectionID(id string) string {
	if scenario, step, ok := strings.Cut(id, "/"); ok {
		return "step-" + scenario + "-" + step
	}
	return id
}
