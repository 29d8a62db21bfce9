package diagnose

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"binderhub-smoke/smoke/wire"
)

// Unrecognised is the cause of a finding that no rule explains. It names hop and signature all the same.
const Unrecognised = "unrecognised"

// Diagnosis is what the timeline of a target proves, and what would prove more.
type Diagnosis struct {
	Findings []Finding
	Routes   []Route // to both hosts
	Asks     []Probe // whose answers would tell the findings' causes from their look-alikes
}

// Diagnose says what the timeline of a target proves. It starts from the steps that failed, could not test or warned, and
// yields one finding per host and cause, in the order in which the proofs came in; further proofs of the same cause are in
// Also. It reads nothing but the records, so the same records always give the same findings.
func Diagnose(target string, records iter.Seq[wire.Record]) []Finding {
	return Examine(target, records).Findings
}

// Examine is Diagnose, with the probes that would tell more and the way of the requests.
func Examine(target string, records iter.Seq[wire.Record]) Diagnosis {
	kept := slices.Collect(records)
	notes := wire.Notes(slices.Values(kept))
	seen := newEvidence(wire.Fold(slices.Values(kept)), notes)
	var d Diagnosis
	for _, v := range views(seen, notes) {
		c := v.cause()
		d.add(v.finding(target, c))
		for _, p := range v.asks(c) {
			if !slices.Contains(d.Asks, p) {
				d.Asks = append(d.Asks, p)
			}
		}
	}
	d.Findings = mute(d.Findings)
	d.Routes = routes(seen.all, d.Findings)
	return d
}

// add adds a finding, or takes it into the one of the same key.
func (d *Diagnosis) add(f Finding) {
	if i := slices.IndexFunc(d.Findings, func(g Finding) bool { return g.Key == f.Key }); i >= 0 {
		d.Findings[i].absorb(f)
		return
	}
	d.Findings = append(d.Findings, f)
}

// Of returns the finding that explains a step.
func Of(findings []Finding, scenario, step string) (Finding, bool) {
	name := wire.StepName{Scenario: scenario, Step: step}.String()
	for _, f := range findings {
		if f.step() == name || slices.Contains(f.Also, name) {
			return f, true
		}
	}
	return Finding{}, false
}

// views returns what is to be explained, in the order in which the proofs came in. Of several notes of one step the last
// counts: a repeat or a settled verdict replaces what went before.
func views(seen *evidence, notes []wire.StepNote) []*View {
	last := map[wire.StepName]int{}
	for i, n := range notes {
		if n.Note.Step != nil {
			last[wire.StepName{Scenario: n.Scenario, Step: n.Step}] = i
		}
	}
	var out []*View
	for i, n := range notes {
		if n.Note.Step == nil || last[wire.StepName{Scenario: n.Scenario, Step: n.Step}] != i || !explains(*n.Note.Step) {
			continue
		}
		out = append(out, newView(seen, n))
	}
	slices.SortStableFunc(out, func(a, b *View) int { return cmp.Compare(a.provedAt(), b.provedAt()) })
	return out
}

// explains tells whether a step's end calls for a finding.
func explains(end wire.StepEnd) bool {
	return end.Verdict == "fail" || end.Verdict == "inconclusive" || (passed(end) && end.Fault != nil)
}

// passed tells whether a step passed, if only when it was repeated.
func passed(end wire.StepEnd) bool { return end.Verdict == "pass" || end.Verdict == "flaky" }

func (f *Finding) step() string {
	return wire.StepName{Scenario: f.Scenario, Step: f.Step}.String()
}

// absorb takes in a further proof: its steps, its exchanges, its suspects, and the worse severity.
func (f *Finding) absorb(g Finding) {
	for _, step := range append([]string{g.step()}, g.Also...) {
		if step != f.step() && !slices.Contains(f.Also, step) {
			f.Also = append(f.Also, step)
		}
	}
	for _, id := range g.Exchanges {
		if !slices.Contains(f.Exchanges, id) {
			f.Exchanges = append(f.Exchanges, id)
		}
	}
	f.Severity = worse(f.Severity, g.Severity)
}

// rank orders severities by how bad they are.
var rank = map[Severity]int{Warn: 1, Inconclusive: 2, Fail: 3}

func worse(a, b Severity) Severity {
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// WorstFirst orders findings as a reader wants them: what fails, then what could not be tested, then warnings.
func WorstFirst(findings []Finding) []Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return rank[b.Severity] - rank[a.Severity] })
	return sorted
}

// mute drops the findings that another one explains, and keeps their steps in the one that explains them.
func mute(found []Finding) []Finding {
	var out []Finding
	for i, f := range found {
		if by := mutedBy(found, i); by >= 0 {
			severity := found[by].Severity
			found[by].absorb(f)
			found[by].Severity = severity
			continue
		}
		out = append(out, f)
	}
	for i := range out {
		j := slices.IndexFunc(found, func(g Finding) bool { return g.Key == out[i].Key })
		out[i] = found[j]
	}
	return out
}

// mutedBy returns the finding that mutes the i-th, or -1. A finding that is itself muted still mutes: what explains the
// explanation explains all of it.
func mutedBy(found []Finding, i int) int {
	return slices.IndexFunc(found, func(g Finding) bool {
		c, ok := causes[g.Cause]
		if !ok || g.Key == found[i].Key || worse(g.Severity, found[i].Severity) != g.Severity {
			return false
		}
		if host(g.Role) == host(found[i].Role) && slices.Contains(c.Mutes, found[i].Cause) {
			return true
		}
		return slices.Contains(c.MutesLaunch, found[i].Cause) && found[i].Scenario == "launch"
	})
}

// host is the part of a finding's key that says on which of the target's two hosts the cause is. User servers are on the
// hub host.
func host(role wire.Role) string {
	if role == wire.RoleHub || role == wire.RoleServer {
		return "hub"
	}
	return "binder"
}

func key(target string, role wire.Role, cause string) string {
	return fmt.Sprintf("%s|%s|%s", target, host(role), cause)
}
