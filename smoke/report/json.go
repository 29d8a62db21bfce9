package report

import (
	_ "embed"
	"encoding/json"

	"binderhub-smoke/smoke"
)

// schema describes report.json.
//
//go:embed report.schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of report.json.
func Schema() []byte { return schema }

// NewJSON returns the observer that writes report.json into dir.
func NewJSON(dir string) (*File, error) { return newFile(dir, "report.json", Encode) }

// Encode writes a result as report.json holds it. Lists are never null.
func Encode(r smoke.Result) ([]byte, error) {
	r.Targets = filled(r.Targets)
	for i := range r.Targets {
		t := &r.Targets[i]
		t.NotTried, t.Notes, t.Leaked = filled(t.NotTried), filled(t.Notes), filled(t.Leaked)
		t.Scenarios, t.Findings, t.Phases = filled(t.Scenarios), filled(t.Findings), filled(t.Phases)
		for k := range t.Scenarios {
			t.Scenarios[k].Steps = filled(t.Scenarios[k].Steps)
		}
		for k := range t.Findings {
			f := &t.Findings[k]
			f.Suspects, f.Also, f.Exchanges = filled(f.Suspects), filled(f.Also), filled(f.Exchanges)
		}
		t.Route = filled(t.Route)
		for k := range t.Route {
			t.Route[k].Hops = filled(t.Route[k].Hops)
			for n := range t.Route[k].Hops {
				t.Route[k].Hops[n].Adds = filled(t.Route[k].Hops[n].Adds)
			}
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// filled is a copy of a list that is never nil.
func filled[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }
