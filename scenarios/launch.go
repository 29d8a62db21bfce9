package scenarios

import (
	"context"
	"errors"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Launch proves that BinderHub launches a server and that the proxy routes to it.
func Launch(j *Journey) smoke.Scenario {
	var launch *binder.Launch
	needs := []string{"binder-host/page"}
	switch {
	case !j.Target.UI && j.Target.Binder.Scheme == "https":
		needs = []string{"binder-host/tls"}
	case !j.Target.UI:
		needs = nil
	}
	return smoke.Scenario{
		Name:   "launch",
		Proves: "the event stream arrives in order to ready, and the proxy routes to the new server",
		Needs:  needs,
		Raw:    true,
		Steps: []smoke.Step{
			// A build may take long where the image is not cached; silence ends it sooner.
			{Name: "build", Budget: 10 * time.Minute, Do: func(ctx context.Context) error {
				var err error
				launch, err = j.launch(ctx)
				if err == nil {
					_, err = launch.Await(ctx, "built", "launching")
				}
				return err
			}},
			// Zero to JupyterHub's start timeout is 300 s, and BinderHub tries four times; a node may have to be added.
			{Name: "spawn", Budget: 10 * time.Minute, Do: func(ctx context.Context) error {
				return j.spawn(ctx, launch)
			}},
			{Name: "route", Budget: 30 * time.Second, Do: func(ctx context.Context) error {
				_, err := j.raw.Version(ctx)
				return err
			}},
		},
	}
}

// launch asks for a launch as a browser does: with the token of the launch page, which keeps it out of the rate limit.
func (j *Journey) launch(ctx context.Context) (*binder.Launch, error) {
	token := ""
	if j.Target.UI {
		var err error
		if token, err = j.binder.BuildToken(ctx, j.Target.Spec); err != nil {
			return nil, err
		}
	}
	l := j.binder.Launch(ctx, j.Target.Spec, token)
	j.launching(&launched{at: l.At, close: l.Close, server: func(ctx context.Context) (*jupyter.Server, error) {
		return j.serverOf(ctx, l)
	}})
	return l, nil
}

// spawn follows the launch to its end and takes the server that it tells.
func (j *Journey) spawn(ctx context.Context, l *binder.Launch) error {
	e, err := l.Await(ctx)
	if err != nil {
		return err
	}
	if e.URL == "" {
		return l.Fault(wire.Content, "the URL of a user server in ready", "none")
	}
	j.learnHub(e.URL)
	j.raw = jupyter.NewServer(j.net, e.URL, e.Token)
	return nil
}

// serverOf waits for the server of a launch, for clean-up.
func (j *Journey) serverOf(ctx context.Context, l *binder.Launch) (*jupyter.Server, error) {
	var fault *wire.Fault
	if l.Ready() == nil {
		_, err := l.Await(ctx)
		switch {
		case errors.As(err, &fault) && !l.MayRun():
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	return jupyter.NewServer(j.net, l.Ready().URL, l.Ready().Token), nil
}
