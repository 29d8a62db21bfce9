package smoke

import (
	"fmt"
	"net/url"
	"slices"
)

// resultLocked is the target's part of the report as it stands.
func (t *TargetRun) resultLocked() TargetResult {
	r := TargetResult{
		Name:     t.Name(),
		Labels:   t.Target.Labels,
		Binder:   urlText(t.Timeline.Places().Binder()),
		Hub:      urlText(t.Timeline.Places().Hub()),
		NotTried: []string{},
		Notes:    copied(t.notes),
		Changes:  slices.Clone(t.changes),
		Leaked:   copied(t.leaked),
		Findings: copied(t.findings),
		Route:    copied(t.routes),
		Phases:   copied(t.launchPhases),
	}
	if t.readiness != nil {
		ready := *t.readiness
		r.Readiness = &ready
	}
	var verdicts []Verdict
	for _, s := range t.scenarios {
		sr := s.resultLocked()
		verdicts = append(verdicts, sr.Verdict)
		r.Scenarios = append(r.Scenarios, sr)
		if sr.Verdict == Skipped || sr.Verdict == Blocked {
			r.NotTried = append(r.NotTried, fmt.Sprintf("%s (%s)", sr.Name, sr.whyNotTried()))
		}
	}
	r.Verdict = t.verdictLocked(Worst(verdicts...))
	if r.Verdict == Pass || r.Verdict == Flaky {
		if why := t.noCellLocked(); why != "" {
			r.Verdict, r.Notes = Inconclusive, append(r.Notes, why)
		}
	}
	return r
}

// copied never returns nil, so that JSON shows an empty list rather than null.
func copied[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clone(list)
}

// verdictLocked keeps a target from passing that has not ended, or that was interrupted before it had.
func (t *TargetRun) verdictLocked(v Verdict) Verdict {
	switch {
	case t.phase == under:
		return Worst(v, Running)
	case t.phase == cut && v != Failed && v != Skipped, t.expiredLocked() && v != Failed:
		return Inconclusive
	}
	return v
}

// noCellLocked tells why a target cannot pass though nothing failed: no cell ran, and nobody asked to leave that out.
func (t *TargetRun) noCellLocked() string {
	leftOut := false
	for _, s := range t.scenarios {
		for _, st := range s.steps {
			switch {
			case !st.step.Cell:
			case st.result.Verdict == Pass || st.result.Verdict == Flaky:
				return ""
			case !st.leftOut:
				return "nothing failed, but no cell ran, and nobody asked to leave that out"
			default:
				leftOut = true
			}
		}
	}
	if leftOut {
		return ""
	}
	return "nothing failed, but there was no cell to run"
}

func (s *ScenarioRun) resultLocked() ScenarioResult {
	r := ScenarioResult{Name: s.Name(), Proves: s.scenario.Proves, Steps: []StepResult{}}
	var verdicts []Verdict
	excused := false
	for _, st := range s.steps {
		result := st.resultLocked()
		excused = excused || result.Verdict == Pass && result.FailedAt != nil
		r.Steps = append(r.Steps, result)
		r.Seconds += result.Seconds
		verdicts = append(verdicts, result.Verdict)
	}
	r.Verdict = Worst(verdicts...)
	if (r.Verdict == Pass || r.Verdict == Flaky) && slices.Contains(verdicts, Blocked) && !excused {
		r.Verdict = Inconclusive // an interrupt between two steps: what the scenario proves is not proven
	}
	return r
}

// whyNotTried is the reason of the first step that has the scenario's verdict.
func (r ScenarioResult) whyNotTried() string {
	for _, st := range r.Steps {
		if st.Verdict == r.Verdict && st.Reason != "" {
			return st.Reason
		}
	}
	return string(r.Verdict)
}

func urlText(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
