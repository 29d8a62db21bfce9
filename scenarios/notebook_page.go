package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/wire"
)

func (v *visit) lab(ctx context.Context) error { return v.browser.WaitLab(ctx) }

// ownNotebook is where the suite uploads its own notebook.
const ownNotebook = "binderhub-smoke.ipynb"

func (v *visit) open(ctx context.Context) error {
	v.path = v.Target.Notebook
	if v.path == "" {
		if err := v.upload(ctx); err != nil {
			return err
		}
	} else if err := v.count(ctx); err != nil {
		return err
	}
	return v.browser.OpenNotebook(ctx, v.page(v.path, ""))
}

// page is the URL of a notebook's page. In JupyterLab a workspace of its own keeps one notebook apart from what was open
// before; Notebook 7 shows one at a time.
func (v *visit) page(path, workspace string) string {
	page := "lab/tree/"
	switch {
	case v.Target.App == smoke.AppNotebook:
		page = "notebooks/"
	case workspace != "":
		page = "lab/workspaces/" + workspace + "/tree/"
	}
	return v.server.URL(page + (&url.URL{Path: path}).EscapedPath())
}

// upload puts the suite's own notebook there.
func (v *visit) upload(ctx context.Context) error {
	spec, err := v.server.DefaultKernelspec(ctx)
	if err != nil {
		return err
	}
	if spec.Language != "python" {
		return smoke.Skip(fmt.Sprintf("the kernel %q speaks %s, and the suite's notebook is Python; name one of the repository's by SMOKE_NOTEBOOK", spec.Name, spec.Language))
	}
	v.path, v.cells, v.sights = ownNotebook, v.paper.cells(), v.paper.sights()
	return v.server.Upload(ctx, v.path, v.paper.notebook(spec.Name))
}

// count reads the repository's own notebook, to know how many executions must be seen.
func (v *visit) count(ctx context.Context) error {
	code, err := v.code(ctx, v.path)
	v.cells = len(code)
	return err
}

// code reads the code cells of a notebook's file. None is nothing to test with.
func (v *visit) code(ctx context.Context, path string) ([]savedCell, error) {
	content, err := v.server.Notebook(ctx, path)
	if err != nil {
		return nil, err
	}
	code, err := codeCells(content)
	if err == nil && len(code) == 0 {
		err = errors.New("it has no code cell to run")
	}
	if err != nil {
		return nil, &wire.Fault{
			Subject: "The notebook " + path, URL: v.server.URL("api/contents/" + path), Symptom: wire.Content,
			Want: "a notebook with a code cell", Got: err.Error(), Inconclusive: true, Err: err,
		}
	}
	return code, nil
}

func (v *visit) run(ctx context.Context) error {
	done, err := v.browser.RunAll(ctx, v.cells)
	if err != nil {
		return err
	}
	if v.Target.Notebook != "" {
		if line := lastLine(done); line != "" {
			v.sights = []browser.Sight{{Text: line}}
		}
		return nil
	}
	if got := strings.TrimSpace(done.Cells[0].Output); got != v.paper.want {
		return &wire.Fault{
			Subject: "The notebook's cell", URL: v.page(v.path, ""), Symptom: wire.WrongOutput,
			Want: fmt.Sprintf("the output %q", v.paper.want), Got: fmt.Sprintf("%.200q", got), Exchanges: []wire.ExchangeID{done.Cells[0].Exchange},
		}
	}
	return nil
}

// lastLine is the last line of all outputs that holds anything.
func lastLine(done browser.Executed) string {
	var last string
	for _, c := range done.Cells {
		for line := range strings.Lines(c.Output) {
			if line = strings.TrimSpace(line); line != "" {
				last = line
			}
		}
	}
	return last
}

func (v *visit) render(ctx context.Context) error {
	if v.sights == nil {
		return smoke.Skip("the notebook prints no text to look for")
	}
	return v.look(ctx)
}

// look waits until everything that the notebook shows is on the screen, one after the other.
func (v *visit) look(ctx context.Context) error {
	for _, s := range v.sights {
		if err := v.browser.See(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
