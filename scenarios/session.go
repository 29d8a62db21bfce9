package scenarios

import (
	"context"
	"slices"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// session has the journey log in as a person does: by the hub's form, or with the cookies of somebody who did. What scripts
// do they then do by a token of that session's, which lives no longer than the run.
func (j *Journey) session() {
	user, err := jupyter.NewSession(j.net, j.hub)
	if err != nil {
		j.identify = func(context.Context) error { return err }
		return
	}
	j.user = user
	var once sync.Once
	var came error
	j.identify = func(ctx context.Context) error {
		once.Do(func() { came = j.beginSession(ctx) })
		return came
	}
	j.AtEnd(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := user.Close(ctx); err != nil {
			j.Tell("the run's own API token was not revoked; it expires within a day: " + err.Error())
		}
	})
}

func (j *Journey) beginSession(ctx context.Context) error {
	if !j.user.Known() {
		return &wire.Fault{
			Subject: "The login", Symptom: wire.Unavailable, Want: "the hub's URL", Got: "none: set SMOKE_HUB", Inconclusive: true,
		}
	}
	var err error
	if login := j.Target.Credentials.Login; login != nil {
		err = j.user.LogIn(ctx, login.User, login.Password)
	} else {
		err = j.user.Resume(ctx, j.Target.Credentials.Cookies)
	}
	if err == nil {
		j.binder.Authorize(j.user.Token())
	}
	return err
}

// asksFirst are the steps that are the first to need a login.
var asksFirst = []string{"binder-host/page", "launch/build", "launch/spawn", "notebook/form", "notebook/launch"}

// loggingIn has those steps log in before anything else.
func (j *Journey) loggingIn(scenarios []smoke.Scenario) []smoke.Scenario {
	if j.identify == nil {
		return scenarios
	}
	for _, sc := range scenarios {
		for i, st := range sc.Steps {
			if slices.Contains(asksFirst, sc.Name+"/"+st.Name) {
				sc.Steps[i].Do = j.identified(st.Do)
			}
		}
	}
	return scenarios
}

func (j *Journey) identified(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := j.identify(ctx); err != nil {
			return err
		}
		return do(ctx)
	}
}

// logIn logs the browser in, where people do.
func (v *visit) logIn(ctx context.Context) error {
	switch credentials := v.Target.Credentials; {
	case credentials.Login != nil:
		return v.browser.LogIn(ctx, v.hub()+"hub/login", credentials.Login.User, credentials.Login.Password)
	case credentials.Cookies != nil:
		return v.browser.SetCookies(ctx, credentials.Cookies)
	}
	return nil
}
