package scenarios

import (
	"context"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Notebook proves that a person sees the output of a cell in a real browser, launched from BinderHub's own page.
func Notebook(j *Journey) smoke.Scenario {
	v := &visit{Journey: j, unmetered: j.net.Unmetered(), paper: newPaper(), served: make(chan struct{})}
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
			v.pictured("save", time.Minute, v.save),
			v.pictured("reload", 2*time.Minute, v.reload),
			v.pictured("second", 10*time.Minute, v.second),
		},
	}
}

// visit is one person's way through the deployment.
type visit struct {
	*Journey
	unmetered *wire.Network // the overhead is that of the raw scenarios
	paper     paper
	browser   *browser.Browser
	server    *jupyter.Server
	path      string          // of the notebook that is opened
	cells     int             // its code cells that are not empty
	sights    []browser.Sight // what must be on the screen once they have run

	ended  sync.Once
	served chan struct{} // closed when the browser has been told its server
	told   browser.Server
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
