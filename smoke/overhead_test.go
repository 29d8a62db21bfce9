package smoke_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// asks is a step that thinks before it waits for an answer of the raw clients.
func asks(tr *smoke.TargetRun, name string, think, wait time.Duration) smoke.Step {
	return step(name, func(context.Context) error {
		time.Sleep(think)
		defer tr.Meter.Begin()()
		time.Sleep(wait)
		return nil
	})
}

func TestOverheadIsTheShareOfTheRawScenariosInWhichNobodyWaited(t *testing.T) {
	const s = time.Second
	raw := func(sc smoke.Scenario) smoke.Scenario { sc.Raw = true; return sc }
	for name, c := range map[string]struct {
		suite suite
		want  float64
	}{
		"one step": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 1*s, 3*s)))}
		}, 0.25},
		"two steps": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 1*s, 1*s), asks(tr, "y", 1*s, 1*s), asks(tr, "z", 1*s, 3*s)))}
		}, 0.375},
		"who waits beside another's thinking saves it": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 2*s, 2*s))), raw(scenario("b", asks(tr, "x", 0, 2*s)))}
		}, 0},
		"two at once wait once": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 2*s, 2*s))), raw(scenario("b", asks(tr, "x", 2*s, 2*s)))}
		}, 0.5},
		"other scenarios do not count": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 2*s, 2*s))), needing(scenario("b", asks(tr, "x", 0, 8*s), sleeps("y", 8*s)), "a")}
		}, 0.5},
		"targets add up": {func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{raw(scenario("a", asks(tr, "x", 1*s, 1*s)))}
		}, 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, c.suite, func(o *smoke.Options) {
					if name == "targets add up" {
						o.Settings.Targets = append(o.Settings.Targets, target("u"))
					}
				})
				require.NotNil(t, r.Overhead)
				assert.InDelta(t, c.want, *r.Overhead, 1e-9)
			})
		})
	}
}

func TestOverheadIsUnknownBeforeARawStepRan(t *testing.T) {
	assert.Nil(t, run(t, of(scenario("a", passes("x")))).Overhead)
}
