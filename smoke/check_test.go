package smoke_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

func TestCheckPassesASoundSuite(t *testing.T) {
	require.NoError(t, smoke.Check(journey()))
	require.NoError(t, smoke.Check([]smoke.Scenario{
		needing(scenario("hub", independent(passes("api")), settling(passes("upgrade"), "kernel/channel", forgiven), passes("repeat")), "launch/spawn"),
		scenario("launch", passes("spawn")),
		needing(scenario("kernel", passes("channel"), passes("info")), "launch", "hub", "hub/api"),
		last(scenario("clean-up", always(passes("gone")))),
	}), "what needs the settling scenario does not wait for what settles")
	require.NoError(t, smoke.Check(nil))
}

func TestCheckFindsDefects(t *testing.T) {
	change := func(st smoke.Step, c func(*smoke.Step)) smoke.Step { c(&st); return st }
	named := func(sc smoke.Scenario, proves string) smoke.Scenario { sc.Proves = proves; return sc }
	for want, all := range map[string][]smoke.Scenario{
		"scenario a is there twice":                                   {scenario("a", passes("x")), scenario("a", passes("x"))},
		"scenario A must have a name of a-z, 0-9 and -":               {scenario("A", passes("x"))},
		"scenario a must say what it proves":                          {named(scenario("a", passes("x")), " ")},
		"scenario a must have steps":                                  {scenario("a")},
		"scenario a needs b, which does not exist or decides nothing": {needing(scenario("a", passes("x")), "b")},
		"scenario a needs b/y, which does not":                        {needing(scenario("a", passes("x")), "b/y"), scenario("b", passes("x"))},
		"scenario a needs c, which does not":                          {needing(scenario("a", passes("x")), "c"), scenario("c", independent(passes("x")), always(passes("z")))},
		"scenario a comes last whatever happened":                     {last(needing(scenario("a", passes("x")), "b")), scenario("b", passes("x"))},
		"step a/x y must have a name":                                 {scenario("a", passes("x y"))},
		"step a/x is there twice":                                     {scenario("a", passes("x"), passes("x"))},
		"step a/x must have a budget":                                 {scenario("a", change(passes("x"), func(st *smoke.Step) { st.Budget = 0 }))},
		"step a/x must do something":                                  {scenario("a", change(passes("x"), func(st *smoke.Step) { st.Do = nil }))},
		"step a/y follows the step before it":                         {scenario("a", passes("x"), change(passes("y"), func(st *smoke.Step) { st.After = []string{"x"} }))},
		"step a/x comes after y, which is no earlier":                 {scenario("a", independent(passes("x"), "y"), passes("y"))},
		"step a/x settles later, so it must be":                       {scenario("a", change(settling(passes("x"), "b/x", forgiven), func(st *smoke.Step) { st.Independent = false })), scenario("b", passes("x"))},
		"step a/x must decide how it settles":                         {scenario("a", change(settling(passes("x"), "b/x", forgiven), func(st *smoke.Step) { st.Settle.Decide = nil })), scenario("b", passes("x"))},
		"step a/x settles after b, which is no step":                  {scenario("a", settling(passes("x"), "b", forgiven)), scenario("b", passes("x"))},
		"step a/x settles after b/y, which is no step":                {scenario("a", settling(passes("x"), "b/y", forgiven)), scenario("b", passes("x"))},
	} {
		t.Run(want, func(t *testing.T) {
			require.ErrorContains(t, smoke.Check(all), want)
		})
	}
}

func TestCheckNamesEveryDefect(t *testing.T) {
	err := smoke.Check([]smoke.Scenario{scenario("A"), scenario("b", smoke.Step{Name: "x"})})
	for _, want := range []string{"scenario A must have a name", "scenario A must have steps", "b/x must have a budget", "b/x must do something"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestCheckFindsStepsThatWaitForEachOther(t *testing.T) {
	for want, all := range map[string][]smoke.Scenario{
		"a/x to end waits for a/x waits for a/x to end":                                    {needing(scenario("a", passes("x")), "a")},
		"a/x to end waits for a/x waits for b/x to end waits for b/x waits for a/x to end": {needing(scenario("a", passes("x")), "b"), needing(scenario("b", passes("x")), "a/x")},
		"h/u to end waits for k/c to end waits for k/c waits for h/u to end":               {scenario("h", settling(passes("u"), "k/c", forgiven)), needing(scenario("k", passes("c")), "h/u")},
		"h/u to end waits for h/v to end waits for h/v waits for h/u to end":               {scenario("h", settling(passes("u"), "h/v", forgiven), independent(passes("v"), "u"))},
		"h/u to end waits for h/u to end":                                                  {scenario("h", settling(passes("u"), "h/u", forgiven))},
		"z/x waits for a/x to end":                                                         {last(scenario("z", passes("x"))), needing(scenario("a", passes("x")), "z")},
	} {
		t.Run(want, func(t *testing.T) {
			require.ErrorContains(t, smoke.Check(all), want)
		})
	}
}
