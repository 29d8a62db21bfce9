package scenarios

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/wire"
)

// readAgain is the pause between two looks at a file that the server itself writes.
const readAgain = 500 * time.Millisecond

// save saves by the page, and reads back through the raw client what has arrived.
func (v *visit) save(ctx context.Context) error {
	together, err := v.browser.Save(ctx, v.path)
	if err != nil {
		return err
	}
	for {
		missing, err := v.saved(ctx)
		if err != nil || missing == "" {
			return err
		}
		fault := &wire.Fault{
			Subject: "The notebook that the page saved, read back by the raw client,", URL: v.server.URL("api/contents/" + v.path),
			Symptom: wire.Content, Want: "its outputs", Got: missing,
		}
		if !together {
			return fault
		}
		select {
		case <-time.After(readAgain):
		case <-ctx.Done():
			return fault
		}
	}
}

// saved says what is missing in the notebook's file, or nothing.
func (v *visit) saved(ctx context.Context) (missing string, err error) {
	code, err := v.code(ctx, v.path)
	switch {
	case err != nil:
		return "", err
	case v.Target.Notebook != "":
		return unsaved(code), nil
	}
	return v.paper.unsaved(code), nil
}

// reload comes back to the notebook as a person does, with what the browser has kept of the first visit, and finds its
// outputs.
func (v *visit) reload(ctx context.Context) error {
	if err := v.browser.Reload(ctx); err != nil {
		return err
	}
	return v.look(ctx)
}

// second opens another notebook, of the repository where it has one: it is run where the user wants every cell of it to run, and
// only shown where nobody knows how long it takes.
func (v *visit) second(ctx context.Context) error {
	path, code, err := v.other(ctx)
	switch {
	case err != nil:
		return err
	case path == "":
		return smoke.Skip("the repository has no other notebook that the server's kernel can run")
	}
	if err := v.browser.OpenNotebook(ctx, v.page(path, "binderhub-smoke")); err != nil {
		return err
	}
	if slices.Contains(v.Target.Notebooks, path) {
		_, err := v.browser.RunAll(ctx, len(code))
		return err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(code[0].Source)), "\n")
	return v.browser.See(ctx, browser.Sight{What: "the first code cell of " + path, Text: strings.TrimSpace(first), InCell: true})
}

// maxLooked bounds the notebooks of the repository that are read to find one that can be opened.
const maxLooked = 5

// other finds a notebook that is not the one that was opened: of those that the user names, else of the repository's start
// directory one whose kernel is the server's default. path is empty when there is none.
func (v *visit) other(ctx context.Context) (path string, code []savedCell, err error) {
	named := slices.DeleteFunc(slices.Clone(v.Target.Notebooks), v.isOpen)
	if len(named) > 0 {
		code, err = v.code(ctx, named[0])
		return named[0], code, err
	}
	found, err := v.server.Notebooks(ctx)
	if err != nil {
		return "", nil, err
	}
	spec, err := v.server.DefaultKernelspec(ctx)
	if err != nil {
		return "", nil, err
	}
	found = slices.DeleteFunc(found, v.isOpen)
	for _, path := range found[:min(len(found), maxLooked)] {
		content, err := v.server.Notebook(ctx, path)
		if err != nil {
			return "", nil, err
		}
		if code, err := codeCells(content); err == nil && len(code) > 0 && kernelOf(content) == spec.Name {
			return path, code, nil
		}
	}
	return "", nil, nil
}

func (v *visit) isOpen(path string) bool { return path == v.path || path == ownNotebook }

// kernelOf is the kind of kernel that a notebook asks for.
func kernelOf(notebook json.RawMessage) string {
	var nb struct {
		Metadata struct{ Kernelspec struct{ Name string } }
	}
	if json.Unmarshal(notebook, &nb) != nil {
		return ""
	}
	return nb.Metadata.Kernelspec.Name
}
