package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// IDs names the scenarios there are, with the steps of each.
type IDs map[string][]string

// check tells whether id is a scenario or a scenario/step.
func (ids IDs) check(id string) error {
	scenario, step, both := strings.Cut(id, "/")
	steps, ok := ids[scenario]
	switch {
	case !ok:
		known := slices.Sorted(maps.Keys(ids))
		return fmt.Errorf("there is no scenario %s%s", scenario, didYouMean(scenario, known))
	case both && !slices.Contains(steps, step):
		return fmt.Errorf("%s has no step %s%s", scenario, step, didYouMean(step, steps))
	}
	return nil
}
