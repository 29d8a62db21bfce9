package smoke

import "slices"

// Plan tells of every step ("scenario/step") that the mode and a target's settings keep from running, why; what is not in it
// would run.
func Plan(mode Mode, target Target, scenarios []Scenario) map[string]string {
	c := choose(scenarios, target, nil)
	if mode == ModeQuick {
		c.confine(scenarios, ReasonQuick)
	}
	return c
}

// Budgeted returns scenarios with the time budgets that the mode and a target's settings give their steps.
func Budgeted(mode Mode, scenarios []Scenario, target Target) []Scenario {
	if mode == ModeQuick {
		scenarios = hasty(scenarios)
	}
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
