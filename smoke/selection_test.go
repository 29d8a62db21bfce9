package smoke_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// journey is a suite with everything that selection has to mind.
func journey() []smoke.Scenario {
	return []smoke.Scenario{
		scenario("host", passes("page"), independent(passes("health")), independent(passes("tls")), independent(passes("redirect"), "tls")),
		needing(scenario("launch", passes("build"), passes("spawn")), "host/page"),
		needing(scenario("kernel", passes("start"), cell("execute"), passes("output"), always(passes("stop"))), "launch"),
		last(scenario("clean-up", always(passes("shutdown")), always(passes("gone")))),
	}
}

func TestPlan(t *testing.T) {
	const notAsked, skipped = "not asked for", "skip asked for"
	for name, c := range map[string]struct {
		only, skip []string
		want       map[string]string // what does not run
	}{
		"everything": {want: map[string]string{}},
		"a scenario with what it needs": {only: []string{"launch"}, want: map[string]string{
			"host/health": notAsked, "host/tls": notAsked, "host/redirect": notAsked,
			"kernel/start": notAsked, "kernel/execute": notAsked, "kernel/output": notAsked, "kernel/stop": notAsked}},
		"a step with what it needs, and its tidying up": {only: []string{"kernel/execute"}, want: map[string]string{
			"host/health": notAsked, "host/tls": notAsked, "host/redirect": notAsked, "kernel/output": notAsked}},
		"an independent step": {only: []string{"host/health"}, want: map[string]string{
			"host/page": notAsked, "host/tls": notAsked, "host/redirect": notAsked, "launch/build": notAsked, "launch/spawn": notAsked,
			"kernel/start": notAsked, "kernel/execute": notAsked, "kernel/output": notAsked, "kernel/stop": notAsked}},
		"an independent step after another": {only: []string{"host/redirect"}, want: map[string]string{
			"host/page": notAsked, "host/health": notAsked, "launch/build": notAsked, "launch/spawn": notAsked,
			"kernel/start": notAsked, "kernel/execute": notAsked, "kernel/output": notAsked, "kernel/stop": notAsked}},
		"an Always step comes with what it tidies up": {only: []string{"kernel/stop"}, want: map[string]string{
			"host/health": notAsked, "host/tls": notAsked, "host/redirect": notAsked}},
		"skip wins over only": {only: []string{"launch"}, skip: []string{"launch/spawn"}, want: map[string]string{
			"host/health": notAsked, "host/tls": notAsked, "host/redirect": notAsked, "launch/spawn": skipped,
			"kernel/start": notAsked, "kernel/execute": notAsked, "kernel/output": notAsked, "kernel/stop": notAsked}},
		"a skipped scenario": {skip: []string{"kernel", "clean-up"}, want: map[string]string{
			"kernel/start": skipped, "kernel/execute": skipped, "kernel/output": skipped, "kernel/stop": skipped,
			"clean-up/shutdown": skipped, "clean-up/gone": skipped}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, smoke.Plan(smoke.ModeGate, smoke.Target{Scenarios: c.only, Skip: c.skip}, journey()))
		})
	}
}

// filtered is the journey's steps that ran.
func filtered(t *testing.T, filter func(target, scenario, step string) smoke.Ask, change ...func(*smoke.Options)) map[string]smoke.Verdict {
	t.Helper()
	r := run(t, of(journey()...), append(change, func(o *smoke.Options) { o.Filter = filter })...)
	ran := map[string]smoke.Verdict{}
	for id, v := range verdicts(r) {
		if v == smoke.Pass {
			ran[id] = v
		}
	}
	return ran
}

func asksFor(id string, otherwise smoke.Ask) func(target, scenario, step string) smoke.Ask {
	return func(_, scenario, step string) smoke.Ask {
		if scenario+"/"+step == id {
			return smoke.Asked
		}
		return otherwise
	}
}

func TestAFilterRunsWhatItsStepsNeed(t *testing.T) {
	ran := filtered(t, asksFor("launch/build", smoke.NotAsked))
	assert.Equal(t, map[string]smoke.Verdict{
		"host/page": "pass", "launch/build": "pass", "clean-up/shutdown": "pass", "clean-up/gone": "pass"}, ran)
}

func TestAFilterChoosesAmongWhatTheSettingsWouldRun(t *testing.T) {
	ran := filtered(t, asksFor("launch/build", smoke.NotAsked), only("kernel"))
	assert.Contains(t, ran, "launch/build", "kernel needs it, so it is shown and can be asked for")
	assert.Empty(t, filtered(t, asksFor("host/health", smoke.NotAsked), only("kernel")), "nothing that kernel needs")
}

func TestWhatAFilterLeavesOutIsNotRunForOthers(t *testing.T) {
	ran := filtered(t, func(_, scenario, _ string) smoke.Ask {
		if scenario == "launch" {
			return smoke.LeftOut
		}
		return smoke.Asked
	})
	assert.NotContains(t, ran, "launch/build")
	assert.NotContains(t, ran, "kernel/start")
	assert.Contains(t, ran, "host/page")
}

func TestAFilterThatMatchesNothingRunsNothing(t *testing.T) {
	r := run(t, of(journey()...), func(o *smoke.Options) { o.Filter = asksFor("none/none", smoke.NotAsked) })
	assert.Equal(t, smoke.Skipped, r.Verdict)
	require.Equal(t, []string{"host (not asked for)", "launch (not asked for)", "kernel (not asked for)", "clean-up (not asked for)"}, r.Targets[0].NotTried)
}
