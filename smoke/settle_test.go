package smoke_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// forgiven is the decision of a canary: what the other step passed in spite of is only worth a warning.
func forgiven(other smoke.Verdict, fault error) error {
	if other == smoke.Pass {
		return smoke.Warn(fault)
	}
	return fault
}

func TestAFaultSettlesByAnotherStep(t *testing.T) {
	for name, c := range map[string]struct {
		other  smoke.Step
		change func(*smoke.Options)
		want   smoke.Verdict
	}{
		"passed":     {other: sleeps("channel", 10*time.Second), want: smoke.Pass},
		"failed":     {other: gives("channel", broken()), want: smoke.Failed},
		"blocked":    {other: sleeps("channel", time.Second), change: skip("kernel/start"), want: smoke.Failed},
		"skipped":    {other: sleeps("channel", time.Second), change: skip("kernel"), want: smoke.Failed},
		"not wanted": {other: sleeps("channel", time.Second), change: only("hub/upgrade"), want: smoke.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.change == nil {
					c.change = func(*smoke.Options) {}
				}
				r := run(t, of(
					scenario("hub", settling(gives("upgrade", broken()), "kernel/channel", forgiven), passes("api")),
					scenario("kernel", passes("start"), c.other),
				), c.change)
				got := result(t, r, "hub/upgrade")
				assert.Equal(t, c.want, got.Verdict)
				assert.Zero(t, got.Seconds, "it does not take longer by being settled")
				if c.want == smoke.Failed {
					assert.Zero(t, *got.FailedAt, "it was proven at once")
				}
			})
		})
	}
}

func TestNobodyWaitsForAStepThatSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen recorder
		seen.t = t
		run(t, of(
			scenario("hub", settling(gives("upgrade", broken()), "kernel/channel", forgiven), passes("api")),
			needing(scenario("kernel", sleeps("channel", time.Minute/2)), "hub"),
		), watched(&seen))
		var ended []string
		for i, e := range seen.events {
			if e.Kind == smoke.StepEnded {
				ended = append(ended, e.Scenario+"/"+e.Step)
			}
			if e.Kind == smoke.StepEnded && e.Step == "api" {
				assert.Equal(t, smoke.Running, seen.states[i].Targets[0].Scenarios[0].Steps[0].Verdict)
			}
		}
		assert.Equal(t, []string{"hub/api", "kernel/channel", "hub/upgrade"}, ended)
	})
}

func TestWhatComesAfterAStepWaitsForItToSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, of(
			scenario("hub", settling(gives("upgrade", broken()), "kernel/channel", forgiven), independent(passes("more"), "upgrade")),
			scenario("kernel", sleeps("channel", time.Second)),
			needing(scenario("late", passes("x")), "hub/upgrade"),
		))
		assert.Equal(t, verdictsOf{"hub/upgrade": "pass", "hub/more": "pass", "kernel/channel": "pass", "late/x": "pass"}, verdicts(r))
	})
}

func TestAnInterruptDoesNotUnsettleAProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other smoke.Verdict
		canary := settling(gives("upgrade", &wire.Fault{Symptom: wire.NoReply}), "kernel/channel", nil)
		canary.Settle.Decide = func(ctx context.Context, v smoke.Verdict, fault error) error {
			other = v
			return errors.Join(fault, ctx.Err())
		}
		r := start(t, after(t, time.Second), of(scenario("hub", canary), scenario("kernel", waits("channel"))))
		defer r.Close()
		got := r.Wait()
		assert.Equal(t, verdictsOf{"hub/upgrade": "fail", "kernel/channel": "inconclusive"}, verdicts(got))
		assert.Equal(t, smoke.Inconclusive, other)
		assert.NotContains(t, result(t, got, "hub/upgrade").Reason, "canceled", "it may still look something up")
		assert.Equal(t, smoke.Failed, got.Verdict)
	})
}

func TestADecisionThatGoesWrongIsADefectOfTheSuite(t *testing.T) {
	r := run(t, of(
		scenario("hub",
			settling(gives("panic", broken()), "hub/ok", func(smoke.Verdict, error) error { panic("oh") }),
			settling(gives("odd", broken()), "hub/ok", func(smoke.Verdict, error) error { return assert.AnError }),
			settling(gives("nil", broken()), "hub/ok", func(smoke.Verdict, error) error { return nil }),
			passes("ok")),
	))
	assert.Equal(t, verdictsOf{"hub/panic": "inconclusive", "hub/odd": "inconclusive", "hub/nil": "pass", "hub/ok": "pass"}, verdicts(r))
}

func TestOnlyFaultsOfTheDeploymentSettle(t *testing.T) {
	never := func(smoke.Verdict, error) error { panic("asked") }
	r := run(t, of(scenario("hub",
		settling(passes("pass"), "hub/ok", never), settling(gives("skip", smoke.Skip("no proxy")), "hub/ok", never),
		settling(gives("warn", smoke.Warn(broken())), "hub/ok", never), settling(gives("untestable", untestable()), "hub/ok", never),
		passes("ok"))))
	assert.Equal(t, verdictsOf{"hub/pass": "pass", "hub/skip": "skip", "hub/warn": "pass", "hub/untestable": "inconclusive", "hub/ok": "pass"}, verdicts(r))
}
