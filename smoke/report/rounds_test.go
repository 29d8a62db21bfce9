package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
)

func TestRoundsAreALineEach(t *testing.T) {
	at := time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	r := smoke.Result{Verdict: smoke.Failed, Ended: smoke.EndedNormal, Targets: []smoke.TargetResult{{Name: "t"}}, Rounds: []smoke.Round{
		{Started: at, Verdict: smoke.Pass, Directory: "rounds/1"},
		{Started: at.Add(10 * time.Minute), Verdict: smoke.Failed, Directory: "rounds/2", Targets: []smoke.RoundTarget{
			{Name: "t", Verdict: smoke.Failed, Causes: []string{"upstream-refused"}},
		}},
	}}
	text := Screen{Out: "out"}.Rounds(r)
	assert.Equal(t, "pass         round 1 at 2026-03-09 08:00:00, out/rounds/1\n"+
		"fail         round 2 at 2026-03-09 08:10:00, out/rounds/2; t: upstream-refused\n"+
		"FAIL after 0.00 s. Report: out/report.json\n", text)
}
