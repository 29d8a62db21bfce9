// Package scenarios holds the journeys of the suite, one file each, and what they share.
package scenarios

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/probe"
	"binderhub-smoke/smoke/state"
	"binderhub-smoke/smoke/wire"
)

// Journey is what the scenarios of one target share: typed clients, and the servers that were launched.
type Journey struct {
	*smoke.TargetRun
	net      *wire.Network
	binder   *binder.Client
	memory   *memory
	identify func(context.Context) error // logs in, once; nil where that needs no doing
	user     *jupyter.Hub                // as whom the target knows us; nil where nobody logs in

	mu       sync.Mutex
	launched []*launched
	raw      *jupyter.Server // of the raw clients' launch, once it is ready
	cached   bool            // its image had been built before
	binderAt []netip.Addr    // addresses of the binder host, once looked up; launches come after that
}

// launched is a launch that may have left a server behind.
type launched struct {
	at time.Duration
	// server waits until the launch tells its server. It returns nil when there is none, and an error when nobody knows.
	server func(ctx context.Context) (*jupyter.Server, error)
	close  func()          // lets go of what drove the launch
	known  *jupyter.Server // what shutdown found
}

// All returns the constructor of every scenario, in the order in which a person meets them. earlier is what former runs
// found out; it may be nil.
func All(earlier *state.State) func(*smoke.TargetRun) []smoke.Scenario {
	return func(t *smoke.TargetRun) []smoke.Scenario {
		j := newJourney(t, newMemory(t, earlier))
		if j.alone() {
			return ofHub(j)
		}
		return j.takingTurns(j.loggingIn([]smoke.Scenario{
			BinderHost(j), HubHost(j), Launch(j), Server(j), Kernel(j), Terminal(j), Idle(j), Pod(j), j.withCertificate(Notebook(j)),
			Rebuild(j), CleanUp(j),
		}))
	}
}

func newJourney(t *smoke.TargetRun, m *memory) *Journey {
	if hub := m.hub(); hub != nil {
		t.Timeline.Places().RememberHub(hub)
	}
	j := &Journey{TargetRun: t, memory: m}
	j.net = j.network(t.Timeline, t.Meter)
	t.AtEnd(j.net.Close)
	t.ReadyWith(j.ready)
	j.login()
	t.ProbeWith(probe.New(j.net, j.authorize).Ask)
	j.binder = binder.New(j.net, t.Timeline.Places().Binder(), t.Target.Token)
	if j.user != nil && j.identify != nil {
		j.binder.LoginBy(j.user.Browse)
	}
	return j
}

// network is a new way to the target, by the settings.
func (j *Journey) network(into *wire.Timeline, meter *wire.Meter) *wire.Network {
	return wire.NewNetwork(wire.Config{
		Timeline: into, Meter: meter, Resolve: j.Target.Resolve, Roots: roots(j.Target.CA),
		UserAgent: j.UserAgent(), Header: j.Target.Headers,
		Certificate: j.Target.Credentials.Certificate,
	})
}

// authorize returns the headers by which one of this run's servers knows us, where a URL is of one.
func (j *Journey) authorize(url string) http.Header {
	if !strings.Contains(url, "/user/") {
		return nil
	}
	for _, l := range j.launches() {
		at, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond) // a launch under way has no server yet
		server, err := l.server(at)
		cancel()
		if err == nil && server != nil && strings.HasPrefix(url, server.Base()) {
			return server.Header()
		}
	}
	return nil
}

// roots are the system's authorities and the user's.
func roots(pem []byte) *x509.CertPool {
	if pem == nil {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(pem)
	return pool
}

// hub is the base URL of the hub host, ending in a slash, or empty while unknown.
func (j *Journey) hub() string {
	if u := j.Timeline.Places().Hub(); u != nil {
		return u.String()
	}
	return ""
}

// learnHub takes the hub's URL from the URL of a user server, and remembers it.
func (j *Journey) learnHub(server string) {
	base, _, found := strings.Cut(server, "/user/")
	hub, err := url.Parse(base + "/")
	if !found || err != nil || !hub.IsAbs() {
		return
	}
	j.Timeline.Places().LearnHub(hub)
	j.memory.setHub(hub)
}

// launching registers a launch, so that clean-up finds its server whatever happens to the scenario.
func (j *Journey) launching(l *launched) {
	j.register(l)
	j.memory.addLaunch(j.Target.Spec)
}

// register registers what clean-up must let go of.
func (j *Journey) register(l *launched) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.launched = append(j.launched, l)
}

func (j *Journey) launches() []*launched {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*launched(nil), j.launched...)
}

// interrupted tells whether the run has been told to stop.
func (j *Journey) interrupted() bool {
	select {
	case <-j.Interrupted():
		return true
	default:
		return false
	}
}

// errWhole is how a scenario leaves what it started to clean-up: after an interrupt the server is shut down whole, and one
// that is asked to stop a kernel in the middle of something may well answer with an error.
var errWhole = smoke.Skip("the run was interrupted: the server is shut down whole")
