package smoke_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
)

func TestADeadTargetDoesNotSlowTheOthers(t *testing.T) {
	over := make(chan struct{})
	ended := map[string]bool{}
	s := func(r *smoke.TargetRun) []smoke.Scenario {
		return []smoke.Scenario{scenario("a", smoke.Step{Name: "x", Cell: true, Budget: time.Minute, Do: func(ctx context.Context) error {
			if r.Name() != "t" {
				return nil
			}
			select { // it hangs until the others have ended
			case <-over:
			case <-ctx.Done():
			}
			return broken()
		}})}
	}
	r := run(t, s, watched(watch(func(e smoke.Event) {
		if e.Kind == smoke.TargetEnded {
			ended[e.Target] = true
			if len(ended) == 3 && !ended["t"] {
				close(over)
			}
		}
	})), func(o *smoke.Options) {
		o.Settings.Concurrency = 2
		o.Settings.Targets = append(o.Settings.Targets, target("u"), target("v"), target("w"))
	})
	assert.Equal(t, smoke.Failed, r.Targets[0].Verdict)
	for _, other := range r.Targets[1:] {
		assert.Equal(t, smoke.Pass, other.Verdict, other.Name)
	}
	assert.Less(t, time.Duration(r.Seconds), 30*time.Second, "they did not wait for its budget")
}
