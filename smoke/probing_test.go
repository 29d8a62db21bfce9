package smoke_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

const brokenURL = "https://t.example.org/"

// badGateway is a step that meets nginx's 502.
func badGateway(name string, tr *smoke.TargetRun) smoke.Step {
	return step(name, func(ctx context.Context) error {
		id := answered(ctx, tr, wire.Raw, brokenURL, 502, "<hr><center>nginx/1.22.1</center>")
		return &wire.Fault{Subject: "The page", URL: brokenURL, Symptom: wire.Status, Want: "200", Got: "502", Exchanges: []wire.ExchangeID{id}}
	})
}

// answered writes an answer into the timeline.
func answered(ctx context.Context, tr *smoke.TargetRun, by wire.Client, url string, status int, body string) wire.ExchangeID {
	id := tr.Timeline.Begin(ctx, by, wire.Open{Type: wire.TypeHTTP, Method: http.MethodGet, URL: url})
	tr.Timeline.Add(ctx, by, id, wire.KindResponse, wire.Response{Status: status, Proto: "HTTP/1.1", Header: http.Header{"Server": {"nginx"}}})
	tr.Timeline.Add(ctx, by, id, wire.KindBody, wire.Body{Bytes: int64(len(body)), Prefix: body})
	tr.Timeline.Close(ctx, by, id, wire.Close{})
	return id
}

// questions are what a run asked.
type questions struct {
	mu    sync.Mutex
	asked []diagnose.Probe
	steps []string
}

func (q *questions) note(ctx context.Context, p diagnose.Probe) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked, q.steps = append(q.asked, p), append(q.steps, wire.StepOf(ctx).String())
}

// probing is a suite whose two scenarios meet the same 502, and whose questions are answered by execute.
func probing(q *questions, execute func(context.Context, *smoke.TargetRun, diagnose.Probe)) suite {
	return func(tr *smoke.TargetRun) []smoke.Scenario {
		tr.ProbeWith(func(ctx context.Context, p diagnose.Probe) {
			q.note(ctx, p)
			execute(ctx, tr, p)
		})
		return []smoke.Scenario{scenario("a", badGateway("x", tr)), scenario("b", badGateway("x", tr))}
	}
}

func causeOf(r smoke.Result) string { return r.Targets[0].Findings[0].Cause }

func TestAnAnswerToAProbeChangesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q questions
		r := run(t, probing(&q, func(ctx context.Context, tr *smoke.TargetRun, p diagnose.Probe) {
			time.Sleep(2 * time.Second)
			answered(ctx, tr, wire.Probe, p.URL, 200, `{"ok": true}`)
		}))
		assert.Equal(t, "one-of-n-bad", causeOf(r))
		assert.Equal(t, []diagnose.Probe{{Kind: diagnose.ProbeAgain, URL: brokenURL}}, q.asked, "once for both steps")
		require.Contains(t, []string{"a/x", "b/x"}, q.steps[0], "its records belong to the step that asked")
		for _, id := range []string{"a/x", "b/x"} {
			got := result(t, r, id)
			assert.Equal(t, r.Targets[0].Findings[0].Key, got.Finding, "both waited for the answer")
			assert.Zero(t, *got.FailedAt, "it failed before anything was asked")
			assert.Zero(t, got.Seconds)
		}
	})
}

func TestWithoutAnswersTheCauseStands(t *testing.T) {
	for name, execute := range map[string]func(context.Context, *smoke.TargetRun, diagnose.Probe){
		"nothing comes of it": func(context.Context, *smoke.TargetRun, diagnose.Probe) {},
		"it panics":           func(context.Context, *smoke.TargetRun, diagnose.Probe) { panic("oh") },
		"it hangs":            func(ctx context.Context, _ *smoke.TargetRun, _ diagnose.Probe) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var q questions
				began := time.Now()
				r := run(t, probing(&q, execute), func(o *smoke.Options) { o.Settings.Probing = 3 * time.Second })
				assert.Equal(t, "upstream-refused", causeOf(r))
				assert.Len(t, q.asked, 1)
				assert.LessOrEqual(t, time.Since(began), 3*time.Second)
			})
		})
	}
}

func TestAProbeThatDoesNotHeedItsTimeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		began := time.Now()
		r := run(t, probing(&questions{}, func(context.Context, *smoke.TargetRun, diagnose.Probe) { <-stuck }))
		assert.Equal(t, smoke.Failed, r.Verdict)
		assert.LessOrEqual(t, time.Since(began), 11*time.Second, "10 s for all questions, and a little patience")
		close(stuck)
	})
}

// Each answer brings a new question, without end.
func TestQuestionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q questions
		run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
			tr.ProbeWith(func(ctx context.Context, p diagnose.Probe) { q.note(ctx, p) })
			var all []smoke.Step
			for i := range 40 {
				url := brokenURL + string(rune('a'+i))
				all = append(all, independent(step("x"+string(rune('a'+i%26))+string(rune('a'+i/26)), func(ctx context.Context) error {
					id := answered(ctx, tr, wire.Raw, url, 502, "<hr><center>nginx</center>")
					return &wire.Fault{Symptom: wire.Status, URL: url, Exchanges: []wire.ExchangeID{id}}
				})))
			}
			return []smoke.Scenario{scenario("a", all...)}
		})
		assert.Len(t, q.asked, 24)
	})
}

func TestAnInterruptEndsTheQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q questions
		var cut time.Duration
		began := time.Now()
		r := start(t, after(t, 2*time.Second), probing(&q, func(ctx context.Context, _ *smoke.TargetRun, _ diagnose.Probe) {
			<-ctx.Done()
			cut = time.Since(began)
		}))
		defer r.Close()
		assert.Equal(t, smoke.Failed, r.Wait().Verdict)
		assert.Equal(t, 2*time.Second, cut)
	})
}

func TestAnInterruptedRunAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q questions
		r := start(t, after(t, time.Second), func(tr *smoke.TargetRun) []smoke.Scenario {
			tr.ProbeWith(q.note)
			return []smoke.Scenario{scenario("a", sleeps("v", 2*time.Second), always(badGateway("z", tr)))}
		})
		defer r.Close()
		assert.Equal(t, smoke.Failed, verdicts(r.Wait())["a/z"])
		assert.Empty(t, q.asked)
	})
}

// What the last diagnosis said is what the whole timeline says.
func TestTheReportIsOfTheWholeTimeline(t *testing.T) {
	r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
		late := step("late", func(ctx context.Context) error {
			answered(ctx, tr, wire.Raw, brokenURL, 200, `{"ok": true}`)
			return nil
		})
		return []smoke.Scenario{scenario("a", badGateway("x", tr)), last(scenario("clean-up", always(late)))}
	})
	assert.Equal(t, "one-of-n-bad", causeOf(r))
}
