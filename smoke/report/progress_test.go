package report

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

func started(scenario, step string) smoke.Event {
	return smoke.Event{Kind: smoke.StepStarted, Target: "a", Scenario: scenario, Step: step}
}

func ended(scenario, step string, r smoke.StepResult) smoke.Event {
	return smoke.Event{Kind: smoke.StepEnded, Target: "a", Scenario: scenario, Step: step, Result: &r}
}

func TestPlainProgressIsOneLineAStep(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, DetectTerminal(&b, os.Getenv))
	p.Observe(smoke.Event{Kind: smoke.RunStarted, Snapshot: healthy})
	p.Observe(started("hub-host", "api"))
	p.Observe(started("kernel", "execute"))
	p.Observe(ended("hub-host", "api", smoke.StepResult{Verdict: smoke.Pass, Seconds: sec(0.123)}))
	p.Observe(ended("kernel", "execute", smoke.StepResult{Verdict: smoke.Failed, Seconds: sec(12.3), Reason: "The kernel\nis \x1b[31mdead" + strings.Repeat("!", 1000)}))
	p.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: healthy})
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, lines, 2)
	assert.Equal(t, "pass         hub-host/api               0.12 s", lines[0])
	assert.True(t, strings.HasPrefix(lines[1], `fail         kernel/execute               12 s  The kernel is \x1b[31mdead!!!`), lines[1])
	assert.LessOrEqual(t, utf8.RuneCountInString(lines[1]), maxPlain)
	assert.NotContains(t, b.String(), "\x1b")
}

func TestSeveralTargetsAreNamed(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Terminal{})
	p.Observe(smoke.Event{Kind: smoke.RunStarted, Snapshot: func() smoke.Result {
		return smoke.Result{Targets: make([]smoke.TargetResult, 2)}
	}})
	p.Observe(ended("hub-host", "api", smoke.StepResult{Verdict: smoke.Pass}))
	assert.Contains(t, b.String(), "a hub-host/api")
}

func TestATerminalShowsWhatRuns(t *testing.T) {
	var b bytes.Buffer
	now := time.Now()
	p := NewProgress(&b, Terminal{Redraw: true, Width: func() int { return 40 }})
	p.now = func() time.Time { return now }
	p.Observe(started("launch", "build"))
	p.Observe(started("notebook", "launch"))
	now = now.Add(3 * time.Second)
	b.Reset()
	p.Observe(ended("launch", "build", smoke.StepResult{Verdict: smoke.Pass, Seconds: sec(3)}))
	erase := "\x1b[1A\x1b[2K"
	assert.True(t, strings.HasPrefix(b.String(), erase+erase+"pass         launch/build"), "%q", b.String())
	assert.Contains(t, b.String(), "\n…            notebook/launch")
	for line := range strings.Lines(strings.ReplaceAll(b.String(), erase, "")) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 40)
	}
	b.Reset()
	p.Observe(smoke.Event{Kind: smoke.RunEnded})
	assert.Equal(t, erase, b.String(), "nothing is left of what ran")
}

func TestATerminalShowsABoundedNumberOfSteps(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Terminal{Redraw: true})
	for range 20 {
		p.Observe(started("kernel", "execute"))
	}
	assert.Equal(t, maxRunning, p.drawn)
	assert.Contains(t, b.String(), "and 13 more")
}

func TestTickingEndsWithTheRun(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Terminal{Redraw: true})
	p.Observe(smoke.Event{Kind: smoke.RunStarted, Snapshot: healthy})
	require.NotNil(t, p.stop)
	p.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: healthy})
	assert.Nil(t, p.stop)
}

func TestColourIsTheVerdicts(t *testing.T) {
	assert.Equal(t, "\x1b[1;31mx\x1b[0m", Terminal{Color: true}.paint(smoke.Failed, "x"))
	assert.Equal(t, "x", Terminal{Color: true}.paint(smoke.Skipped, "x"))
	assert.Equal(t, "x", Terminal{}.paint(smoke.Failed, "x"))
}
