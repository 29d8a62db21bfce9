package smoke

import (
	"slices"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// Explain diagnoses a recorded timeline, without a network. The target's name is that of the recording, or else the given
// one. Steps that did not run leave no trace in a timeline, so they are not in the result.
func Explain(name string, rec wire.Recording) TargetResult {
	if rec.Run.Target != "" {
		name = rec.Run.Target
	}
	r := TargetResult{
		Name: name, Binder: rec.Run.Binder, Hub: rec.Run.Hub, NotTried: []string{}, Leaked: []Leak{}, Notes: recordingNotes(rec),
		Scenarios: recordedSteps(rec),
	}
	r.Reexamine(rec)
	var verdicts []Verdict
	for i := range r.Scenarios {
		sc := &r.Scenarios[i]
		var steps []Verdict
		for _, st := range sc.Steps {
			steps = append(steps, st.Verdict)
		}
		sc.Verdict = Worst(steps...)
		verdicts = append(verdicts, sc.Verdict)
	}
	if !rec.Ended {
		verdicts = append(verdicts, Running)
	}
	r.Verdict = Worst(verdicts...)
	return r
}

// Reexamine replaces findings and routes by what the recording shows, and what the steps say of findings.
func (t *TargetResult) Reexamine(rec wire.Recording) {
	d := diagnose.Examine(t.Name, slices.Values(rec.Records))
	t.Findings, t.Route = copied(d.Findings), copied(d.Routes)
	for i := range t.Scenarios {
		for k := range t.Scenarios[i].Steps {
			st := &t.Scenarios[i].Steps[k]
			f, ok := diagnose.Of(d.Findings, t.Scenarios[i].Name, st.Name)
			st.Finding = f.Key
			if ok && st.Verdict == Failed && f.Severity == diagnose.Inconclusive {
				st.Verdict = Inconclusive
			}
		}
	}
}

func recordingNotes(rec wire.Recording) []string {
	notes := []string{}
	if !rec.Ended {
		notes = append(notes, "the recording has no end: the run was killed, or it goes on")
	}
	if rec.Damaged {
		notes = append(notes, "the last line of the recording is damaged and was passed over")
	}
	return notes
}

// recordedSteps are the steps that ended, each with what it came to last.
func recordedSteps(rec wire.Recording) []ScenarioResult {
	scenarios := []ScenarioResult{}
	for _, n := range wire.Notes(slices.Values(rec.Records)) {
		if n.Note.Step == nil {
			continue
		}
		i := slices.IndexFunc(scenarios, func(sc ScenarioResult) bool { return sc.Name == n.Scenario })
		if i < 0 {
			i = len(scenarios)
			scenarios = append(scenarios, ScenarioResult{Name: n.Scenario})
		}
		st := StepResult{Name: n.Step, Verdict: Verdict(n.Note.Step.Verdict), Reason: n.Note.Step.Error}
		steps := &scenarios[i].Steps
		if k := slices.IndexFunc(*steps, func(o StepResult) bool { return o.Name == n.Step }); k >= 0 {
			(*steps)[k] = st
		} else {
			*steps = append(*steps, st)
		}
	}
	return scenarios
}
