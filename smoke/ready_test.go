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

// gate is a suite of one host step and a cell, and ask says whether the deployment is ready.
func gate(ask func(context.Context, *smoke.TargetRun) error) suite {
	return func(t *smoke.TargetRun) []smoke.Scenario {
		t.ReadyWith(func(ctx context.Context) error { return ask(ctx, t) })
		host := scenario("host", passes("x"))
		host.Host = true
		return []smoke.Scenario{host, scenario("kernel", cell("y"))}
	}
}

func waiting(d time.Duration) func(*smoke.Options) {
	return func(o *smoke.Options) { o.Settings.Wait = d }
}

func absent(what string) error {
	return &wire.Fault{Subject: "BinderHub's version", Symptom: wire.Status, Want: "200", Got: what}
}

// said are the texts of what is waited for.
func said(into *[]string) func(*smoke.Options) {
	return watched(watch(func(e smoke.Event) {
		if e.Kind == smoke.Waiting {
			*into = append(*into, e.Text)
		}
	}))
}

func TestWaitsUntilTheDeploymentIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var news []string
		r := run(t, gate(func(context.Context, *smoke.TargetRun) error {
			asked++
			switch {
			case asked <= 3:
				return absent("503")
			case asked <= 5:
				return absent("502")
			}
			return nil
		}), waiting(time.Minute), said(&news))
		assert.Equal(t, smoke.Pass, r.Verdict)
		assert.Equal(t, &smoke.Readiness{State: smoke.ReadyAnswers, Seconds: wire.Seconds(10 * time.Second)}, r.Targets[0].Readiness)
		assert.Equal(t, []string{
			"not ready yet: BinderHub's version: expected 200, got 503", "not ready yet: BinderHub's version: expected 200, got 502",
			"the deployment was ready after 10.0 s",
		}, news, "a line when the reason changes")
	})
}

func TestTheWaitIsOneForAllTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, gate(func(_ context.Context, tr *smoke.TargetRun) error {
			if tr.Name() == "t" {
				return nil
			}
			return absent("503")
		}), waiting(10*time.Second), func(o *smoke.Options) {
			o.Settings.Targets = append(o.Settings.Targets, target("u"), target("v"))
		})
		assert.Equal(t, wire.Seconds(10*time.Second), r.Seconds)
		assert.Equal(t, smoke.Pass, r.Targets[0].Verdict)
		for _, late := range r.Targets[1:] {
			assert.Equal(t, smoke.Inconclusive, late.Verdict, "although its hosts pass")
			assert.Equal(t, smoke.ReadyExpired, late.Readiness.State)
			assert.Contains(t, late.Readiness.Missing, "got 503")
			assert.Equal(t, verdictsOf{"host/x": "pass", "kernel/y": "skip"}, verdicts(smoke.Result{Targets: []smoke.TargetResult{late}}))
			assert.Contains(t, late.NotTried[0], "not ready within the wait")
		}
	})
}

func TestAskingIsBoundedByTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, gate(func(ctx context.Context, _ *smoke.TargetRun) error {
			<-ctx.Done()
			return absent("nothing")
		}), waiting(5*time.Second))
		assert.Equal(t, wire.Seconds(5*time.Second), r.Seconds)
		assert.Contains(t, r.Targets[0].Readiness.Missing, "got nothing")
	})
}

func TestWhatNoWaitBringsIsNotWaitedFor(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *smoke.TargetRun) error{
		"refused":  func(context.Context, *smoke.TargetRun) error { return smoke.Hopeless(absent("401")) },
		"a defect": func(context.Context, *smoke.TargetRun) error { panic("oh") },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, gate(ask), waiting(time.Hour))
			assert.Zero(t, r.Seconds, name)
			assert.Equal(t, smoke.ReadyHopeless, r.Targets[0].Readiness.State, name)
			assert.Equal(t, smoke.Pass, r.Verdict, "the gate decides")
		})
	}
}

func TestAnInterruptEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("told to stop"))
		defer cancel()
		r := start(t, ctx, gate(func(context.Context, *smoke.TargetRun) error { return absent("503") }), waiting(time.Hour)).Wait()
		assert.Equal(t, wire.Seconds(3*time.Second), r.Seconds)
		assert.Equal(t, smoke.EndedSignal, r.Ended)
		assert.Equal(t, smoke.ReadyWaiting, r.Targets[0].Readiness.State)
		assert.Equal(t, verdictsOf{"host/x": "blocked", "kernel/y": "blocked"}, verdicts(r))
		assert.Equal(t, smoke.Inconclusive, r.Verdict)
	})
}

func TestTheTimeOfTheRunBeginsAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, gate(func(context.Context, *smoke.TargetRun) error { return absent("503") }), waiting(time.Minute),
			func(o *smoke.Options) { o.Settings.Timeout = 10 * time.Second })
		assert.Equal(t, smoke.EndedNormal, r.Ended)
		assert.Equal(t, smoke.ReadyExpired, r.Targets[0].Readiness.State)
	})
}

func TestQuickRunsTheHostsAlone(t *testing.T) {
	r := run(t, gate(nil), func(o *smoke.Options) { o.Settings.Mode = smoke.ModeQuick })
	assert.Equal(t, smoke.Pass, r.Verdict)
	assert.Equal(t, verdictsOf{"host/x": "pass", "kernel/y": "skip"}, verdicts(r))
	assert.Equal(t, []string{"kernel (not in quick mode)"}, r.Targets[0].NotTried)
	assert.LessOrEqual(t, time.Duration(r.Targets[0].Scenarios[0].Steps[0].BudgetSeconds), 8*time.Second)
}
