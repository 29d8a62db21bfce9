package scenarios

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// maxTurn is how long another run's launches are waited for; a gate takes about as long.
const maxTurn = 2 * time.Minute

// launchSteps are the steps that ask for a launch.
var launchSteps = []string{"launch/build", "launch/spawn", "notebook/launch", "rebuild/build"}

// takingTurns has those steps wait until no other run launches on this target. The turn lasts until the target's end.
func (j *Journey) takingTurns(scenarios []smoke.Scenario) []smoke.Scenario {
	if j.memory.state == nil {
		return scenarios
	}
	var mu sync.Mutex
	taken, end := false, func() {}
	j.AtEnd(func() {
		mu.Lock()
		defer mu.Unlock()
		end()
	})
	turn := func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if taken {
			return nil
		}
		ends, err := j.takeTurn(ctx)
		if err == nil {
			taken, end = true, ends
		}
		return err
	}
	for _, sc := range scenarios {
		for i, st := range sc.Steps {
			if slices.Contains(launchSteps, sc.Name+"/"+st.Name) {
				do := st.Do
				sc.Steps[i].Do = func(ctx context.Context) error {
					if err := turn(ctx); err != nil {
						return err
					}
					return do(ctx)
				}
			}
		}
	}
	return scenarios
}

func (j *Journey) takeTurn(ctx context.Context) (end func(), err error) {
	var places []string
	for _, from := range slices.Sorted(maps.Keys(j.Target.Resolve)) {
		places = append(places, from+"="+j.Target.Resolve[from])
	}
	waiting, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	end, err = j.memory.state.Turn(waiting, strings.Join(places, ","))
	if err != nil {
		return nil, &wire.Fault{
			Subject: "The turn to launch", Symptom: wire.Unavailable, Want: "no other run that launches on this target", Got: err.Error(), Inconclusive: true,
		}
	}
	return end, nil
}
