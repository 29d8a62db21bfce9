package smoke

import (
	"context"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Describe constructs the scenarios of a target without running them, to list them or to check names against.
func Describe(target Target, scenarios func(*TargetRun) []Scenario) []Scenario {
	t := &TargetRun{Target: target, Meter: &wire.Meter{}, run: &Run{ctx: context.Background()}}
	places := wire.NewPlaces(target.Binder, target.Hub)
	t.Timeline = wire.NewTimeline(time.Now(), wire.NewRedactor(), places, nil, wire.Limits{})
	return scenarios(t)
}
