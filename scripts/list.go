package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/settings"
)

// list shows what would run. It needs no credentials: a workflow makes its matrix of it, in a job that is given none.
func (p *program) list(args []string) int {
	loaded, err := p.loadFrom(settings.Source{Args: args, Look: true})
	if err != nil {
		return p.fail(err)
	}
	targets := loaded.Settings.Targets
	if len(targets) == 0 {
		t := loaded.LoopbackDefaults()
		t.Name = "(the deployment on loopback)"
		targets = append(targets, t)
	}
	var b strings.Builder
	for i, t := range targets {
		if i > 0 {
			b.WriteString("\n")
		}
		listTarget(&b, loaded.Settings.Mode, t)
	}
	p.print(b.String())
	return report.ExitPass
}

func listTarget(b *strings.Builder, mode smoke.Mode, t smoke.Target) {
	b.WriteString(t.Name + "\n")
	listHosts(b, t)
	listDemands(b, t)
	scenarios := describe(mode, t)
	skipped := smoke.Plan(mode, t, scenarios)
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

// listHosts shows where a target is and what is launched there.
func listHosts(b *strings.Builder, t smoke.Target) {
	if t.Binder != nil {
		fmt.Fprintf(b, "  binder %s\n", t.Binder)
	}
	switch {
	case t.Hub != nil:
		fmt.Fprintf(b, "  hub    %s\n", t.Hub)
	case t.Binder != nil:
		b.WriteString("  hub    learned from a launch\n")
	}
	if t.Kind != smoke.KindJupyterHub {
		fmt.Fprintf(b, "  spec   %s\n", t.Spec)
	}
}

// listDemands shows what is asked of the target beyond the usual, where something is.
func listDemands(b *strings.Builder, t smoke.Target) {
	for _, demand := range []struct {
		name   string
		values []string
	}{
		{"labels", pairs(t.Labels)},
		{"login", login(t)},
		{"known", known(t.Known)},
		{"expect", expectations(t.Expect)},
		{"notebooks", t.Notebooks},
		{"egress", t.Egress},
		{"isolation", t.Isolation},
		{"metadata", nonEmpty(t.Metadata)},
	} {
		if len(demand.values) > 0 {
			fmt.Fprintf(b, "  %-6s %s\n", demand.name, strings.Join(demand.values, ", "))
		}
	}
}

// expectations are what is expected of the software, each in a word or two.
func expectations(e smoke.Expect) []string {
	var all []string
	for _, of := range slices.Sorted(maps.Keys(e.Versions)) {
		all = append(all, of+" "+e.Versions[of])
	}
	for _, version := range nonEmpty(e.Python) {
		all = append(all, "python "+version)
	}
	for _, name := range e.Packages {
		all = append(all, "package "+name)
	}
	for _, name := range e.Files {
		all = append(all, "file "+name)
	}
	return all
}

// nonEmpty is s alone, or nothing.
func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// pairs are labels, each as SMOKE_TARGETS takes it.
func pairs(labels map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	return all
}

// login says how a target knows us, without the secrets.
func login(t smoke.Target) []string {
	var all []string
	if t.Token != "" {
		all = append(all, "API token (header login)")
	}
	if l := t.Credentials.Login; l != nil {
		all = append(all, "login form, as "+l.User)
	}
	if len(t.Credentials.Cookies) > 0 {
		all = append(all, "saved cookies")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		all = append(all, "header "+name)
	}
	if t.Credentials.Certificate != nil {
		all = append(all, "client certificate")
	}
	return all
}

// known are the causes that only warn.
func known(list []smoke.Known) []string {
	var all []string
	for _, k := range list {
		all = append(all, k.Cause+" ("+k.String()+")")
	}
	return all
}
