package smoke_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

func TestTargetsRunAtOnceUpToTheSetting(t *testing.T) {
	for concurrency, want := range map[int]time.Duration{0: 4, 1: 4, 2: 2, 4: 1, 9: 1} {
		synctest.Test(t, func(t *testing.T) {
			var order []string
			r := run(t, of(scenario("a", sleeps("x", time.Second))), func(o *smoke.Options) {
				o.Settings.Concurrency = concurrency
				o.Settings.Targets = []smoke.Target{target("t"), target("u"), target("v"), target("w")}
			}, watched(watch(func(e smoke.Event) {
				if e.Kind == smoke.TargetEnded {
					order = append(order, e.Target)
				}
			})))
			assert.Equal(t, wire.Seconds(want*time.Second), r.Seconds)
			if concurrency == 1 {
				assert.Equal(t, []string{"t", "u", "v", "w"}, order, "in the order of the settings")
			}
		})
	}
}

func TestOneTargetsTroubleIsNotAnothers(t *testing.T) {
	r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
		if tr.Name() == "u" {
			return []smoke.Scenario{scenario("a", gives("x", broken()))}
		}
		return []smoke.Scenario{scenario("a", cell("x"))}
	}, func(o *smoke.Options) { o.Settings.Targets = append(o.Settings.Targets, target("u")) })
	assert.Equal(t, smoke.Pass, r.Targets[0].Verdict)
	assert.Empty(t, r.Targets[0].Findings)
	assert.Equal(t, smoke.Failed, r.Targets[1].Verdict)
	assert.Len(t, r.Targets[1].Findings, 1)
	assert.Equal(t, smoke.Failed, r.Verdict)
}

func TestScenariosRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, of(
			scenario("a", sleeps("x", time.Second)), scenario("b", sleeps("x", 2*time.Second)),
			needing(scenario("c", sleeps("x", time.Second)), "a"), needing(scenario("d", sleeps("x", time.Second)), "a", "b"),
		))
		assert.Equal(t, wire.Seconds(3*time.Second), r.Seconds)
	})
}

func TestARunOfNoTargetIsNoPass(t *testing.T) {
	r := run(t, of(), func(o *smoke.Options) { o.Settings.Targets = nil })
	assert.Equal(t, smoke.Skipped, r.Verdict)
	assert.Equal(t, smoke.EndedNormal, r.Ended)
	assert.NotNil(t, r.Targets)
}

func TestAtEndClosesWhatWasOpenedTheLastFirst(t *testing.T) {
	var order []string
	closing := func(name string) func() { return func() { order = append(order, name) } }
	r := run(t, func(tr *smoke.TargetRun) []smoke.Scenario {
		tr.AtEnd(closing("first"))
		tr.AtEnd(func() { panic("oh") })
		tr.AtEnd(closing("second"))
		return []smoke.Scenario{last(scenario("clean-up", always(step("x", func(context.Context) error { closing("clean-up")(); return nil }))))}
	}, watched(watch(func(e smoke.Event) {
		if e.Kind == smoke.TargetEnded {
			closing("told")()
		}
	})))
	assert.Equal(t, []string{"clean-up", "second", "first", "told"}, order)
	assert.Contains(t, r.Targets[0].Notes, "something could not be closed: panic: oh")
}

func TestStartRefusesAnUnsoundSuite(t *testing.T) {
	closed := 0
	_, err := smoke.Start(t.Context(), options(t, func(tr *smoke.TargetRun) []smoke.Scenario {
		tr.AtEnd(func() { closed++ })
		if tr.Name() == "t" {
			return []smoke.Scenario{scenario("a", passes("x"))}
		}
		return []smoke.Scenario{needing(scenario("a", passes("x")), "a")}
	}, func(o *smoke.Options) { o.Settings.Targets = append(o.Settings.Targets, target("u")) }))
	require.ErrorContains(t, err, "the suite has a defect: steps wait for each other")
	assert.Equal(t, 2, closed)
}

func TestStartTellsThatTheReportHasNoPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := smoke.Start(t.Context(), options(t, of(), func(o *smoke.Options) { o.Settings.Out = file }))
	require.ErrorContains(t, err, "the report's directory cannot be made")
}

func TestWhatTheUserKeepsSecretIsInNoReason(t *testing.T) {
	r := run(t, of(scenario("a", gives("x", &wire.Fault{Subject: "The page", Got: "token s3cr3t-token and s3cr3t-header"}))), func(o *smoke.Options) {
		o.Settings.Targets[0].Token = "s3cr3t-token"
		o.Settings.Targets[0].Headers = http.Header{"X-Key": {"s3cr3t-header"}}
	})
	b, err := json.Marshal(r)
	require.NoError(t, err)
	assert.NotContains(t, string(b), "s3cr3t")
}

func TestDescribeRunsNothing(t *testing.T) {
	got := smoke.Describe(target("t"), func(tr *smoke.TargetRun) []smoke.Scenario {
		tr.Tell("a note")
		tr.AtEnd(func() { t.Error("closed") })
		select {
		case <-tr.Interrupted():
			t.Error("interrupted")
		default:
		}
		return []smoke.Scenario{scenario("a", step("x", func(context.Context) error { panic("run") }))}
	})
	require.Len(t, got, 1)
	assert.Equal(t, "a", got[0].Name)
}
