package main

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// list shows what would run.
func (p *program) list(args []string) int {
	loaded, err := p.load(args)
	if err != nil {
		return p.fail(err)
	}
	targets := loaded.Settings.Targets
	if len(targets) == 0 {
		t := loaded.Defaults
		t.Name = "(the deployment on loopback)"
		targets = append(targets, t)
	}
	var b strings.Builder
	for i, t := range targets {
		if i > 0 {
			b.WriteString("\n")
		}
		listTarget(&b, t)
	}
	p.print(b.String())
	return report.ExitPass
}

func listTarget(b *strings.Builder, t smoke.Target) {
	b.WriteString(t.Name + "\n")
	if t.Binder != nil {
		hub := "learned from a launch"
		if t.Hub != nil {
			hub = t.Hub.String()
		}
		fmt.Fprintf(b, "  binder %s\n  hub    %s\n", t.Binder, hub)
	}
	fmt.Fprintf(b, "  spec   %s\n", t.Spec)
	scenarios := describe(t)
	skipped := smoke.Plan(t, scenarios)
	for _, sc := range scenarios {
		fmt.Fprintf(b, "  %s: %s\n", sc.Name, sc.Proves)
		if len(sc.Needs) > 0 {
			fmt.Fprintf(b, "    needs %s\n", strings.Join(sc.Needs, ", "))
		}
		for _, st := range sc.Steps {
			state := fmt.Sprintf("up to %.0f s", st.Budget.Seconds())
			if why := skipped[sc.Name+"/"+st.Name]; why != "" {
				state = "would not run: " + why
			}
			fmt.Fprintf(b, "    %-12s %s\n", st.Name, state)
		}
	}
}
