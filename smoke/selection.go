package smoke

import (
	"slices"
	"strings"
)

// choice is what was decided about a step before the run: empty runs it, else it is skipped for this reason.
type choice map[string]string

// Reasons for which a step is not run. They end up in the report, after the name of what was not tried.
const (
	reasonNotAsked = "not asked for"
	reasonSkip     = "skip asked for"
)

// choose decides which steps run: those named by only (all when empty) and whatever they need, less those named by skip.
// Names are "scenario" or "scenario/step". filter, when set, must hold too.
func choose(scenarios []Scenario, only, skip []string, filter func(scenario, step string) bool) choice {
	wanted := map[string]bool{}
	for _, sc := range scenarios {
		for _, st := range sc.Steps {
			named := len(only) == 0 || slices.Contains(only, sc.Name) || slices.Contains(only, sc.Name+"/"+st.Name)
			if named && (filter == nil || filter(sc.Name, st.Name)) {
				addNeeds(scenarios, wanted, sc, st)
			}
		}
	}
	decided := choice{}
	for _, sc := range scenarios {
		for _, st := range sc.Steps {
			id := sc.Name + "/" + st.Name
			switch {
			case slices.Contains(skip, sc.Name) || slices.Contains(skip, id):
				decided[id] = reasonSkip
			case !wanted[id] && !(sc.Last && len(wanted) > 0) && !(st.Always && begins(wanted, sc)):
				decided[id] = reasonNotAsked
			}
		}
	}
	return decided
}

// begins tells whether any step of a scenario is wanted, so that what must always be tidied up is.
func begins(wanted map[string]bool, sc Scenario) bool {
	return slices.ContainsFunc(sc.Steps, func(st Step) bool { return wanted[sc.Name+"/"+st.Name] })
}

// addNeeds marks a step and everything that must have run before it.
func addNeeds(scenarios []Scenario, wanted map[string]bool, sc Scenario, st Step) {
	id := sc.Name + "/" + st.Name
	if wanted[id] {
		return
	}
	wanted[id] = true
	for _, earlier := range sc.Steps {
		if earlier.Name == st.Name {
			break
		}
		if neededBy(earlier, st) {
			addNeeds(scenarios, wanted, sc, earlier)
		}
	}
	for _, need := range sc.Needs {
		addNeed(scenarios, wanted, need)
	}
}

// neededBy tells whether a step must not run when an earlier one of its scenario did not pass.
func neededBy(earlier, st Step) bool {
	if slices.Contains(st.After, earlier.Name) {
		return true
	}
	return !st.Independent && !st.Always && !earlier.Independent
}

func addNeed(scenarios []Scenario, wanted map[string]bool, need string) {
	name, step, one := strings.Cut(need, "/")
	for _, sc := range scenarios {
		if sc.Name != name {
			continue
		}
		for _, st := range sc.Steps {
			if !one && !st.Independent || st.Name == step {
				addNeeds(scenarios, wanted, sc, st)
			}
		}
	}
}
