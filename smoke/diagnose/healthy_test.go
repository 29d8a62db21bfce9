package diagnose

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// recorded reads a timeline of a healthy run: of the deployment on loopback, with most bodies, frames and browser records cut.
func recorded(t *testing.T) []wire.Record {
	f, err := os.Open("testdata/healthy.ndjson")
	require.NoError(t, err)
	defer f.Close()
	records, err := wire.ReadRecords(f)
	require.NoError(t, err)
	return records
}

func TestARecordedHealthyRunHasNoFindings(t *testing.T) {
	require.Empty(t, Diagnose("healthy", slices.Values(recorded(t))))
}

// TestNoCauseSeesAFaultInAHealthyExchange lets every step of a healthy run fail, with each of its exchanges as the proof, and
// with symptoms that say nothing of why: a cause that matches has taken something healthy for its signature.
func TestNoCauseSeesAFaultInAHealthyExchange(t *testing.T) {
	records := recorded(t)
	seen := newEvidence(wire.Fold(slices.Values(records)), wire.Notes(slices.Values(records)))
	require.NotEmpty(t, seen.all)
	tried := 0
	for _, x := range seen.all {
		if x.Scenario == "clean-up" {
			continue // what is gone there was told to go
		}
		for _, symptom := range []wire.Symptom{"another", wire.Status} {
			f := &wire.Fault{Subject: "The answer", Symptom: symptom, Want: "what should be", Got: "another thing", Exchanges: []wire.ExchangeID{x.ID}}
			v := newView(seen, wire.StepNote{Scenario: x.Scenario, Step: x.Step, Note: wire.Note{Step: &wire.StepEnd{Verdict: "fail", Error: f.Error(), Fault: f}}})
			tried++
			if c := v.cause(); c != nil {
				t.Errorf("%s takes %s %s (%d) of %s/%s for its signature", c.ID, x.Open.Method, x.Open.URL, status(x), x.Scenario, x.Step)
			}
		}
	}
	require.Greater(t, tried, 100)
}
