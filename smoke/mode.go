package smoke

import (
	"slices"
	"time"
)

// Mode is how much a run tests.
type Mode string

// The modes. The zero Mode is ModeGate.
const (
	ModeGate  Mode = "gate"  // everything, as after a redeploy
	ModeQuick Mode = "quick" // the hosts only: nothing is launched
	ModeSoak  Mode = "soak"  // the gate again and again
)

// ReasonQuick is the reason of a step that is skipped because quick mode leaves it out.
const ReasonQuick = "not in quick mode"

// Bounds of quick mode. It is to be run every minute, also of a deployment that lets every request hang: it has ended then
// before the next one begins.
const (
	quickBudget = 8 * time.Second // of a step, at most
	quickProbes = time.Second     // for the diagnosis's questions, in all
)

// confine leaves out what is not of the hosts, for a reason.
func (c choice) confine(scenarios []Scenario, reason string) {
	for sc, st := range eachStep(scenarios) {
		if _, decided := c[id(sc, st)]; !sc.Host && !decided {
			c[id(sc, st)] = reason
		}
	}
}

// hasty returns scenarios with the time budgets of quick mode.
func hasty(scenarios []Scenario) []Scenario {
	out := slices.Clone(scenarios)
	for i, sc := range out {
		out[i].Steps = slices.Clone(sc.Steps)
		for k, st := range sc.Steps {
			out[i].Steps[k].Budget = min(st.Budget, quickBudget)
		}
	}
	return out
}
