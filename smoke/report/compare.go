package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// Times of two runs differ where one is clearly longer: by this factor, and by this much.
const (
	comparedFactor = 1.5
	comparedAtMost = 500 * time.Millisecond
)

// Compare says what differs between two runs, of which a is the earlier one.
func Compare(a, b smoke.Result) string {
	var out strings.Builder
	for _, r := range []smoke.Result{a, b} {
		fmt.Fprintf(&out, "run %s of %s: %s after %s (suite %s)\n", clean(r.RunID), r.Started.UTC().Format(time.DateTime), word(r.Verdict), seconds(time.Duration(r.Seconds)), clean(r.SuiteVersion))
	}
	same := true
	for _, name := range targetNames(a, b) {
		ta, tb := targetOf(a, name), targetOf(b, name)
		lines := differences(ta, tb)
		if len(lines) == 0 {
			continue
		}
		same = false
		fmt.Fprintf(&out, "\n%s\n", clean(name))
		for _, line := range lines {
			fmt.Fprintf(&out, "  %s\n", clip(clean(line)))
		}
	}
	if same {
		out.WriteString("\nnothing differs\n")
	}
	return out.String()
}

func targetNames(results ...smoke.Result) (names []string) {
	for _, r := range results {
		for _, t := range r.Targets {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

func targetOf(r smoke.Result, name string) *smoke.TargetResult {
	for i := range r.Targets {
		if r.Targets[i].Name == name {
			return &r.Targets[i]
		}
	}
	return nil
}

// differences are those of one target, a line each.
func differences(a, b *smoke.TargetResult) (lines []string) {
	switch {
	case a == nil:
		return []string{"is only in the second run: " + string(b.Verdict)}
	case b == nil:
		return []string{"is only in the first run: " + string(a.Verdict)}
	}
	if a.Verdict != b.Verdict {
		lines = append(lines, fmt.Sprintf("verdict: %s → %s", a.Verdict, b.Verdict))
	}
	lines = append(lines, findingsApart("appeared", b.Findings, a.Findings)...)
	lines = append(lines, findingsApart("gone", a.Findings, b.Findings)...)
	lines = append(lines, stepsApart(a, b)...)
	return append(lines, routesApart(a.Route, b.Route)...)
}

// findingsApart are the findings that only the first list has.
func findingsApart(what string, in, notIn []diagnose.Finding) (lines []string) {
	for _, f := range in {
		if !slices.ContainsFunc(notIn, func(o diagnose.Finding) bool { return o.Key == f.Key && o.Severity == f.Severity }) {
			lines = append(lines, fmt.Sprintf("%s: %s %s at hop %s: %s", what, f.Severity, f.Cause, f.Hop, f.Summary))
		}
	}
	return lines
}

// stepsApart are the steps of another verdict, or that clearly took another time.
func stepsApart(a, b *smoke.TargetResult) (lines []string) {
	before := map[string]smoke.StepResult{}
	for _, sc := range a.Scenarios {
		for _, st := range sc.Steps {
			before[sc.Name+"/"+st.Name] = st
		}
	}
	for _, sc := range b.Scenarios {
		for _, st := range sc.Steps {
			id := sc.Name + "/" + st.Name
			old, ok := before[id]
			delete(before, id)
			switch {
			case !ok:
				lines = append(lines, fmt.Sprintf("step %s: new, %s", id, st.Verdict))
			case old.Verdict != st.Verdict:
				lines = append(lines, fmt.Sprintf("step %s: %s → %s", id, old.Verdict, st.Verdict))
			case st.Verdict == smoke.Pass && apart(old.Seconds, st.Seconds):
				lines = append(lines, fmt.Sprintf("step %s: %s → %s", id, shortly(old.Seconds), shortly(st.Seconds)))
			}
		}
	}
	return append(lines, lost(a, before)...)
}

// lost are the steps that the second run does not have, in their order.
func lost(a *smoke.TargetResult, left map[string]smoke.StepResult) (lines []string) {
	for _, sc := range a.Scenarios {
		for _, st := range sc.Steps {
			if _, ok := left[sc.Name+"/"+st.Name]; ok {
				lines = append(lines, fmt.Sprintf("step %s/%s: only in the first run", sc.Name, st.Name))
			}
		}
	}
	return lines
}

func apart(a, b wire.Seconds) bool {
	short, long := time.Duration(min(a, b)), time.Duration(max(a, b))
	return long-short >= comparedAtMost && float64(long) >= comparedFactor*float64(short)
}

func shortly(s wire.Seconds) string { return fmt.Sprintf("%.1f s", time.Duration(s).Seconds()) }

// routesApart are the hops that are others, or in another state.
func routesApart(a, b []diagnose.Route) (lines []string) {
	for _, host := range []string{"binder", "hub"} {
		before, after := hopsOf(a, host), hopsOf(b, host)
		for _, h := range after {
			i := slices.IndexFunc(before, func(o diagnose.RouteHop) bool { return o.Hop == h.Hop })
			switch {
			case i < 0 && len(before) > 0:
				lines = append(lines, fmt.Sprintf("route to the %s host: %s is new: %s", host, h.Hop, described(h)))
			case i >= 0 && described(before[i]) != described(h):
				lines = append(lines, fmt.Sprintf("route to the %s host: %s: %s → %s", host, h.Hop, described(before[i]), described(h)))
			}
		}
		for _, h := range before {
			if len(after) > 0 && !slices.ContainsFunc(after, func(o diagnose.RouteHop) bool { return o.Hop == h.Hop }) {
				lines = append(lines, fmt.Sprintf("route to the %s host: %s was not seen: %s", host, h.Hop, described(h)))
			}
		}
	}
	return lines
}

func hopsOf(routes []diagnose.Route, host string) []diagnose.RouteHop {
	for _, r := range routes {
		if r.Host == host {
			return r.Hops
		}
	}
	return nil
}

func described(h diagnose.RouteHop) string {
	text := cmp.Or(h.Name, string(h.Hop))
	for _, add := range h.Adds {
		if strings.HasPrefix(add, "X-Jupyterhub-Version: ") {
			text += ", " + add
		}
	}
	if h.State == diagnose.StateBroken {
		text += " (broken: " + h.Cause + ")"
	}
	return text
}
