package smoke_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// soaked runs a soak of three rounds in which two launches are made each.
func soaked(t *testing.T, ctx context.Context, round func(n int) error, change ...func(*smoke.SoakOptions)) (smoke.Result, []time.Duration) {
	t.Helper()
	began := time.Now()
	var launched []time.Time
	var rounds []time.Duration
	o := smoke.SoakOptions{
		Launches: func(smoke.Target) int { return 2 },
		Launched: func(_ smoke.Target, since time.Time) (later []time.Time) {
			for _, at := range launched {
				if !at.Before(since) {
					later = append(later, at)
				}
			}
			return later
		},
		Round: func(string) ([]smoke.Observer, error) { return nil, nil },
	}
	o.Options = options(t, of(scenario("a", step("x", func(context.Context) error {
		rounds, launched = append(rounds, time.Since(began)), append(launched, time.Now(), time.Now())
		return round(len(rounds))
	}), cell("y"))))
	o.Settings.Soak = []time.Duration{0, 10 * time.Minute, time.Hour}
	o.Settings.Timeout = time.Minute
	for _, c := range change {
		c(&o)
	}
	r, err := smoke.Soak(ctx, o)
	require.NoError(t, err)
	return r, rounds
}

func well(int) error { return nil }

func TestASoakIsTheGateAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kinds []smoke.EventKind
		var news []string
		r, rounds := soaked(t, t.Context(), well, func(o *smoke.SoakOptions) {
			o.Observers = []smoke.Observer{watch(func(e smoke.Event) {
				switch e.Kind {
				case smoke.RunStarted, smoke.RunEnded:
					kinds = append(kinds, e.Kind)
				case smoke.Waiting:
					news = append(news, e.Text)
				}
				assert.Equal(t, e.Kind == smoke.RunEnded, e.Snapshot().Ended == smoke.EndedNormal)
			})}
		})
		assert.Equal(t, []time.Duration{0, 10 * time.Minute, time.Hour}, rounds)
		assert.Equal(t, smoke.Pass, r.Verdict)
		assert.Equal(t, smoke.EndedNormal, r.Ended)
		assert.Equal(t, wire.Seconds(time.Hour), r.Seconds)
		require.Len(t, r.Rounds, 3)
		assert.Equal(t, "rounds/3", r.Rounds[2].Directory)
		assert.Equal(t, []smoke.RoundTarget{{Name: "t", Verdict: smoke.Pass, Causes: []string{}}}, r.Rounds[1].Targets)
		assert.Equal(t, []smoke.EventKind{smoke.RunStarted, smoke.RunEnded}, kinds, "it is one run to observers")
		require.Len(t, news, 2)
		assert.Contains(t, news[0], "round 2 of 3 begins at ")
	})
}

func TestARoundThatFailsEndsTheSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rounds := soaked(t, t.Context(), func(n int) error {
			if n == 2 {
				return broken()
			}
			return nil
		})
		assert.Len(t, rounds, 2)
		assert.Equal(t, smoke.Failed, r.Verdict)
		assert.Equal(t, smoke.EndedNormal, r.Ended)
		assert.Len(t, r.Targets[0].Findings, 1)
		assert.Len(t, r.Rounds[1].Targets[0].Causes, 1)
	})
}

func TestTheLaunchBudgetPutsARoundOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rounds := soaked(t, t.Context(), well, func(o *smoke.SoakOptions) {
			o.Settings.Launches = 5
			o.Settings.Soak = []time.Duration{0, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute}
		})
		assert.Equal(t, []time.Duration{0, 10 * time.Minute, time.Hour + time.Second, 70*time.Minute + time.Second}, rounds)
	})
}

func TestASoakIsInterruptedBetweenRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		r, rounds := soaked(t, ctx, well)
		assert.Len(t, rounds, 1)
		assert.Equal(t, wire.Seconds(5*time.Minute), r.Seconds)
		assert.Equal(t, smoke.EndedSignal, r.Ended)
		assert.Equal(t, smoke.Inconclusive, r.Verdict)
		assert.Len(t, r.Rounds, 1)
	})
}

func TestOnlyTheFirstRoundIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r, _ := soaked(t, t.Context(), well, func(o *smoke.SoakOptions) {
			o.Settings.Wait = time.Hour
			o.Scenarios = gate(func(context.Context, *smoke.TargetRun) error { asked++; return nil })
		})
		assert.Equal(t, 1, asked)
		assert.Len(t, r.Rounds, 3)
	})
}

func TestEachRoundHasItsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out string
		r, _ := soaked(t, t.Context(), well, func(o *smoke.SoakOptions) {
			out = o.Settings.Out
			o.Scenarios = of(scenario("a", step("x", func(ctx context.Context) error {
				smoke.SetScreenshot(ctx, "targets/t/x.png")
				return nil
			}), cell("y")))
		})
		assert.FileExists(t, filepath.Join(out, "rounds", "1", "targets", "t", "timeline.ndjson"))
		assert.Equal(t, "rounds/3/targets/t/x.png", r.Targets[0].Scenarios[0].Steps[0].Screenshot)
	})
}
