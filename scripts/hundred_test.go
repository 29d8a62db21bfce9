package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// sick are the targets of the fleet that are broken, each in a way of its own, with what is to be found.
var sick = map[string]struct {
	cause string
	hop   diagnose.Hop
}{
	refused:   {"upstream-refused", diagnose.HopIngress},
	stripped:  {"ws-upgrade-missing", diagnose.HopIngress},
	outOfDate: {"tls-expired-front", diagnose.HopTLS},
	hanging:   {"upstream-hang", diagnose.HopIngress},
	deaf:      {"tcp-refused", diagnose.HopLB},
}

// hundred are the names of the fleet's targets.
func hundred() []string {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("b%03d", i))
	}
	return names
}

// A hundred targets in one run: each broken one is told with its own cause, the others pass, and none waits for another.
func TestAHundredTargets(t *testing.T) {
	names := hundred()
	if testing.Short() { // without the one that takes half a minute
		names = slices.DeleteFunc(names, func(name string) bool { return name == hanging })
	}
	code, r, _ := runFleet(t, names)
	require.Equal(t, 1, code)
	require.Len(t, r.Targets, len(names))
	passed, slowest := 0, time.Duration(0)
	for _, target := range r.Targets {
		slowest = max(slowest, ownTime(target))
		assert.Empty(t, target.Notes, target.Name)
		want, broken := sick[target.Name]
		if !broken {
			assert.Equal(t, smoke.Pass, target.Verdict, "%s: %+v", target.Name, target.Findings)
			passed++
			continue
		}
		assert.Equal(t, smoke.Failed, target.Verdict, target.Name)
		if assert.Len(t, target.Findings, 1, "%s: %+v", target.Name, target.Findings) {
			assert.Equal(t, want.cause, target.Findings[0].Cause, target.Name)
			assert.Equal(t, want.hop, target.Findings[0].Hop, target.Name)
		}
	}
	assert.Equal(t, 95, passed)
	if !testing.Short() {
		assert.Less(t, time.Duration(r.Seconds), slowest*13/10, "the slowest target alone took %s", slowest)
	}
}

// ownTime is what a target's slower scenario took; its two run at once.
func ownTime(t smoke.TargetResult) (took time.Duration) {
	for _, sc := range t.Scenarios {
		took = max(took, time.Duration(sc.Seconds))
	}
	return took
}

// BenchmarkAHundredTargets tells what a run of a hundred targets costs, beside its time: the most memory, and the time of
// processors. The slowest target takes most of the time, by waiting.
func BenchmarkAHundredTargets(b *testing.B) {
	for b.Loop() {
		_, r, state := runFleet(b, hundred())
		slowest := time.Duration(0)
		for _, target := range r.Targets {
			slowest = max(slowest, ownTime(target))
		}
		b.ReportMetric(float64(state.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB-peak")
		b.ReportMetric((state.UserTime() + state.SystemTime()).Seconds(), "cpu-s")
		b.ReportMetric(time.Duration(r.Seconds).Seconds(), "wall-s")
		b.ReportMetric(slowest.Seconds(), "slowest-s")
	}
}

// runFleet runs the program in quick mode against a fleet of these targets.
func runFleet(t testing.TB, names []string) (code int, r smoke.Result, ended *os.ProcessState) {
	t.Helper()
	s := &suite{dir: t.TempDir()}
	s.cmd = exec.CommandContext(t.Context(), os.Args[0], "--config", startFleet(t, names), "--mode=quick", "--concurrency=100")
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = s.dir, append(os.Environ(), asProgram+"=1"), os.Stderr
	code, r = s.run(t)
	return code, r, s.cmd.ProcessState
}
