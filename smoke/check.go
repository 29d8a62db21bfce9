package smoke

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var idPattern = regexp.MustCompile(`^[a-z0-9-]+$`)

// Check tells whether scenarios are sound, one error for each defect: ids are unique, whatever a name refers to exists,
// budgets are set, and no step waits for itself. A run begins only with scenarios that are.
func Check(scenarios []Scenario) error {
	var defects []error
	seen := map[string]bool{}
	for _, sc := range scenarios {
		if seen[sc.Name] {
			defects = append(defects, fmt.Errorf("scenario %s is there twice", sc.Name))
		}
		seen[sc.Name] = true
		for _, defect := range checkScenario(scenarios, sc) {
			defects = append(defects, fmt.Errorf("scenario %s %w", sc.Name, defect))
		}
		for i, st := range sc.Steps {
			for _, defect := range checkStep(scenarios, sc, i) {
				defects = append(defects, fmt.Errorf("step %s %w", id(sc, st), defect))
			}
		}
	}
	if len(defects) == 0 { // only names that exist can be followed
		defects = append(defects, checkWaiting(scenarios))
	}
	return errors.Join(defects...)
}

func checkScenario(all []Scenario, sc Scenario) []error {
	var defects []error
	note := func(bad bool, format string, args ...any) {
		if bad {
			defects = append(defects, fmt.Errorf(format, args...))
		}
	}
	note(!idPattern.MatchString(sc.Name), "must have a name of a-z, 0-9 and -")
	note(strings.TrimSpace(sc.Proves) == "", "must say what it proves")
	note(len(sc.Steps) == 0, "must have steps")
	note(sc.Last && len(sc.Needs) > 0, "comes last whatever happened, so it can need nothing")
	for _, other := range sc.After {
		note(!slices.ContainsFunc(all, func(o Scenario) bool { return o.Name == other }), "comes after %s, which does not exist", other)
	}
	for _, need := range sc.Needs {
		note(len(needed(all, need)) == 0, "needs %s, which does not exist or decides nothing", need)
	}
	return defects
}

func checkStep(all []Scenario, sc Scenario, i int) []error {
	var defects []error
	note := func(bad bool, format string, args ...any) {
		if bad {
			defects = append(defects, fmt.Errorf(format, args...))
		}
	}
	st := sc.Steps[i]
	named := func(name string) func(Step) bool { return func(o Step) bool { return o.Name == name } }
	note(!idPattern.MatchString(st.Name), "must have a name of a-z, 0-9 and -")
	note(slices.ContainsFunc(sc.Steps[:i], named(st.Name)), "is there twice")
	note(st.Budget <= 0, "must have a budget")
	note(st.Do == nil, "must do something")
	note(len(st.After) > 0 && !st.Independent, "follows the step before it, so it can have no After")
	for _, after := range st.After {
		note(!slices.ContainsFunc(sc.Steps[:i], named(after)), "comes after %s, which is no earlier step of its scenario", after)
	}
	if st.Settle != nil {
		note(!st.Independent, "settles later, so it must be independent")
		note(st.Settle.Decide == nil, "must decide how it settles")
		note(!strings.Contains(st.Settle.After, "/") || len(needed(all, st.Settle.After)) == 0, "settles after %s, which is no step", st.Settle.After)
	}
	return defects
}

// needed is the steps that a need stands for: the one that it names, or those of the scenario that decide whether what
// needs it can run.
func needed(all []Scenario, need string) []string {
	name, step, one := strings.Cut(need, "/")
	var found []string
	for sc, st := range eachStep(all) {
		if sc.Name == name && (one && st.Name == step || !one && st.inOrder()) {
			found = append(found, id(sc, st))
		}
	}
	return found
}

// checkWaiting finds steps that would wait for themselves. A step has two moments: "did", when Do has returned and its
// scenario goes on, and "ended", when its verdict is settled and whoever needs it goes on.
func checkWaiting(scenarios []Scenario) error {
	w := waits{}
	var first []string // ends of the scenarios that are not last
	for sc, st := range eachStep(scenarios) {
		if !sc.Last {
			first = append(first, ended(id(sc, st)))
		}
	}
	for _, sc := range scenarios {
		w.add(scenarios, sc, first)
	}
	for sc, st := range eachStep(scenarios) {
		if circle := w.circle(ended(id(sc, st)), nil); circle != nil {
			return fmt.Errorf("steps wait for each other: %s", strings.Join(circle, " waits for "))
		}
	}
	return nil
}

// waits holds for each moment those that must come before it.
type waits map[string][]string

func ended(id string) string { return id + " to end" }

func (w waits) add(all []Scenario, sc Scenario, first []string) {
	var before []string
	if sc.Last {
		before = first
	}
	for _, need := range sc.Needs {
		for _, id := range needed(all, need) {
			before = append(before, ended(id))
		}
	}
	for other, st := range eachStep(all) {
		if slices.Contains(sc.After, other.Name) {
			before = append(before, ended(id(other, st)))
		}
	}
	for _, st := range sc.Steps {
		did, end := id(sc, st), ended(id(sc, st))
		w[did] = slices.Clone(before)
		for _, after := range st.After {
			w[did] = append(w[did], ended(sc.Name+"/"+after))
		}
		w[end] = []string{did}
		if st.Settle != nil {
			w[end] = append(w[end], ended(st.Settle.After))
		}
		before = []string{did}
	}
}

// circle follows a moment back; it returns the way when that meets itself. Where it found none it forgets the edges, so
// that each is followed once.
func (w waits) circle(moment string, way []string) []string {
	if i := slices.Index(way, moment); i >= 0 {
		return append(slices.Clone(way[i:]), moment)
	}
	for _, earlier := range w[moment] {
		if found := w.circle(earlier, append(way, moment)); found != nil {
			return found
		}
	}
	w[moment] = nil
	return nil
}
