package report

import (
	"fmt"
	"slices"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// mermaid draws a target's journey as a flow chart: its scenarios in order, and beside those that broke the hop and the
// cause. Node names and classes are ours; what stands in a label can only be read.
func mermaid(t smoke.TargetResult) string {
	if len(t.Scenarios) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart LR\n")
	for i, sc := range t.Scenarios {
		fmt.Fprintf(&b, "  s%d[\"%s: %s\"]:::%s\n", i, label(sc.Name), label(word(sc.Verdict)), shade(sc.Verdict))
		if i > 0 {
			fmt.Fprintf(&b, "  s%d --> s%d\n", i-1, i)
		}
	}
	for i, f := range worstFirst(t.Findings)[:min(len(t.Findings), maxDrawn)] {
		at := slices.IndexFunc(t.Scenarios, func(sc smoke.ScenarioResult) bool { return sc.Name == f.Scenario })
		if at < 0 {
			continue
		}
		fmt.Fprintf(&b, "  f%d([\"%s at hop %s\"]):::%s\n  s%d -.- f%d\n", i, label(f.Cause), label(string(f.Hop)), findingShade(f), at, i)
	}
	b.WriteString("  classDef good fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n  classDef bad fill:#ffebe9,stroke:#cf222e,color:#1f2328\n" +
		"  classDef odd fill:#fff8c5,stroke:#9a6700,color:#1f2328\n  classDef none fill:#f6f8fa,stroke:#818b98,color:#1f2328\n```\n\n")
	return b.String()
}

// maxDrawn bounds the findings of a drawing: GitHub draws none that is too large.
const maxDrawn = 20

// shade is the class of a verdict's node.
func shade(v smoke.Verdict) string {
	switch v {
	case smoke.Pass:
		return "good"
	case smoke.Failed:
		return "bad"
	case smoke.Skipped, smoke.Blocked, "":
		return "none"
	}
	return "odd"
}

func findingShade(f diagnose.Finding) string { return shade(severityVerdict[f.Severity]) }

// label keeps of a text what has no meaning in a drawing.
func label(s string) string {
	kept := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || strings.ContainsRune(" .-_/", r) {
			return r
		}
		return -1
	}, s)
	return bounded(kept, 60)
}
