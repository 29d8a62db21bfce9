// Package evidence reads what a report's directory holds of its targets: the recordings, folded into exchanges. The outputs
// that show evidence are functions of it, so they can be written again from a directory, also that of a run that was killed.
package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// Target is what is known of one target. All texts in it were redacted before they were recorded.
type Target struct {
	Result    smoke.TargetResult
	Root      string    // directory of the report
	Started   time.Time // when the recording's clock began, by the clock of the machine that ran it
	Exchanges []*wire.Exchange
	Marks     []Mark
	Missing   string // why there is no recording, or not all of it; empty when there is
}

// Mark is a line that belongs to no exchange: the browser's console, what its pages showed, and facts that clients learned.
type Mark struct {
	Scenario, Step string
	Client         wire.Client
	At             time.Duration
	Kind           string // of console lines their level, else the note's name
	Text           string
}

// TimelineName is what a target's recording is called.
const TimelineName = "timeline.ndjson"

// Read returns the evidence of the i-th target of a report in a directory. Of a soak it is that of the round that decided.
func Read(dir string, r smoke.Result, i int) Target {
	t := Target{Result: r.Targets[i], Root: dir, Started: r.Started}
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(Round(r)), "targets", t.Result.Name, TimelineName))
	if err != nil {
		t.Missing = fmt.Sprintf("there is no recording: %v", err)
		return t
	}
	defer file.Close()
	rec, err := wire.ReadRecording(file)
	if err != nil {
		t.Missing = fmt.Sprintf("the recording is not complete: %v", err)
	}
	if !rec.Run.Started.IsZero() {
		t.Started = rec.Run.Started
	}
	t.Exchanges, t.Marks = wire.Fold(slices.Values(rec.Records)), marks(rec.Records)
	return t
}

// Round is the directory of the round that decided a soak, relative to the report's: the latest of those with its verdict.
// It is empty where there were no rounds.
func Round(r smoke.Result) string {
	directory := ""
	for _, round := range r.Rounds {
		if directory == "" || round.Verdict == r.Verdict {
			directory = round.Directory
		}
	}
	return directory
}
