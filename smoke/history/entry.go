// Package history remembers what each run of a target came to, how long its steps took and who answered on the way, and tells
// the next run what is clearly different. What it tells warns; it decides nothing.
package history

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// schema is the version of history.ndjson. Later versions with this number add fields and change none.
const schema = 1

// Entry is one target of one run: a line of history.ndjson.
type Entry struct {
	Schema   int           `json:"schema"`
	Run      string        `json:"run"`
	At       time.Time     `json:"at"`
	Suite    string        `json:"suite"`
	Target   string        `json:"target"`   // its URL: a target that is renamed keeps its history
	Settings string        `json:"settings"` // of runs with other settings the times are not comparable
	Verdict  smoke.Verdict `json:"verdict"`
	Built    bool          `json:"built,omitempty"` // the launch built an image
	// Steps are the times of the steps that passed, in seconds, by "scenario/step".
	Steps map[string]wire.Seconds `json:"steps"`
	Route []Host                  `json:"route"`
}

// Host is the way to one host.
type Host struct {
	Host string `json:"host"` // binder or hub
	Hops []Hop  `json:"hops"`
}

// Hop is who answered there.
type Hop struct {
	Hop     diagnose.Hop   `json:"hop"`
	Names   []string       `json:"names,omitempty"`
	Version string         `json:"version,omitempty"` // where the hop tells it in a header of its own
	State   diagnose.State `json:"state"`
}

// entryOf is what is remembered of a target's result.
func entryOf(r smoke.TargetResult, target smoke.Target, quick bool) Entry {
	e := Entry{Schema: schema, Target: key(target), Settings: fingerprint(target, quick), Verdict: r.Verdict, Steps: map[string]wire.Seconds{}, Route: []Host{}}
	for _, sc := range r.Scenarios {
		for _, st := range sc.Steps {
			if st.Verdict == smoke.Pass {
				e.Steps[sc.Name+"/"+st.Name] = st.Seconds
			}
		}
	}
	e.Built = slices.ContainsFunc(r.Phases, func(p diagnose.Phase) bool { return p.Name == "building" || p.Name == "pushing" })
	for _, route := range r.Route {
		h := Host{Host: route.Host}
		for _, hop := range route.Hops {
			h.Hops = append(h.Hops, hopOf(hop))
		}
		e.Route = append(e.Route, h)
	}
	return e
}

// versionHeader is how a hub tells its version with every answer.
const versionHeader = "X-Jupyterhub-Version: "

func hopOf(hop diagnose.RouteHop) Hop {
	h := Hop{Hop: hop.Hop, State: hop.State}
	if hop.Name != "" {
		h.Names = strings.Split(hop.Name, ", ")
	}
	for _, add := range hop.Adds {
		if version, ok := strings.CutPrefix(add, versionHeader); ok {
			h.Version = version
		}
	}
	return h
}

// key names a target in the history.
func key(t smoke.Target) string {
	if home := t.Home(); home != nil {
		return home.String()
	}
	return t.Name
}

// fingerprint names the settings that times depend on.
func fingerprint(t smoke.Target, quick bool) string {
	text, err := json.Marshal([]any{
		t.Kind, t.Spec, t.Notebook, t.App, t.UI, t.Form, t.Scenarios, t.Skip, t.Repeat, t.Idle, t.Rebuild, t.Notebooks, t.Egress, t.Isolation,
		t.Expect.Packages, t.Token != "", len(t.Headers), quick,
	})
	if err != nil {
		return "" // nothing of this can fail
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:12]
}
