package web

import (
	"fmt"
	"html/template"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// scenarioView is one scenario with its steps.
type scenarioView struct {
	smoke.ScenarioResult
	target *targetView
}

// Journeys are the target's scenarios.
func (t *targetView) Journeys() (views []scenarioView) {
	for _, sc := range t.Scenarios {
		views = append(views, scenarioView{sc, t})
	}
	return views
}

// Open tells whether the scenario is shown unfolded.
func (s scenarioView) Open() bool {
	return s.Verdict != smoke.Pass && s.Verdict != smoke.Skipped && s.Verdict != smoke.Blocked
}

// Took is the sum of its steps, or nothing where none ran.
func (s scenarioView) Took() string {
	if s.Verdict == smoke.Skipped || s.Verdict == smoke.Blocked {
		return ""
	}
	return took(s.Seconds)
}

// Rows are its steps.
func (s scenarioView) Rows() (rows []stepView) {
	for _, st := range s.Steps {
		rows = append(rows, stepView{st, s})
	}
	return rows
}

// stepView is one step.
type stepView struct {
	smoke.StepResult
	scenario scenarioView
}

// Ran tells whether there is a time to show.
func (s stepView) Ran() bool {
	return s.Seconds > 0 && s.Verdict != smoke.Skipped && s.Verdict != smoke.Blocked
}

// Took is the step's time.
func (s stepView) Took() string { return took(s.Seconds) }

// Budget is the step's time budget.
func (s stepView) Budget() string { return took(s.BudgetSeconds) }

// Share is how much of its budget the step took, in percent, at least one that can be seen.
func (s stepView) Share() int {
	if s.BudgetSeconds <= 0 {
		return 0
	}
	return int(min(100, max(1, 100*float64(s.Seconds)/float64(s.BudgetSeconds))))
}

// Shade says how near the time is to the budget.
func (s stepView) Shade() string {
	switch share := s.Share(); {
	case share >= 90:
		return "over"
	case share >= 50:
		return "near"
	}
	return "well"
}

// Before says what earlier runs took.
func (s stepView) Before() string {
	median, runs := s.scenario.target.earlier(s.scenario.target.Name, s.scenario.Name, s.Name)
	switch {
	case runs == 0:
		return ""
	case runs == 1:
		return "earlier: " + took(wire.Seconds(median))
	}
	return fmt.Sprintf("median of %d runs: %s", runs, took(wire.Seconds(median)))
}

// Why is the step's reason.
func (s stepView) Why() string { return plain.Line(s.Reason) }

// Instants say when a failure was proved and when it was told.
func (s stepView) Instants() string {
	if s.ProvedAt == nil || s.FailedAt == nil {
		return ""
	}
	return fmt.Sprintf("proved %s into the run, told %s later", took(*s.ProvedAt), took(max(0, *s.FailedAt-*s.ProvedAt)))
}

// Picture is the step's screenshot as a data URL, or empty.
func (s stepView) Picture() template.URL { return s.scenario.target.pictures[s.Screenshot] }

// Elsewhere is the path of a screenshot that found no room in the page.
func (s stepView) Elsewhere() string {
	if s.Screenshot == "" || s.Picture() != "" {
		return ""
	}
	return s.Screenshot
}

// phaseView is one phase of the launch.
type phaseView struct {
	Name, Took string
	X, Width   float64 // of 100
}

// Launch are the phases of the launch on one bar.
func (t *targetView) Launch() (views []phaseView) {
	var all time.Duration
	for _, p := range t.Phases {
		all += time.Duration(p.Seconds)
	}
	x := 0.0
	for _, p := range t.Phases {
		width := 100 * float64(p.Seconds) / float64(max(all, 1))
		views = append(views, phaseView{plain.Line(p.Name), took(p.Seconds), x, width})
		x += width
	}
	return views
}
