package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// inspect prints, as JSON, the kernel's Python version, which packages cannot be imported, and which files are not there.
const inspect = `
import importlib, json, os, platform
def missing(name):
    try:
        importlib.import_module(name)
        return False
    except Exception:
        return True
print(json.dumps({
    "Python": platform.python_version(),
    "Packages": [p for p in %s if missing(p)],
    "Files": [f for f in %s if not os.path.exists(f)],
}))`

// expected compares the kernel's environment with what the target's settings expect: an old image that still starts, or a
// new one that lacks something, is found by it.
func (k *session) expected(ctx context.Context) error {
	e := k.Target.Expect
	if e.Python == "" && len(e.Packages) == 0 && len(e.Files) == 0 {
		return nil
	}
	packages, files := list(e.Packages), list(e.Files)
	out, err := k.succeed(ctx, k.script, fmt.Sprintf(inspect, packages, files))
	if err != nil {
		return err
	}
	var found struct {
		Python          string
		Packages, Files []string
	}
	if err := json.Unmarshal([]byte(out.Text), &found); err != nil {
		return k.script.Fault(wire.WrongOutput, "JSON", fmt.Sprintf("%.200q", out.Text))
	}
	switch {
	case e.Python != "" && !strings.HasPrefix(found.Python+".", strings.TrimSuffix(e.Python, ".")+"."):
		return k.lacking("Python "+e.Python, found.Python)
	case len(found.Packages) > 0:
		return k.lacking("the packages "+strings.Join(e.Packages, ", "), "no "+strings.Join(found.Packages, ", "))
	case len(found.Files) > 0:
		return k.lacking("the files "+strings.Join(e.Files, ", "), "no "+strings.Join(found.Files, ", "))
	}
	return nil
}

// lacking is the fault of an environment that is not the expected one.
func (k *session) lacking(want, got string) error {
	f := k.script.Fault(wire.Unexpected, want, got)
	f.Subject = "The kernel's environment, asked of the kernel"
	return f
}

// list writes strings as JSON, which is a list of strings in Python too.
func list(values []string) string {
	data, _ := json.Marshal(append([]string{}, values...)) // strings: it cannot fail
	return string(data)
}

// notebooks runs every code cell of the repository's own notebooks, and names the first one that errs.
func (k *session) notebooks(ctx context.Context) error {
	if len(k.Target.Notebooks) == 0 {
		return smoke.Skip("no notebooks are given for this target")
	}
	for _, path := range k.Target.Notebooks {
		content, err := k.raw.Notebook(ctx, path)
		if err != nil {
			return err
		}
		code, err := codeCells(content)
		if err != nil {
			return k.script.Fault(wire.Content, "a notebook at "+path, err.Error())
		}
		for i, c := range code {
			out, err := k.script.Execute(ctx, string(c.Source))
			if err != nil {
				return err
			}
			if out.Status != "ok" {
				return k.script.Fault(wire.CellError, fmt.Sprintf("code cell %d of %s to run", i+1, path), out.Status+" "+out.Error)
			}
		}
	}
	return nil
}
