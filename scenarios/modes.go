package scenarios

import (
	"fmt"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// CheckHubs tells of the first target that quick mode cannot test: one of which nobody knows the hub's URL, which only a
// launch would tell. earlier is what former runs found out.
func CheckHubs(s smoke.Settings, earlier *state.State) error {
	for _, t := range s.Targets {
		if s.Mode != smoke.ModeQuick || t.Hub != nil || earlier.Target(t.Home()).Hub() != nil || !asksHub(s.Mode, t) {
			continue
		}
		return fmt.Errorf("%s: quick mode launches nothing, so it must be told the hub's URL: set SMOKE_HUB, or the target's hub, or run in gate mode once, which remembers it", t.Name)
	}
	return nil
}

// asksHub tells whether any step of hub-host would run.
func asksHub(mode smoke.Mode, t smoke.Target) bool {
	all := Plan(t)
	left := smoke.Plan(mode, t, all)
	for _, sc := range all {
		for _, st := range sc.Steps {
			if _, out := left[sc.Name+"/"+st.Name]; sc.Name == "hub-host" && !out {
				return true
			}
		}
	}
	return false
}

// Launches is how many launches of a target a run makes at most: those of the raw clients, of the browser, and of an image
// that is not cached.
func Launches(mode smoke.Mode, t smoke.Target) int {
	all, n := Plan(t), 0
	left := smoke.Plan(mode, t, all)
	for _, step := range []string{"launch/spawn", "notebook/launch", "rebuild/build"} {
		if _, out := left[step]; !out && (step != "rebuild/build" || t.Rebuild) {
			n++
		}
	}
	return n
}
