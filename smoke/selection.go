package smoke

import (
	"slices"
	"strings"
)

// Ask is what a filter says of a step.
type Ask int

// What a filter may say. A step that is only not asked for runs all the same where another needs it; of one that is to be
// left out, what needs it is left out too.
const (
	Asked Ask = iota
	NotAsked
	LeftOut
)

// choice holds the steps that do not run, and why. It was made before the run.
type choice map[string]string

// ReasonNotAsked is the reason of a step that is skipped because the user asked for others.
const ReasonNotAsked = "not asked for"

// reasonSkip is that of a step that the user asked to skip. Both end up in the report, after the name of what was not tried.
const reasonSkip = "skip asked for"

// choose decides which steps run: those named by the target's settings (all when they name none) and whatever they need,
// less those that are to be skipped. filter, when set, chooses among the steps that would run without it.
func choose(scenarios []Scenario, t Target, filter func(scenario, step string) Ask) choice {
	skipped := func(sc Scenario, st Step) bool {
		return names(t.Skip, sc, st) || filter != nil && filter(sc.Name, st.Name) == LeftOut
	}
	wanted := closure(scenarios, func(sc Scenario, st Step) bool { return len(t.Scenarios) == 0 || names(t.Scenarios, sc, st) })
	if filter != nil {
		named := wanted
		wanted = closure(scenarios, func(sc Scenario, st Step) bool {
			return runs(named, sc, st) && filter(sc.Name, st.Name) == Asked
		})
	}
	decided := choice{}
	for sc, st := range eachStep(scenarios) {
		switch {
		case skipped(sc, st):
			decided[id(sc, st)] = reasonSkip
		case !runs(wanted, sc, st):
			decided[id(sc, st)] = ReasonNotAsked
		}
	}
	return decided
}

// id names a step as settings do.
func id(sc Scenario, st Step) string { return sc.Name + "/" + st.Name }

func eachStep(scenarios []Scenario) func(yield func(Scenario, Step) bool) {
	return func(yield func(Scenario, Step) bool) {
		for _, sc := range scenarios {
			for _, st := range sc.Steps {
				if !yield(sc, st) {
					return
				}
			}
		}
	}
}

// names tells whether a setting names a step, or its scenario.
func names(setting []string, sc Scenario, st Step) bool {
	return slices.Contains(setting, sc.Name) || slices.Contains(setting, id(sc, st))
}

// closure is the steps for which seed holds, with everything that they need.
func closure(scenarios []Scenario, seed func(Scenario, Step) bool) map[string]bool {
	wanted := map[string]bool{}
	for sc, st := range eachStep(scenarios) {
		if seed(sc, st) {
			addNeeds(scenarios, wanted, sc, st)
		}
	}
	return wanted
}

// runs tells whether a step runs when the wanted ones do: what tidies up after them runs beside them.
func runs(wanted map[string]bool, sc Scenario, st Step) bool {
	return wanted[id(sc, st)] || sc.Last && len(wanted) > 0 || st.Always && begins(wanted, sc)
}

// begins tells whether any step of a scenario is wanted.
func begins(wanted map[string]bool, sc Scenario) bool {
	return slices.ContainsFunc(sc.Steps, func(st Step) bool { return wanted[id(sc, st)] })
}

// addNeeds marks a step and everything that must have run before it.
func addNeeds(scenarios []Scenario, wanted map[string]bool, sc Scenario, st Step) {
	if wanted[id(sc, st)] {
		return
	}
	wanted[id(sc, st)] = true
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

// neededBy tells whether a step makes no sense without an earlier one of its scenario. Asked for by itself, an Always step
// comes with what it tidies up.
func neededBy(earlier, st Step) bool {
	return slices.Contains(st.After, earlier.Name) || !st.Independent && earlier.inOrder()
}

func addNeed(scenarios []Scenario, wanted map[string]bool, need string) {
	name, step, one := strings.Cut(need, "/")
	for sc, st := range eachStep(scenarios) {
		if sc.Name == name && (one && st.Name == step || !one && st.inOrder()) {
			addNeeds(scenarios, wanted, sc, st)
		}
	}
}
