package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

func TestWhatAStepReturnsIsItsVerdict(t *testing.T) {
	odd := errors.New("odd")
	for name, c := range map[string]struct {
		err    error
		want   smoke.Verdict
		reason string
	}{
		"nothing":                   {nil, smoke.Pass, ""},
		"a fault":                   {broken(), smoke.Failed, "The page: expected 200, got 502"},
		"a wrapped fault":           {fmt.Errorf("while opening: %w", broken()), smoke.Failed, "while opening: The page: expected 200, got 502"},
		"no way to test":            {untestable(), smoke.Inconclusive, "The browser: expected a browser, got none"},
		"nothing to test":           {smoke.Skip("http"), smoke.Skipped, "http"},
		"a warning":                 {smoke.Warn(broken()), smoke.Pass, "The page: expected 200, got 502"},
		"passed on a repeat":        {smoke.Repeated(broken()), smoke.Flaky, "The page: expected 200, got 502"},
		"a repeat hides no fault":   {errors.Join(smoke.Repeated(broken()), untestable()), smoke.Inconclusive, ""},
		"a repeat and a warning":    {errors.Join(smoke.Warn(broken()), smoke.Repeated(broken())), smoke.Flaky, ""},
		"an error of no kind":       {odd, smoke.Inconclusive, "The suite's step a/x: expected a result, got odd"},
		"joined nothing":            {errors.Join(nil, nil), smoke.Pass, ""},
		"a skip hides no fault":     {errors.Join(smoke.Skip("http"), broken()), smoke.Failed, "http\nThe page: expected 200, got 502"},
		"a warning hides no fault":  {errors.Join(smoke.Warn(untestable()), broken()), smoke.Failed, ""},
		"nor does one that follows": {errors.Join(broken(), untestable(), smoke.Skip("http")), smoke.Failed, ""},
		"no way to test hides none": {errors.Join(untestable(), broken()), smoke.Failed, ""},
		"deep down":                 {fmt.Errorf("all: %w", errors.Join(untestable(), fmt.Errorf("%w and %w", smoke.Skip("x"), broken()))), smoke.Failed, ""},
		"an error of no kind and a skip": {errors.Join(smoke.Skip("http"), odd), smoke.Inconclusive,
			"http\nThe suite's step a/x: expected a result, got odd"},
		"an error of no kind and a fault": {errors.Join(odd, broken()), smoke.Failed, ""},
		"a warning and a skip":            {errors.Join(smoke.Skip("http"), smoke.Warn(broken())), smoke.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := result(t, run(t, of(scenario("a", gives("x", c.err)))), "a/x")
			assert.Equal(t, c.want, got.Verdict)
			assert.Equal(t, c.want == smoke.Failed, got.FailedAt != nil)
			assert.Equal(t, c.want == smoke.Failed, got.ProvedAt != nil)
			if c.reason != "" {
				assert.Equal(t, c.reason, got.Reason)
			}
		})
	}
}

func TestAPanicIsADefectOfTheSuite(t *testing.T) {
	r := run(t, of(
		scenario("a", step("x", func(context.Context) error { panic("oh") }), passes("y"), always(passes("z"))),
		scenario("b", step("x", func(context.Context) error { runtime.Goexit(); return nil })),
		scenario("c", cell("x")),
	))
	assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/y": "blocked", "a/z": "pass", "b/x": "inconclusive", "c/x": "pass"}, verdicts(r))
	assert.Contains(t, result(t, r, "a/x").Reason, "panic: oh")
	assert.Contains(t, result(t, r, "b/x").Reason, "Goexit")
}

func TestABudgetEndsAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, of(scenario("a", waits("x"), passes("y"))))
		got := result(t, r, "a/x")
		assert.Equal(t, smoke.Failed, got.Verdict)
		assert.Equal(t, "The step a/x: expected to end within 1m0s, got no end", got.Reason)
		assert.Equal(t, wire.Seconds(time.Minute), got.Seconds)
		assert.Equal(t, wire.Seconds(time.Minute), got.BudgetSeconds)
		assert.Equal(t, smoke.Blocked, result(t, r, "a/y").Verdict)
	})
}

// TestAStepThatHangsIsGivenUp lets a step ignore its context until the test is over.
func TestAStepThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		hang := func(context.Context) error { <-stuck; return nil }
		began := time.Now()
		r := run(t, of(scenario("a", step("x", hang), always(step("z", hang)))))
		assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/z": "inconclusive"}, verdicts(r))
		assert.Contains(t, result(t, r, "a/x").Reason, "it did not end when its time was over")
		assert.Less(t, time.Since(began), 2*time.Minute+10*time.Second)
		close(stuck)
	})
}

func TestAStepMayTakeAPictureWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, of(scenario("a", step("x", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			smoke.SetScreenshot(ctx, "targets/t/x.png")
			return broken()
		}))))
		got := result(t, r, "a/x")
		assert.Equal(t, smoke.Failed, got.Verdict)
		assert.Equal(t, "targets/t/x.png", got.Screenshot)
	})
}

// conversation is a step with an exchange that closes as told, or stays open, and then fails after a while.
func conversation(tr *smoke.TargetRun, closed *wire.Close, dawdle time.Duration, symptom wire.Symptom) smoke.Step {
	return step("x", func(ctx context.Context) error {
		time.Sleep(time.Second)
		id := tr.Timeline.Begin(ctx, wire.Raw, wire.Open{Type: wire.TypeHTTP, Method: "GET", URL: "https://t.example.org/"})
		time.Sleep(time.Second)
		tr.Timeline.Add(ctx, wire.Raw, id, wire.KindResponse, wire.Response{Status: 502})
		if closed != nil {
			tr.Timeline.Close(ctx, wire.Raw, id, *closed)
		}
		time.Sleep(dawdle)
		return &wire.Fault{Subject: "The page", Symptom: symptom, Want: "200", Got: "502", Exchanges: []wire.ExchangeID{id, 77}}
	})
}

func TestAFaultIsProvedByTheDecidingExchange(t *testing.T) {
	for name, c := range map[string]struct {
		closed  *wire.Close
		symptom wire.Symptom
		want    time.Duration // since the step began
	}{
		"a closed exchange":           {&wire.Close{}, wire.Status, 2 * time.Second},
		"an exchange that broke":      {&wire.Close{Symptom: wire.Timeout}, wire.Timeout, 2 * time.Second},
		"an open exchange":            {nil, wire.UpgradeRefused, 2 * time.Second},
		"silence in an open exchange": {nil, wire.NoReply, 2500 * time.Millisecond},
		"silence after a good one":    {&wire.Close{}, wire.StillRunning, 2500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
					return []smoke.Scenario{scenario("a", sleeps("w", time.Second), conversation(tr, c.closed, 500*time.Millisecond, c.symptom))}
				})
				got := result(t, r, "a/x")
				require.NotNil(t, got.ProvedAt)
				assert.Equal(t, wire.Seconds(time.Second+c.want), *got.ProvedAt)
				assert.Equal(t, wire.Seconds(3500*time.Millisecond), *got.FailedAt)
			})
		})
	}
}

// A page goes wrong when it does, long after its document came.
func TestAFaultKnowsWhenItWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{scenario("a", step("x", func(ctx context.Context) error {
				id := tr.Timeline.Begin(ctx, wire.Browser, wire.Open{URL: "https://t.example.org/"})
				tr.Timeline.Close(ctx, wire.Browser, id, wire.Close{})
				time.Sleep(5 * time.Second)
				seen := tr.Timeline.Now()
				time.Sleep(time.Second)
				return &wire.Fault{Subject: "The page", Symptom: wire.PageError, At: seen, Exchanges: []wire.ExchangeID{id}}
			}))}
		})
		got := result(t, r, "a/x")
		assert.Equal(t, wire.Seconds(5*time.Second), *got.ProvedAt)
		assert.Equal(t, wire.Seconds(6*time.Second), *got.FailedAt)
	})
}

func TestAProofIsNeverLaterThanItsFailure(t *testing.T) {
	r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
		return []smoke.Scenario{scenario("a", step("x", func(ctx context.Context) error {
			id := tr.Timeline.BeginAt(ctx, wire.Browser, wire.Open{URL: "https://t.example.org/"}, time.Hour) // a clock that runs ahead
			return &wire.Fault{Subject: "The page", Symptom: wire.Status, Exchanges: []wire.ExchangeID{id}}
		}))}
	})
	got := result(t, r, "a/x")
	assert.Equal(t, *got.FailedAt, *got.ProvedAt)
}

func TestAStepOutOfTimeNamesItsLastExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
			return []smoke.Scenario{scenario("a", step("x", func(ctx context.Context) error {
				for range 2 {
					tr.Timeline.Begin(ctx, wire.Raw, wire.Open{Type: wire.TypeStream, Method: "GET", URL: "https://t.example.org/build"})
				}
				<-ctx.Done()
				return ctx.Err()
			}))}
		})
		require.Len(t, r.Targets[0].Findings, 1)
		assert.Equal(t, []wire.ExchangeID{2}, r.Targets[0].Findings[0].Exchanges)
		got := result(t, r, "a/x")
		assert.Equal(t, r.Targets[0].Findings[0].Key, got.Finding)
		assert.Equal(t, wire.Seconds(time.Minute), *got.ProvedAt, "it is the time that proves it")
	})
}

func TestDiagnosesAtOnceLoseNoFinding(t *testing.T) {
	for range 20 {
		var scenarios []smoke.Scenario
		r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
			for i := range 8 {
				scenarios = append(scenarios, scenario(fmt.Sprint("s", i), step("x", func(ctx context.Context) error {
					return broken()
				})))
			}
			return scenarios
		})
		var explained []string
		for _, f := range r.Targets[0].Findings {
			explained = append(append(explained, f.Scenario+"/"+f.Step), f.Also...)
		}
		assert.Len(t, explained, 8)
	}
}

func TestACauseMayKnowThatNothingWasTested(t *testing.T) {
	noRoute := &wire.Fault{Subject: "The page", Symptom: wire.TCPUnreachable, Want: "an answer", Got: "no route"}
	r := run(t, of(scenario("a", gives("x", noRoute), passes("y"))))
	assert.Equal(t, verdictsOf{"a/x": "inconclusive", "a/y": "blocked"}, verdicts(r))
	assert.Nil(t, result(t, r, "a/x").FailedAt)
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestAStepNamesAFindingThatIsThere(t *testing.T) {
	expiring := &wire.Fault{Subject: "The certificate", Symptom: wire.TLSExpiring, Want: "21 days", Got: "3 days"}
	expired := &wire.Fault{Subject: "The page", Symptom: wire.TLSExpired, Want: "an answer", Got: "an expired certificate"}
	seen := recorder{t: t}
	r := start(t, t.Context(), of(scenario("a", independent(gives("days", expiring)), gives("page", expired))), watched(&seen))
	defer r.Close()
	findings := r.Wait().Targets[0].Findings
	require.Len(t, findings, 1, "the second explains the first")
	for _, st := range r.Targets()[0].Scenarios()[0].Steps() {
		assert.Equal(t, findings[0].Key, st.Wait().Finding)
		assert.Equal(t, findings[0].Key, result(t, r.Snapshot(), "a/"+st.Name()).Finding)
	}
}
