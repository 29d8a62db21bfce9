package smoke_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

type verdictsOf = map[string]smoke.Verdict

func TestAFailedStepEndsItsScenarioAndThoseThatNeedIt(t *testing.T) {
	r := run(t, of(
		scenario("a", gives("x", broken()), passes("y"), independent(passes("i")), independent(passes("j"), "x"), always(passes("z"))),
		needing(scenario("b", passes("x"), independent(passes("i")), always(passes("z"))), "a"),
		needing(scenario("c", passes("x")), "a/i"),
		scenario("d", cell("x")),
	))
	assert.Equal(t, verdictsOf{
		"a/x": "fail", "a/y": "blocked", "a/i": "pass", "a/j": "blocked", "a/z": "pass",
		"b/x": "blocked", "b/i": "blocked", "b/z": "blocked", "c/x": "pass", "d/x": "pass",
	}, verdicts(r))
	assert.Equal(t, "needs a/x (fail)", result(t, r, "a/y").Reason)
	assert.Equal(t, "needs a/x (fail)", result(t, r, "b/x").Reason)
	assert.Equal(t, smoke.Failed, r.Verdict)
}

func TestAnInconclusiveStepBlocksToo(t *testing.T) {
	r := run(t, of(scenario("a", gives("x", untestable()), passes("y")), scenario("d", cell("x"))))
	assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/y": "blocked", "d/x": "pass"}, verdicts(r))
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestAnIndependentStepThatFailsBlocksNobody(t *testing.T) {
	r := run(t, of(scenario("a", independent(gives("i", broken())), passes("x")), needing(scenario("b", passes("x")), "a")))
	assert.Equal(t, verdictsOf{"a/i": "fail", "a/x": "pass", "b/x": "pass"}, verdicts(r))
}

func TestAnAlwaysStepThatFailsBlocksNobody(t *testing.T) {
	r := run(t, of(scenario("a", passes("x"), always(gives("z", broken())), passes("y")), needing(scenario("b", passes("x")), "a")))
	assert.Equal(t, verdictsOf{"a/x": "pass", "a/z": "fail", "a/y": "pass", "b/x": "pass"}, verdicts(r))
}

func TestAStepSkippedOnRequestTakesAlongWhatNeedsIt(t *testing.T) {
	r := run(t, of(
		scenario("a", passes("w"), passes("x"), passes("y"), independent(passes("i")), independent(passes("j"), "x"), always(passes("z"))),
		needing(scenario("b", passes("x"), passes("y")), "a"),
		needing(scenario("c", passes("x")), "b"),
		needing(scenario("d", passes("x")), "a/x"),
	), skip("a/x"))
	assert.Equal(t, verdictsOf{
		"a/w": "pass", "a/x": "skip", "a/y": "skip", "a/i": "pass", "a/j": "skip", "a/z": "pass",
		"b/x": "skip", "b/y": "skip", "c/x": "skip", "d/x": "skip",
	}, verdicts(r))
	assert.Equal(t, "needs a/x (skip asked for)", result(t, r, "a/y").Reason)
	assert.Equal(t, "needs a/x (skip)", result(t, r, "b/x").Reason)
	assert.Equal(t, "needs b/x (skip)", result(t, r, "c/x").Reason)
}

func TestAStepWithNothingToTestStopsNobody(t *testing.T) {
	r := run(t, of(
		scenario("a", gives("x", smoke.Skip("http")), passes("y")),
		needing(scenario("b", passes("x")), "a"),
	))
	assert.Equal(t, verdictsOf{"a/x": "skip", "a/y": "pass", "b/x": "pass"}, verdicts(r))
	assert.Equal(t, "http", result(t, r, "a/x").Reason)
}

func TestWhatNamesAStepWithNothingToTestIsSkipped(t *testing.T) {
	r := run(t, of(
		scenario("a", gives("x", smoke.Skip("API only")), passes("y"), independent(passes("i"), "x")),
		needing(scenario("b", passes("x")), "a/x"),
	))
	assert.Equal(t, verdictsOf{"a/x": "skip", "a/y": "pass", "a/i": "skip", "b/x": "skip"}, verdicts(r))
}

func TestAScenarioInWhichNothingPassedIsNoGroundToStandOn(t *testing.T) {
	r := run(t, of(
		scenario("a", gives("x", smoke.Skip("nothing")), gives("y", smoke.Skip("nothing"))),
		needing(scenario("b", passes("x")), "a"),
		needing(scenario("c", passes("x")), "b"),
	))
	assert.Equal(t, verdictsOf{"a/x": "skip", "a/y": "skip", "b/x": "skip", "c/x": "skip"}, verdicts(r))
	assert.Equal(t, "needs a (there was nothing to test)", result(t, r, "b/x").Reason)
}

func TestAdviceIsForWhatIsBlocked(t *testing.T) {
	advised := needing(scenario("b", passes("x")), "a")
	advised.Advice = "set SMOKE_HUB"
	r := run(t, of(scenario("a", gives("x", broken())), advised))
	assert.Equal(t, "needs a/x (fail): set SMOKE_HUB", result(t, r, "b/x").Reason)
	r = run(t, of(scenario("a", passes("x")), advised), skip("a"))
	assert.Equal(t, "needs a/x (skip)", result(t, r, "b/x").Reason)
}

func TestTheLastScenarioRunsAfterAllOthers(t *testing.T) {
	var seen recorder
	seen.t = t
	run(t, of(
		last(scenario("z", always(passes("x")), passes("y"))),
		scenario("a", gives("x", broken())), scenario("b", passes("x")),
	), watched(&seen))
	var order []string
	for _, e := range seen.events {
		if e.Kind == smoke.StepStarted {
			order = append(order, e.Scenario)
		}
	}
	require.Len(t, order, 4)
	assert.Equal(t, []string{"z", "z"}, order[2:])
}
