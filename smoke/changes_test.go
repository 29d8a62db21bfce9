package smoke_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
)

func TestWhatChangedWarnsAndDecidesNothing(t *testing.T) {
	var ended smoke.TargetResult
	r := run(t, of(scenario("a", cell("x"))), func(o *smoke.Options) {
		o.Changes = func(t smoke.TargetResult) []string {
			ended = t
			return []string{"launch 3.1 × the median of 20 runs"}
		}
	})
	assert.Equal(t, smoke.Pass, ended.Verdict, "the target had ended")
	assert.Equal(t, []string{"launch 3.1 × the median of 20 runs"}, r.Targets[0].Changes)
	assert.Equal(t, smoke.Pass, r.Verdict)
}

func TestAComparisonThatPanicsIsANote(t *testing.T) {
	r := run(t, of(scenario("a", cell("x"))), func(o *smoke.Options) {
		o.Changes = func(smoke.TargetResult) []string { panic("a defect") }
	})
	assert.Equal(t, smoke.Pass, r.Verdict)
	assert.Contains(t, r.Targets[0].Notes, "this run could not be held against earlier ones: panic: a defect")
}
