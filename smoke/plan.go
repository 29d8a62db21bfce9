package smoke

import "slices"

// Plan tells of every step ("scenario/step") that a target's settings keep from running, why; what is not in it would run.
func Plan(target Target, scenarios []Scenario) map[string]string {
	return choose(scenarios, target, nil)
}

// Budgeted returns scenarios with the time budgets that a target's settings give their steps.
func Budgeted(scenarios []Scenario, target Target) []Scenario {
	if len(target.Budgets) == 0 {
		return scenarios
	}
	out := slices.Clone(scenarios)
	for i, sc := range out {
		out[i].Steps = slices.Clone(sc.Steps)
		for k, st := range sc.Steps {
			if budget, ok := target.Budgets[id(sc, st)]; ok {
				out[i].Steps[k].Budget = budget
			}
		}
	}
	return out
}
