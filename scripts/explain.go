package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/wire"
)

// timelineName is what a target's recording is called.
const timelineName = "timeline.ndjson"

// explain diagnoses a recording, or all of a report's, and shows what a run would. It asks no network.
func (p *program) explain(args []string) int {
	if len(args) != 1 {
		return p.fail(errors.New("explain wants one argument: a timeline.ndjson, or the directory of a report"))
	}
	result, screen, err := explained(args[0])
	if err != nil {
		return p.fail(fmt.Errorf("%s cannot be explained: %w", args[0], err))
	}
	screen.Terminal = report.DetectTerminal(p.stdout, p.getenv)
	p.print(screen.Targets(result))
	return report.ExitPass
}

// explained diagnoses what is at a path anew.
func explained(path string) (smoke.Result, report.Screen, error) {
	info, err := os.Stat(path)
	if err != nil {
		return smoke.Result{}, report.Screen{}, plainly(err)
	}
	if !info.IsDir() {
		return explainedFile(path)
	}
	if b, err := os.ReadFile(filepath.Join(path, "report.json")); err == nil {
		r, err := explainedReport(path, b)
		return r, report.Screen{Out: path}, err
	}
	if file := filepath.Join(path, timelineName); exists(file) {
		return explainedFile(file)
	}
	return smoke.Result{}, report.Screen{}, errors.New("the directory holds neither report.json nor " + timelineName)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// explainedFile explains one timeline by itself.
func explainedFile(path string) (smoke.Result, report.Screen, error) {
	rec, err := recording(path)
	if err != nil {
		return smoke.Result{}, report.Screen{}, err
	}
	t := smoke.Explain("recording", rec)
	return smoke.Result{Targets: []smoke.TargetResult{t}}, report.Screen{Timeline: path}, nil
}

// targetName is what a target may be called; a report may come from anywhere, and the name becomes a path.
var targetName = regexp.MustCompile(`^[a-z0-9-]+$`)

// explainedReport explains every timeline of a report; what a timeline does not tell, such as the steps that did not run, is
// taken from the report.
func explainedReport(dir string, text []byte) (smoke.Result, error) {
	var r smoke.Result
	switch err := json.Unmarshal(text, &r); {
	case err != nil || r.Schema == 0:
		return r, errors.New("its report.json is no report of this program")
	case r.Schema > smoke.Schema:
		return r, fmt.Errorf("its report.json was written by a newer version of this program (schema %d; this one reads up to %d)", r.Schema, smoke.Schema)
	case len(r.Targets) == 0:
		return r, errors.New("its report.json has no targets")
	}
	for i := range r.Targets {
		t := &r.Targets[i]
		if !targetName.MatchString(t.Name) {
			return r, fmt.Errorf("its report.json has a target of the name %q, which none may have", t.Name)
		}
		path := filepath.Join("targets", t.Name, timelineName)
		rec, err := recording(filepath.Join(dir, path))
		if err != nil {
			return r, fmt.Errorf("%s: %w", path, err)
		}
		t.Reexamine(rec)
	}
	return r, nil
}

func recording(path string) (wire.Recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return wire.Recording{}, plainly(err)
	}
	defer file.Close()
	return wire.ReadRecording(file)
}

// plainly leaves out of an error what the sentence says already.
func plainly(err error) error {
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
