package smoke

import (
	"fmt"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// Schema is the version of report.json. Later versions add fields and change none.
const Schema = 1

// Ended tells how a run ended.
type Ended string

// The ways in which a run ends. Running stands in the report of a run that was killed.
const (
	EndedRunning Ended = "running"
	EndedNormal  Ended = "normal"
	EndedSignal  Ended = "signal"
	EndedTimeout Ended = "timeout"
)

// Result is a run as report.json shows it. Times are seconds since the run began.
type Result struct {
	Schema       int            `json:"schema"`
	RunID        string         `json:"run_id"`
	SuiteVersion string         `json:"suite_version"`
	Started      time.Time      `json:"started"`
	Seconds      wire.Seconds   `json:"seconds"`
	Verdict      Verdict        `json:"verdict"`
	Ended        Ended          `json:"ended"`
	Overhead     *float64       `json:"overhead"`         // share of the raw scenarios' time that we spent ourselves; null before one ran
	Targets      []TargetResult `json:"targets"`          // of a soak, those of the round that decided, in that round's time
	Rounds       []Round        `json:"rounds,omitempty"` // of a soak, those that have ended
}

// TargetResult is what one target came to.
type TargetResult struct {
	Name      string             `json:"name"`
	Labels    map[string]string  `json:"labels,omitempty"` // the user's own, of the settings file
	Binder    string             `json:"binder"`           // empty for a JupyterHub alone
	Hub       string             `json:"hub"`              // empty while unknown
	Verdict   Verdict            `json:"verdict"`
	NotTried  []string           `json:"not_tried"`         // scenarios of which nothing ran, with the reason: "rebuild (not asked for)"
	Notes     []string           `json:"notes"`             // facts the reader must know, such as "the browser ran without its sandbox"
	Changes   []string           `json:"changes,omitempty"` // what differs from earlier runs; they warn, and decide nothing
	Leaked    []Leak             `json:"leaked"`
	Scenarios []ScenarioResult   `json:"scenarios"`
	Findings  []diagnose.Finding `json:"findings"`
	Route     []diagnose.Route   `json:"route"`               // the hops to the binder host and to the hub host, and which are broken
	Readiness *Readiness         `json:"readiness,omitempty"` // nil: it was not waited for
	Phases    []diagnose.Phase   `json:"phases"`              // of the raw clients' launch; empty while the target has not ended
}

// StepsPassed counts the target's steps for a reader: "52 of 57 steps passed, 4 skipped".
func (t TargetResult) StepsPassed() string {
	passed, skipped, all := 0, 0, 0
	for _, sc := range t.Scenarios {
		for _, st := range sc.Steps {
			all++
			switch st.Verdict {
			case Pass, Flaky:
				passed++
			case Skipped:
				skipped++
			}
		}
	}
	text := fmt.Sprintf("%d of %d steps passed", passed, all)
	if skipped > 0 {
		text += fmt.Sprintf(", %d skipped", skipped)
	}
	return text
}

// Leak is a launch whose server could not be shut down, or of which it is not known whether it runs.
type Leak struct {
	Repository string       `json:"repository"`
	At         wire.Seconds `json:"at"` // when it was launched
	Reason     string       `json:"reason"`
}

// ScenarioResult is what one scenario came to.
type ScenarioResult struct {
	Name    string       `json:"name"`
	Proves  string       `json:"proves"`
	Verdict Verdict      `json:"verdict"`
	Seconds wire.Seconds `json:"seconds"`
	Steps   []StepResult `json:"steps"`
}

// StepResult is what one step came to.
type StepResult struct {
	Name          string       `json:"name"`
	Verdict       Verdict      `json:"verdict"`
	Seconds       wire.Seconds `json:"seconds"`
	BudgetSeconds wire.Seconds `json:"budget_seconds"`
	// ProvedAt is when the exchange that proves the failure said so, FailedAt when the step failed; null unless it did.
	ProvedAt *wire.Seconds `json:"proved_at"`
	FailedAt *wire.Seconds `json:"failed_at"`
	// Finding is the key of the step's finding, or empty.
	Finding string `json:"finding"`
	// Reason says in words why the step has its verdict, unless it passed.
	Reason string `json:"reason"`
	// Screenshot is the path of the step's picture relative to the report, or empty.
	Screenshot string `json:"screenshot"`
}
