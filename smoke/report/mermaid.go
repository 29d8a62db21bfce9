package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// mermaid draws the ways to a target's two hosts as a flow chart: the hops in order, how long each takes, and which is
// broken by what. Node names and classes are ours; what stands in a label can only be read.
func mermaid(t smoke.TargetResult) string {
	if len(t.Route) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart LR\n")
	for i, r := range t.Route[:min(len(t.Route), maxRoutes)] {
		fmt.Fprintf(&b, "  subgraph r%d[\"to the %s host\"]\n", i, label(r.Host))
		for k, h := range r.Hops[:min(len(r.Hops), maxHops)] {
			fmt.Fprintf(&b, "    r%dh%d[\"%s\"]:::%s\n", i, k, hopLabel(h), hopShade(h.State))
			if k > 0 {
				fmt.Fprintf(&b, "    r%dh%d --> r%dh%d\n", i, k-1, i, k)
			}
		}
		b.WriteString("  end\n")
	}
	b.WriteString("  classDef ok fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n  classDef broken fill:#ffebe9,stroke:#cf222e,color:#1f2328\n" +
		"  classDef unknown fill:#f6f8fa,stroke:#818b98,color:#1f2328\n```\n\n")
	return b.String()
}

// A target has two routes of a dozen hops; GitHub draws nothing at all of a chart that is too large.
const (
	maxRoutes = 2
	maxHops   = 20
)

func hopShade(s diagnose.State) string {
	switch s {
	case diagnose.StateOK:
		return "ok"
	case diagnose.StateBroken:
		return "broken"
	}
	return "unknown"
}

// hopLabel is a hop in up to four lines: what it is, its name, its time, and what broke it.
func hopLabel(h diagnose.RouteHop) string {
	took := ""
	if h.Seconds != nil {
		took = fmt.Sprintf("%.0f ms", 1000*time.Duration(*h.Seconds).Seconds())
	}
	parts := []string{label(string(h.Hop)), label(h.Name), took, label(h.Cause)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "<br/>")
}

// label keeps of a text what has no meaning in a chart.
func label(s string) string {
	kept := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || strings.ContainsRune(" .:-_/", r) {
			return r
		}
		return -1
	}, s)
	return bounded(kept, 60)
}
