package scenarios

import (
	"context"
	"errors"
	"net/http"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// login gives the journey the user that the target knows us as, where it does.
func (j *Journey) login() {
	if j.Target.Headers.Get("Authorization") != "" {
		j.Tell("header login: the Authorization header of the settings goes with every request, of the browser too, in the place of the one by which JupyterLab sends its token")
	}
	if j.Target.Credentials.Login != nil || j.Target.Credentials.Cookies != nil {
		j.session()
		return
	}
	if j.Target.Token == "" {
		return
	}
	j.user = jupyter.NewHub(j.net, j.hub, j.Target.Token)
	j.Tell("header login: an API token is sent with every request, of the browser too, which skips the checks of Origin and XSRF that a person's session has to pass")
}

// serverAt is a client of a launched server, by one of the journey's networks.
func (j *Journey) serverAt(net *wire.Network, url, token string) *jupyter.Server {
	if j.user != nil {
		return j.user.Server(net, url)
	}
	s := jupyter.NewServer(net, url, token)
	if j.Target.Headers.Get("Authorization") != "" {
		s.TokenInURL()
	}
	return s
}

// browserHeader is what the browser sends to the target's own hosts.
func (j *Journey) browserHeader() http.Header {
	header := j.Target.Headers.Clone()
	if j.Target.Token != "" {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Authorization", "token "+j.Target.Token)
	}
	return header
}

// linkToken is what a link to the raw clients' server carries. A token of the hub's has no business there.
func (j *Journey) linkToken() string {
	if j.raw.OfHub() {
		return ""
	}
	return j.raw.Token()
}

// turns are the scenarios whose end the browser's launch waits for. A user who has logged in has one server; and headers can
// be kept to the target's hosts only when both are known.
func (j *Journey) turns() []string {
	switch {
	case !j.Target.UI:
		return nil // it launches nothing
	case j.user != nil:
		return []string{"launch", "server", "kernel", "terminal", "idle", "pod"}
	case len(j.browserHeader()) > 0 && j.hub() == "":
		return []string{"launch"}
	}
	return nil
}

// vacate stops the raw clients' server and sees it gone, so that the user can have another one.
func (j *Journey) vacate(ctx context.Context) error {
	if j.user == nil {
		return nil
	}
	for _, l := range j.launches() {
		server, err := l.server(ctx)
		if err == nil && server != nil {
			if _, err = server.Shutdown(ctx); err == nil {
				err = server.Gone(ctx)
			}
		}
		if err != nil {
			return standsInTheWay(err)
		}
		l.close()
		j.forget(l)
	}
	return nil
}

// standsInTheWay says of a server that could not be stopped that nothing can be tested while it runs. That it could not be
// stopped is clean-up's to say.
func standsInTheWay(err error) error {
	var f *wire.Fault
	if errors.As(err, &f) {
		f.Inconclusive, f.Symptom = true, wire.Occupied
	}
	return err
}

// forget takes a launch from those that clean-up stops.
func (j *Journey) forget(gone *launched) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, l := range j.launched {
		if l == gone {
			j.launched = append(j.launched[:i:i], j.launched[i+1:]...)
			return
		}
	}
}

// errOneServer is why nothing is rebuilt where users log in.
var errOneServer = smoke.Skip("who has logged in has one server at a time, and it is needed by other scenarios")
