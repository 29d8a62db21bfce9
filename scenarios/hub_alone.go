package scenarios

import (
	"context"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// alone tells whether the target is a JupyterHub without a BinderHub.
func (j *Journey) alone() bool { return j.Target.Kind == smoke.KindJupyterHub }

// ofHub are the scenarios of a JupyterHub without a BinderHub: the same, on a server that the hub's own API starts.
func ofHub(j *Journey) []smoke.Scenario {
	return j.takingTurns(j.loggingIn([]smoke.Scenario{
		HubHost(j), Start(j), Server(j), Kernel(j), Terminal(j), Idle(j), Pod(j), j.withCertificate(Notebook(j)),
		CleanUp(j),
	}))
}

// Start is launch for a JupyterHub without a BinderHub.
func Start(j *Journey) smoke.Scenario {
	var needs []string
	for _, step := range (&host{Journey: j, base: j.hub}).connected() {
		needs = append(needs, "hub-host/"+step)
	}
	return smoke.Scenario{
		Name:   "launch",
		Proves: "the hub starts a server by its API, and the proxy routes to it",
		Needs:  needs,
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "build", Budget: time.Minute, Do: func(context.Context) error { return smoke.Skip("a JupyterHub alone builds nothing") }},
			{Name: "spawn", Budget: 10 * time.Minute, Do: j.startServer},
			{Name: "route", Budget: 30 * time.Second, Do: func(ctx context.Context) error {
				_, err := j.raw.Version(ctx)
				return err
			}},
		},
	}
}

// startServer starts the user's default server. One that runs already is somebody's work: it is not touched.
func (j *Journey) startServer(ctx context.Context) error {
	if j.user == nil {
		return &wire.Fault{
			Subject: "The hub's user", URL: j.hub(), Symptom: wire.Unavailable, Want: "an API token of JupyterHub", Inconclusive: true,
			Got: "none: set SMOKE_TOKEN_FILE, or credentials.token of the target",
		}
	}
	user, err := j.user.User(ctx)
	if err != nil {
		return err
	}
	if _, there := user.Servers[""]; there {
		f := user.Answer.Fault("The user's server", wire.Occupied, "none before this run", "one that was running already; it is not stopped")
		f.Inconclusive = true
		return f
	}
	known := make(chan *jupyter.Server, 1)
	j.launching(&launched{at: j.Timeline.Now(), close: func() {}, server: func(ctx context.Context) (*jupyter.Server, error) {
		return j.startedServer(ctx, known)
	}})
	j.raw, err = j.user.Start(ctx, user.Name)
	if j.raw == nil { // it may come up all the same, and it is ours
		known <- j.user.Default(j.net, user.Name)
		return err
	}
	known <- j.raw
	return err
}

// startedServer waits for the server that was asked for.
func (j *Journey) startedServer(ctx context.Context, known chan *jupyter.Server) (*jupyter.Server, error) {
	select {
	case s := <-known:
		known <- s // for who asks next
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
