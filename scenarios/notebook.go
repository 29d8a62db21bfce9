package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Notebook proves that a person sees the output of a cell in a real browser, launched from BinderHub's own page.
func Notebook(j *Journey) smoke.Scenario {
	v := &visit{Journey: j, unmetered: j.net.Unmetered(), cell: newCell(), served: make(chan struct{})}
	j.AtEnd(v.end)
	needs := "binder-host/page"
	if !j.Target.UI {
		needs = "launch" // there is no page to launch from: the browser opens the raw clients' server
	}
	run := v.pictured("run", 2*time.Minute, v.run)
	run.Cell = true
	return smoke.Scenario{
		Name:   "notebook",
		Proves: "a person sees a cell's output in a real browser, launched from BinderHub's own page",
		Needs:  []string{needs},
		Steps: []smoke.Step{
			v.pictured("launch", 20*time.Minute, v.launch),
			v.pictured("lab", 90*time.Second, v.lab),
			// The page's socket is held until the kernel answers, up to 60 s.
			v.pictured("open", 2*time.Minute, v.open),
			run,
			v.pictured("render", 30*time.Second, v.render),
		},
	}
}

// visit is one person's way through the deployment.
type visit struct {
	*Journey
	unmetered *wire.Network // the overhead is that of the raw scenarios
	cell      cell
	browser   *browser.Browser
	server    *jupyter.Server
	cells     int    // code cells of the notebook that are not empty
	shown     string // text that must be on the screen

	ended  sync.Once
	served chan struct{} // closed when the browser has been told its server
	told   browser.Server
}

// pictured is a step that leaves a screenshot. After a step that passed none is taken when the page has meanwhile come to
// grief: that is the next step's to say, and at once.
func (v *visit) pictured(name string, budget time.Duration, do func(context.Context) error) smoke.Step {
	return smoke.Step{Name: name, Budget: budget, Do: do, Evidence: func(ctx context.Context, err error) {
		if v.browser == nil {
			return
		}
		limit := 5 * time.Second
		if v.interrupted() {
			limit = time.Second // clean-up comes first
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err == nil && name == "launch" {
			v.browser.Painted(ctx, v.server.Base())
		}
		if err == nil && v.browser.Failing() {
			return
		}
		if problem := v.picture(ctx, name); problem != nil && err == nil {
			v.Tell(fmt.Sprintf("no screenshot of notebook/%s: %v", name, problem))
		}
	}}
}

func (v *visit) picture(ctx context.Context, name string) error {
	png, err := v.browser.Screenshot(ctx)
	if err != nil {
		return err
	}
	file := "notebook-" + name + ".png"
	if err := os.WriteFile(filepath.Join(v.Dir, file), png, 0o644); err != nil {
		return err
	}
	smoke.SetScreenshot(ctx, filepath.ToSlash(filepath.Join("targets", v.Name(), file)))
	return nil
}

func (v *visit) launch(ctx context.Context) error {
	var err error
	v.browser, err = browser.Start(ctx, browser.Options{
		Timeline: v.Timeline, Resolve: v.Target.Resolve, CA: v.Target.CA, UserAgent: v.UserAgent(), OnServer: v.onServer,
	})
	if err != nil {
		return err
	}
	for _, note := range v.browser.Notes() {
		v.Tell(note)
	}
	if !v.Target.UI {
		v.register(&launched{close: v.leave, server: func(context.Context) (*jupyter.Server, error) { return nil, nil }})
		v.server = v.raw
		return v.browser.OpenServer(ctx, v.raw.Base(), v.raw.Token())
	}
	v.launching(&launched{at: v.Timeline.Now(), close: v.leave, server: v.serverOf})
	server, err := v.browser.Launch(ctx, v.binder.URL("v2/"+v.Target.Spec))
	if err != nil {
		return err
	}
	v.server = jupyter.NewServer(v.unmetered, server.URL, server.Token)
	return nil
}

// onServer is called as soon as the browser learns of its server.
func (v *visit) onServer(s browser.Server) {
	if !v.Target.UI {
		return // the raw clients' own server
	}
	v.told = s
	v.learnHub(s.URL)
	close(v.served)
}

// serverOf waits for the browser's server, for clean-up. The page goes on launching while nobody drives it.
func (v *visit) serverOf(ctx context.Context) (*jupyter.Server, error) {
	select {
	case <-v.served:
		return jupyter.NewServer(v.net, v.told.URL, v.told.Token), nil
	default:
	}
	if !v.browser.Launching() {
		return nil, nil
	}
	select {
	case <-v.served:
		return jupyter.NewServer(v.net, v.told.URL, v.told.Token), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// leave begins to close the browser and does not wait: what the page still does is no longer recorded.
func (v *visit) leave() { go v.end() }

// end closes the browser, once nobody needs its launch any more.
func (v *visit) end() { v.ended.Do(v.closeBrowser) }

func (v *visit) closeBrowser() {
	if v.browser == nil {
		return
	}
	limit := 5 * time.Second
	if v.interrupted() {
		limit = time.Second // then it is killed
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := v.browser.Close(ctx); err != nil {
		v.Tell("the browser did not close in order: " + err.Error())
	}
}

func (v *visit) lab(ctx context.Context) error { return v.browser.WaitLab(ctx) }

// ownNotebook is where the suite uploads its own notebook.
const ownNotebook = "binderhub-smoke.ipynb"

func (v *visit) open(ctx context.Context) error {
	path := v.Target.Notebook
	if path == "" {
		path, v.cells, v.shown = ownNotebook, 1, v.cell.want
		if err := v.server.Upload(ctx, path, v.cell.notebook()); err != nil {
			return err
		}
	} else if err := v.count(ctx, path); err != nil {
		return err
	}
	page := "lab/tree/"
	if v.Target.App == smoke.AppNotebook {
		page = "notebooks/"
	}
	return v.browser.OpenNotebook(ctx, v.server.URL(page+(&url.URL{Path: path}).EscapedPath()))
}

// count reads the repository's own notebook, to know how many executions must be seen.
func (v *visit) count(ctx context.Context, path string) error {
	content, err := v.server.Notebook(ctx, path)
	if err != nil {
		return err
	}
	sources, err := codeCells(content)
	v.cells = len(sources)
	if err == nil && v.cells == 0 {
		err = errors.New("it has no code cell to run")
	}
	if err != nil {
		return &wire.Fault{
			Subject: "The notebook " + path, URL: v.server.URL("api/contents/" + path), Symptom: wire.Content,
			Want: "a notebook with a code cell", Got: err.Error(), Inconclusive: true, Err: err,
		}
	}
	return nil
}

func (v *visit) run(ctx context.Context) error {
	done, err := v.browser.RunAll(ctx, v.cells)
	if err != nil {
		return err
	}
	var text []string
	for _, c := range done.Cells {
		text = append(text, strings.TrimSpace(c.Output))
	}
	all := strings.Join(text, "\n")
	if v.Target.Notebook != "" {
		v.shown = lastLine(all)
		return nil
	}
	if all != v.cell.want {
		return &wire.Fault{
			Subject: "The notebook's cell", URL: v.server.URL("lab/tree/" + ownNotebook), Symptom: wire.WrongOutput,
			Want: fmt.Sprintf("the output %q", v.cell.want), Got: fmt.Sprintf("%.200q", all), Exchanges: []wire.ExchangeID{done.Cells[0].Exchange},
		}
	}
	return nil
}

func (v *visit) render(ctx context.Context) error {
	if v.shown == "" {
		return smoke.Skip("the notebook prints no text to look for")
	}
	return v.browser.Rendered(ctx, v.shown)
}

// lastLine is the last line that holds anything.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// codeCells are the sources of a notebook's code cells that are not empty: the page sends no execution for those.
func codeCells(notebook json.RawMessage) ([]string, error) {
	var nb struct {
		Cells []struct {
			Type   string          `json:"cell_type"`
			Source json.RawMessage `json:"source"` // a string, or a list of lines
		} `json:"cells"`
	}
	if err := json.Unmarshal(notebook, &nb); err != nil {
		return nil, err
	}
	var sources []string
	for _, c := range nb.Cells {
		var lines []string
		var source string
		if json.Unmarshal(c.Source, &lines) == nil {
			source = strings.Join(lines, "")
		} else if err := json.Unmarshal(c.Source, &source); err != nil {
			return nil, err
		}
		if c.Type == "code" && strings.TrimSpace(source) != "" {
			sources = append(sources, source)
		}
	}
	return sources, nil
}
