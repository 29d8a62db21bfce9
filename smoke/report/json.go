package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"binderhub-smoke/smoke"
)

// schema describes report.json.
//
//go:embed report.schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of report.json.
func Schema() []byte { return schema }

// JSON is the observer that writes report.json. The file is replaced after every step, so that it is whole at all times
// and tells of a run that is killed what had ended.
type JSON struct {
	path string
	err  error
}

// NewJSON returns the observer that writes report.json into dir. The directory is made, and the report of an earlier run
// removed: a run that dies at once must not leave another's verdict.
func NewJSON(dir string) (*JSON, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	path := filepath.Join(dir, "report.json")
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("an earlier report cannot be removed: %w", err)
	}
	return &JSON{path: path}, nil
}

// Path is where the report is.
func (j *JSON) Path() string { return j.path }

// Err is what kept the last report from being written, or nil. It is for after the run.
func (j *JSON) Err() error { return j.err }

// Observe writes the report as it stands.
func (j *JSON) Observe(e smoke.Event) {
	if e.Kind == smoke.StepStarted {
		return
	}
	if j.err = j.write(e.Snapshot(), e.Kind == smoke.RunEnded); j.err != nil {
		j.err = fmt.Errorf("the report cannot be written: %w", j.err)
	}
}

func (j *JSON) write(r smoke.Result, final bool) error {
	b, err := Encode(r)
	if err != nil {
		return err
	}
	if final {
		return renameio.WriteFile(j.path, b, 0o644, renameio.WithTempDir(filepath.Dir(j.path)))
	}
	return replace(j.path, b)
}

// replace is an atomic rewrite that does not wait for the disk, which takes milliseconds in which the run stands still.
// It survives the program's death; that of the machine is only worth the wait at the run's end.
func replace(path string, b []byte) error {
	beside := path + ".new"
	if err := os.WriteFile(beside, b, 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

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
