package smoke_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
)

func TestWorst(t *testing.T) {
	const pass, fail, flaky, blocked = smoke.Pass, smoke.Failed, smoke.Flaky, smoke.Blocked
	const unclear, skip, running = smoke.Inconclusive, smoke.Skipped, smoke.Running
	for _, c := range []struct {
		parts []smoke.Verdict
		want  smoke.Verdict
	}{
		{nil, skip}, {list(skip), skip}, {list(blocked), blocked}, {list(skip, blocked), blocked}, {list(blocked, skip), blocked},
		{list(pass, blocked, skip), pass}, {list(pass, flaky), flaky}, {list(flaky, running), running}, {list(pass, running), running},
		{list(running, unclear), unclear}, {list(unclear, flaky), unclear}, {list(fail, unclear, running, flaky, pass, blocked, skip), fail},
		{list(pass, fail), fail}, {list(blocked, unclear), unclear}, {list(blocked, running), running},
	} {
		assert.Equal(t, c.want, smoke.Worst(c.parts...), "%v", c.parts)
	}
}

func list(v ...smoke.Verdict) []smoke.Verdict { return v }

func TestNothingPassesWithoutACell(t *testing.T) {
	gate := of(
		scenario("launch", passes("build")),
		needing(scenario("kernel", passes("start"), cell("execute")), "launch"),
		scenario("notebook", passes("open"), cell("run")),
	)
	noCell := gate.with("kernel", 1, gives("execute", smoke.Skip("no kernel here"))).with("notebook", 1, gives("run", smoke.Skip("no page here")))
	for name, c := range map[string]struct {
		suite  suite
		change func(*smoke.Options)
		want   smoke.Verdict
	}{
		"both ran":                                   {gate, skip(), smoke.Pass},
		"one was left out, the other ran":            {gate, skip("notebook"), smoke.Pass},
		"one found nothing to test, the other ran":   {gate.with("notebook", 1, gives("run", smoke.Skip("no"))), skip(), smoke.Pass},
		"both were left out":                         {gate, skip("kernel", "notebook"), smoke.Pass},
		"both were not asked for":                    {gate, only("launch"), smoke.Pass},
		"one left out with what it needs":            {gate, skip("launch", "notebook/open"), smoke.Skipped},
		"left out with what they need, others ran":   {gate.and(scenario("host", passes("page"))), skip("launch", "notebook/run"), smoke.Pass},
		"one left out, the other found nothing":      {noCell, skip("notebook"), smoke.Inconclusive},
		"one not asked for, the other found nothing": {noCell, only("kernel"), smoke.Inconclusive},
		"both found nothing":                         {noCell, skip(), smoke.Inconclusive},
		"there is none in the suite":                 {of(scenario("host", passes("page"))), skip(), smoke.Inconclusive},
		"a failure stays one":                        {of(scenario("host", gives("page", broken()))), skip(), smoke.Failed},
		"nothing at all ran":                         {gate, skip("launch", "kernel", "notebook"), smoke.Skipped},
		"what the cell needs found nothing to test":  {gate.with("launch", 0, gives("build", smoke.Skip("no"))), skip("notebook"), smoke.Skipped},
		"the same, and something else ran meanwhile": {gate.with("launch", 0, gives("build", smoke.Skip("no"))).and(scenario("host", passes("page"))), skip("notebook"), smoke.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.suite, c.change)
			assert.Equal(t, c.want, r.Targets[0].Verdict, "%v", verdicts(r))
			assert.Equal(t, c.want, r.Verdict)
			assert.Equal(t, c.want == smoke.Inconclusive, len(r.Targets[0].Notes) > 0, "the reader is told why")
		})
	}
}

// with replaces a step's Do.
func (s suite) with(scenario string, i int, st smoke.Step) suite {
	return func(t *smoke.TargetRun) []smoke.Scenario {
		all := slices.Clone(s(t))
		for k := range all {
			if all[k].Name == scenario {
				all[k].Steps = slices.Clone(all[k].Steps)
				all[k].Steps[i].Do = st.Do
			}
		}
		return all
	}
}

func TestNotTriedSaysWhy(t *testing.T) {
	r := run(t, of(
		scenario("tried", cell("x")),
		scenario("partly", gives("x", smoke.Skip("http")), passes("y")),
		scenario("empty", gives("x", smoke.Skip("http")), gives("y", smoke.Skip("http too"))),
		scenario("broken", gives("x", broken())),
		needing(scenario("blocked", independent(passes("w")), passes("x")), "broken"),
		scenario("unwanted", passes("x"), passes("y")),
	), skip("unwanted/x", "blocked/w"))
	assert.Equal(t, []string{"empty (http)", "blocked (needs broken/x (fail))", "unwanted (skip asked for)"}, r.Targets[0].NotTried)
}
