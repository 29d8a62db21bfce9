package report

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		name        string
		verdict     smoke.Verdict
		ended       smoke.Ended
		flakyFails  bool
		interrupted os.Signal
		want        int
	}{
		{"pass", smoke.Pass, smoke.EndedNormal, false, nil, 0},
		{"fail", smoke.Failed, smoke.EndedNormal, false, nil, 1},
		{"flaky", smoke.Flaky, smoke.EndedNormal, false, nil, 0},
		{"flaky that fails", smoke.Flaky, smoke.EndedNormal, true, nil, 1},
		{"pass where flaky fails", smoke.Pass, smoke.EndedNormal, true, nil, 0},
		{"inconclusive", smoke.Inconclusive, smoke.EndedNormal, false, nil, 4},
		{"nothing ran", smoke.Skipped, smoke.EndedNormal, false, nil, 78},
		{"nothing but blocked", smoke.Blocked, smoke.EndedNormal, false, nil, 78},
		{"no verdict at all", "", smoke.EndedNormal, false, nil, 78},
		{"over time", smoke.Inconclusive, smoke.EndedTimeout, false, nil, 124},
		{"over time wins over fail", smoke.Failed, smoke.EndedTimeout, false, nil, 124},
		{"Ctrl-C", smoke.Inconclusive, smoke.EndedSignal, false, os.Interrupt, 130},
		{"Ctrl-C wins over fail", smoke.Failed, smoke.EndedSignal, false, os.Interrupt, 130},
		{"SIGTERM", smoke.Failed, smoke.EndedSignal, false, syscall.SIGTERM, 143},
		{"cancelled by the caller", smoke.Inconclusive, smoke.EndedSignal, false, nil, 143},
		{"interrupted before it ended", smoke.Running, smoke.EndedRunning, false, os.Interrupt, 130},
		{"interrupted after it ended", smoke.Pass, smoke.EndedNormal, false, os.Interrupt, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, ExitCode(smoke.Result{Verdict: c.verdict, Ended: c.ended}, c.flakyFails, c.interrupted))
		})
	}
}

func TestExitCodeOfADeploymentThatIsNotReady(t *testing.T) {
	late := smoke.TargetResult{Verdict: smoke.Failed, Readiness: &smoke.Readiness{State: smoke.ReadyExpired}}
	ready := smoke.TargetResult{Verdict: smoke.Pass, Readiness: &smoke.Readiness{State: smoke.ReadyAnswers}}
	broken := smoke.TargetResult{Verdict: smoke.Failed, Readiness: &smoke.Readiness{State: smoke.ReadyAnswers}}
	for name, c := range map[string]struct {
		targets []smoke.TargetResult
		ended   smoke.Ended
		want    int
	}{
		"alone":                    {[]smoke.TargetResult{late}, smoke.EndedNormal, 3},
		"beside one that passes":   {[]smoke.TargetResult{ready, late}, smoke.EndedNormal, 3},
		"beside one that fails":    {[]smoke.TargetResult{late, broken}, smoke.EndedNormal, 1},
		"and interrupted after it": {[]smoke.TargetResult{late}, smoke.EndedSignal, 143},
	} {
		assert.Equal(t, c.want, ExitCode(smoke.Result{Verdict: smoke.Failed, Ended: c.ended, Targets: c.targets}, false, nil), name)
	}
}
