package scenarios

import (
	"context"
	"errors"
	"net/url"
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
	form := v.pictured("form", time.Minute, v.form)
	form.Independent = true // people launch by links too
	return smoke.Scenario{
		Name:   "notebook",
		Proves: "a person sees a cell's output in a real browser, launched from BinderHub's own page",
		Needs:  []string{needs},
		After:  j.turns(),
		Steps: []smoke.Step{
			form,
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

// start starts the browser, once.
func (v *visit) start(ctx context.Context) (err error) {
	if v.browser != nil {
		return nil
	}
	v.browser, err = browser.Start(ctx, browser.Options{
		Timeline: v.Timeline, Resolve: v.Target.Resolve, CA: v.Target.CA, UserAgent: v.UserAgent(), OnServer: v.onServer,
		Header: v.browserHeader(),
		Headed: v.Headed, Remote: v.Browser,
	})
	if err != nil {
		return err
	}
	for _, note := range v.browser.Notes() {
		v.Tell(note)
	}
	return v.logIn(ctx)
}

// form fills the form of BinderHub's front page, and compares its launch URL with the one that is to be launched. Nothing is
// launched by it: that would spend the rate limit.
func (v *visit) form(ctx context.Context) error {
	if !v.Target.UI {
		return smoke.Skip("a BinderHub in API-only mode has no front page")
	}
	if err := v.start(ctx); err != nil {
		return err
	}
	shown, err := v.browser.FillForm(ctx, v.binder.URL(""), v.Target.Spec)
	var none *browser.ErrNoForm
	if errors.As(err, &none) && !v.Target.Form {
		return smoke.Skip(none.Reason)
	}
	if err != nil {
		return err
	}
	return v.sameHost(shown)
}

// sameHost compares the host of the front page's launch URL with ours: on a member of a federation the two differ. Links that
// leave https are wrong everywhere.
func (v *visit) sameHost(shown string) error {
	want := v.binder.URL("v2/" + v.Target.Spec)
	u, err := url.Parse(shown)
	if err != nil || (v.Target.Binder.Scheme == "https" && u.Scheme != "https") {
		return &wire.Fault{
			Subject: "The form of BinderHub's front page", URL: v.binder.URL(""), Symptom: wire.Content, Want: "the launch URL " + want, Got: shown,
		}
	}
	if shown != want {
		v.Tell("the front page's launch URL is " + shown + ", which is not below the target's binder URL")
	}
	return nil
}

func (v *visit) launch(ctx context.Context) error {
	if err := v.start(ctx); err != nil {
		return err
	}
	if !v.Target.UI {
		v.register(&launched{close: v.leave, server: func(context.Context) (*jupyter.Server, error) { return nil, nil }})
		v.server = v.raw
		return v.browser.OpenServer(ctx, v.raw.Base(), v.linkToken())
	}
	if err := v.vacate(ctx); err != nil {
		return err
	}
	v.launching(&launched{at: v.Timeline.Now(), close: v.leave, server: v.serverOf})
	server, err := v.launchPage(ctx)
	if err != nil {
		return err
	}
	v.server = v.serverAt(v.unmetered, server.URL, server.Token)
	return nil
}

// launchPage launches by the link that badges have, or by the form where the target says so.
func (v *visit) launchPage(ctx context.Context) (browser.Server, error) {
	if !v.Target.Form {
		return v.browser.Launch(ctx, v.binder.URL("v2/"+v.Target.Spec))
	}
	if _, err := v.browser.FillForm(ctx, v.binder.URL(""), v.Target.Spec); err != nil {
		return browser.Server{}, err
	}
	return v.browser.LaunchByForm(ctx)
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
		return v.serverAt(v.net, v.told.URL, v.told.Token), nil
	default:
	}
	if !v.browser.Launching() {
		return nil, nil
	}
	select {
	case <-v.served:
		return v.serverAt(v.net, v.told.URL, v.told.Token), nil
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
