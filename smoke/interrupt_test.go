package smoke_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// after is a context that is cancelled after a time.
func after(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(d, cancel)
	return ctx
}

func overTime(d time.Duration) func(*smoke.Options) {
	return func(o *smoke.Options) { o.Settings.Timeout = d }
}

func TestAnInterruptBlocksWhatWasNotReached(t *testing.T) {
	gate := of(
		scenario("early", cell("x")),
		scenario("a", passes("v"), waits("x"), passes("y"), independent(passes("i")), always(passes("z"))),
		needing(scenario("b", passes("x"), always(passes("z"))), "a"),
		last(scenario("clean-up", always(sleeps("shutdown", time.Second)), passes("more"))),
	)
	for name, c := range map[string]struct {
		ctx    func(*testing.T) context.Context
		change func(*smoke.Options)
		ended  smoke.Ended
	}{
		"told to stop":        {func(t *testing.T) context.Context { return after(t, 5*time.Second) }, skip(), smoke.EndedSignal},
		"over its time":       {func(t *testing.T) context.Context { return t.Context() }, overTime(5 * time.Second), smoke.EndedTimeout},
		"over another's time": {deadline, skip(), smoke.EndedTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, c.ctx(t), gate, c.change)
				defer r.Close()
				got := r.Wait()
				assert.Equal(t, verdictsOf{
					"early/x": "pass", "a/v": "pass", "a/x": "inconclusive", "a/y": "blocked", "a/i": "blocked", "a/z": "pass",
					"b/x": "blocked", "b/z": "blocked", "clean-up/shutdown": "pass", "clean-up/more": "blocked",
				}, verdicts(got))
				assert.Equal(t, c.ended, got.Ended)
				assert.Equal(t, smoke.Inconclusive, got.Verdict)
				assert.Equal(t, smoke.Inconclusive, got.Targets[0].Verdict)
				assert.Equal(t, wire.Seconds(6*time.Second), got.Seconds)
				assert.Equal(t, "the run was interrupted", result(t, got, "a/i").Reason)
			})
		})
	}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWhatFailedBeforeAnInterruptStaysFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, after(t, time.Second), of(scenario("a", gives("x", broken())), scenario("b", waits("x"))))
		defer r.Close()
		assert.Equal(t, smoke.Failed, r.Wait().Verdict)
		assert.Equal(t, smoke.EndedSignal, r.Wait().Ended)
	})
}

func TestAnAnswerProvesAFaultInSpiteOfAnInterrupt(t *testing.T) {
	late := func(err error) smoke.Step {
		return step("x", func(ctx context.Context) error { <-ctx.Done(); return err })
	}
	for name, c := range map[string]struct {
		err  error
		want smoke.Verdict
	}{
		"an answer":                {broken(), smoke.Failed},
		"silence":                  {&wire.Fault{Symptom: wire.NoReply}, smoke.Inconclusive},
		"a connection that ended":  {&wire.Fault{Symptom: wire.EOF}, smoke.Inconclusive},
		"an error of no kind":      {errors.New("odd"), smoke.Inconclusive},
		"nothing to test":          {smoke.Skip("http"), smoke.Skipped},
		"what was reached anyhow":  {nil, smoke.Pass},
		"a warning without ground": {smoke.Warn(&wire.Fault{Symptom: wire.Timeout}), smoke.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, after(t, time.Second), of(scenario("a", late(c.err))))
				defer r.Close()
				assert.Equal(t, c.want, verdicts(r.Wait())["a/x"])
			})
		})
	}
}

func TestAlwaysStepsOutliveAnInterruptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := start(t, after(t, time.Second), of(
			scenario("a", waits("x"), always(sleeps("quick", 9*time.Second)), always(waits("slow")))),
			func(o *smoke.Options) { o.Settings.Grace = 5 * time.Second })
		defer r.Close()
		got := r.Wait()
		assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/quick": "pass", "a/slow": "inconclusive"}, verdicts(got))
		assert.Equal(t, time.Second+13*time.Second, time.Since(began), "grace and 8 s after the interrupt")
		assert.Contains(t, result(t, got, "a/slow").Reason, "the time for clean-up after an interrupt is over")
	})
}

func TestAHangDoesNotKeepAnInterruptedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		hang := func(context.Context) error { <-stuck; return nil }
		r := start(t, after(t, time.Second), of(scenario("a", step("x", hang), always(step("z", hang)))))
		defer r.Close()
		r.Wait()
		assert.LessOrEqual(t, time.Duration(r.Snapshot().Seconds), time.Second+2*time.Second+10*time.Second, "grace and 10 s")
		close(stuck)
	})
}

func TestAnInterruptBetweenTwoStepsProvesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := start(t, ctx, of(
		scenario("a", step("x", func(context.Context) error { cancel(); return nil }), passes("y")),
		scenario("b", gives("x", smoke.Skip("http")), passes("y")),
	))
	defer r.Close()
	got := r.Wait()
	assert.Equal(t, smoke.Inconclusive, got.Targets[0].Scenarios[0].Verdict)
	assert.Equal(t, smoke.Inconclusive, got.Verdict)
}

func TestAnInterruptAfterTheLastStepInterruptsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := start(t, ctx, of(scenario("a", cell("x"))), watched(watch(func(e smoke.Event) {
		if e.Kind == smoke.TargetEnded {
			cancel()
		}
	})))
	defer r.Close()
	assert.Equal(t, smoke.EndedNormal, r.Wait().Ended)
	assert.Equal(t, smoke.Pass, r.Wait().Verdict)
}

func TestAnInterruptLeavesAloneTheTargetsThatHadEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, after(t, 5*time.Second), func(tr *smoke.TargetRun) []smoke.Scenario {
			if tr.Name() == "t" {
				return []smoke.Scenario{scenario("a", cell("x"))}
			}
			return []smoke.Scenario{scenario("a", cell("w"), waits("x"), always(passes("z"))), last(scenario("clean-up", always(gives("x", smoke.Skip("nothing was launched")))))}
		}, func(o *smoke.Options) { o.Settings.Targets = append(o.Settings.Targets, target("u"), target("v")) })
		defer r.Close()
		got := r.Wait()
		require.Len(t, got.Targets, 3)
		assert.Equal(t, smoke.Pass, got.Targets[0].Verdict)
		assert.Equal(t, smoke.Inconclusive, got.Targets[1].Verdict)
		assert.Equal(t, smoke.Inconclusive, got.Targets[2].Verdict)
		assert.Equal(t, []string{"a (the run was interrupted)", "clean-up (nothing was launched)"}, got.Targets[2].NotTried, "it never began")
		assert.Equal(t, smoke.Inconclusive, got.Verdict)
	})
}

func TestAnInterruptedRunOfNothingIsInconclusive(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := start(t, ctx, of(scenario("a", passes("x"))), skip("a"))
	defer r.Close()
	assert.Equal(t, smoke.Inconclusive, r.Wait().Verdict)
	assert.Equal(t, smoke.Skipped, r.Wait().Targets[0].Verdict)
}

func TestCloseInterruptsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, t.Context(), of(scenario("a", waits("x"), always(sleeps("z", time.Second)))))
		time.Sleep(time.Second)
		r.Close()
		assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/z": "pass"}, verdicts(r.Snapshot()))
		assert.Equal(t, smoke.EndedSignal, r.Snapshot().Ended)
		r.Close()
	})
}
