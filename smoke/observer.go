package smoke

// EventKind tells what happened in a run.
type EventKind int

// The kinds of events, in the order in which a run emits them. StepEnded comes once for each step, also for those that
// were blocked or skipped; steps of concurrent scenarios interleave.
const (
	RunStarted EventKind = iota
	StepStarted
	StepEnded
	TargetEnded
	RunEnded
	// Waiting comes before a target's first step, each time there is news of what is waited for: Text says it.
	Waiting
)

// Event is one step forward of a run, as observers see it.
type Event struct {
	Kind     EventKind
	Target   string
	Scenario string
	Step     string
	Result   *StepResult // of the step, for StepEnded
	Text     string      // for Waiting
	// Snapshot returns the whole run as it stands when it is called, which may be later and from any goroutine. It is a
	// copy: it may be kept and read at any time.
	Snapshot func() Result
}

// Observer watches a run: progress, report.json and later outputs are observers. Observe is called from one goroutine at
// a time, in order, and holds up the run while it works.
type Observer interface {
	Observe(Event)
}
