package smoke_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// knows makes the operators know of the cause that broken has.
func knows(until time.Time) func(*smoke.Options) {
	return func(o *smoke.Options) {
		o.Settings.Targets[0].Known = []smoke.Known{{Cause: diagnose.Unrecognised, Until: until, Why: "the disk is on order"}}
	}
}

func TestAKnownCauseWarnsUntilItsDate(t *testing.T) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	s := of(scenario("a", gives("x", broken()), passes("y")), scenario("b", cell("x")))

	r := run(t, s, knows(today))
	assert.Equal(t, smoke.Pass, r.Verdict, "the last day counts")
	assert.Equal(t, smoke.Pass, result(t, r, "a/x").Verdict)
	assert.Contains(t, result(t, r, "a/x").Reason, "the disk is on order")
	assert.NotNil(t, result(t, r, "a/x").FailedAt, "that it failed is not hidden")
	assert.Equal(t, smoke.Blocked, result(t, r, "a/y").Verdict, "what comes after it stands on nothing")
	require.Len(t, r.Targets[0].Findings, 1)
	assert.Equal(t, diagnose.Warn, r.Targets[0].Findings[0].Severity)
	assert.Contains(t, r.Targets[0].Findings[0].Known, today.Format(time.DateOnly))

	r = run(t, s, knows(today.AddDate(0, 0, -1)))
	assert.Equal(t, smoke.Failed, r.Verdict)
	assert.Equal(t, diagnose.Fail, r.Targets[0].Findings[0].Severity)
	require.Len(t, r.Targets[0].Notes, 1)
	assert.Contains(t, r.Targets[0].Notes[0], "it fails again")
}

func TestAKnownCauseStillBlocks(t *testing.T) {
	s := of(scenario("a", gives("x", broken())), needing(scenario("b", passes("x")), "a"),
		scenario("c", settling(gives("x", broken()), "a/x", func(v smoke.Verdict, fault error) error {
			assert.Equal(t, smoke.Failed, v, "what settles by it is told the truth")
			return nil
		})), scenario("d", cell("x")))
	r := run(t, s, knows(time.Now()))
	assert.Equal(t, smoke.Pass, r.Verdict)
	assert.Equal(t, smoke.Blocked, result(t, r, "b/x").Verdict)
}

func TestAKnownCauseThatKeepsCellsFromRunningIsNoPass(t *testing.T) {
	r := run(t, of(scenario("a", gives("x", broken()), cell("y"))), knows(time.Now()))
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestWhatIsUntestableIsNotExcused(t *testing.T) {
	r := run(t, of(scenario("a", gives("x", untestable())), scenario("b", cell("x"))), knows(time.Now()))
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestBudgetsOfTheTarget(t *testing.T) {
	r := run(t, of(scenario("a", passes("x"), cell("y"))), func(o *smoke.Options) {
		o.Settings.Targets[0].Budgets = map[string]time.Duration{"a/x": 3 * time.Minute}
	})
	assert.EqualValues(t, 3*time.Minute, result(t, r, "a/x").BudgetSeconds)
	assert.EqualValues(t, time.Minute, result(t, r, "a/y").BudgetSeconds)
}
