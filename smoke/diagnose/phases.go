package diagnose

import (
	"iter"
	"slices"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Phase is how long the launch stayed in one of BinderHub's phases.
type Phase struct {
	Name    string       `json:"name"`
	Seconds wire.Seconds `json:"seconds"`
}

// launchPhases are the phases that BinderHub's stream tells before the end, in their order (builder.py; "waiting" is also
// the time until the first event).
var launchPhases = []string{"waiting", "fetching", "building", "pushing", "built", "launching"}

// Phases tells which phase of the launch by the raw clients ate the time, in the order in which they began. A phase that
// came again is counted as one; the last one lasts until the stream's end, or while it is open until its last event.
func Phases(records iter.Seq[wire.Record]) []Phase {
	phases := []Phase{}
	for _, x := range wire.Fold(ofLaunch(records)) {
		if !launchStream(x) || x.Open.Type != wire.TypeStream {
			continue
		}
		name, since := "waiting", x.Open.At
		until := func(at time.Duration) { phases = spent(phases, name, at-since) }
		all := events(x)
		for _, e := range all {
			if e.Phase == name || (!slices.Contains(launchPhases, e.Phase) && e.Phase != "ready" && e.Phase != "failed") {
				continue
			}
			until(e.at)
			if name, since = e.Phase, e.at; !slices.Contains(launchPhases, name) {
				break
			}
		}
		if slices.Contains(launchPhases, name) {
			until(x.Ended())
		}
	}
	return phases
}

// ofLaunch are the records that tell of the launch by the raw clients.
func ofLaunch(records iter.Seq[wire.Record]) iter.Seq[wire.Record] {
	return func(yield func(wire.Record) bool) {
		for r := range records {
			if r.Scenario == "launch" && r.Client == wire.Raw && !yield(r) {
				return
			}
		}
	}
}

// spent adds time to a phase.
func spent(phases []Phase, name string, d time.Duration) []Phase {
	i := slices.IndexFunc(phases, func(p Phase) bool { return p.Name == name })
	if i < 0 {
		i = len(phases)
		phases = append(phases, Phase{Name: name})
	}
	phases[i].Seconds += wire.Seconds(max(0, d))
	return phases
}
