package jupyter

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// tries bounds how often a server is told to stop.
const tries = 3

// firstWait is the pause before the second try; it doubles before the third. A kernel's restart takes half a second, on a
// busy node a few, and until its end the server answers 500 and goes on.
const firstWait = 500 * time.Millisecond

// Shutdown tells the server to stop itself, and tells it again when that fails: it answers 500 and goes on while a kernel
// restarts, and 404 when a kernel's start had failed before. first is why the first try failed where there was another; err is
// nil when the server took one of them. Source: jupyter_server/services/shutdown.py; both were seen on 2.21.1.
//
// A server that is the hub's business is stopped by the hub: what stops by itself is in the hub's way for half a minute.
func (s *Server) Shutdown(ctx context.Context) (first, err error) {
	if s.hub != nil {
		return nil, s.hub.stop(ctx, s.base)
	}
	s.listenForEnd(ctx)
	s.quieten(ctx)
	for try, wait := 1, firstWait; ; try, wait = try+1, wait*2 {
		limited, cancel := share(ctx, tries+1-try)
		err = s.stop(limited)
		cancel()
		if err == nil || try == tries || ctx.Err() != nil {
			return first, err
		}
		if first == nil {
			first = err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return first, err
		}
	}
}

// share bounds the next of so many tries, so that the others have as much time.
func share(ctx context.Context, tries int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(tries))
}

// quieten lets requests pass that the server has not answered yet, such as those of a page that was just closed. A server that
// is told to stop in the midst of one for its contents takes that, and its process never ends: the thread that AnyIO keeps for
// the request waits for it. What began before two listings of the whole directory has ended when they have. A listing that is
// given up would be such a request itself, so they have half of the time: a server that starts a kernel may need seconds.
// Seen on jupyter_server 2.21.1 with AnyIO 4.16.
func (s *Server) quieten(ctx context.Context) {
	limited, cancel := share(ctx, 2)
	defer cancel()
	for range 2 {
		if _, err := s.call(limited, "The user server's contents", http.MethodGet, "api/contents?content=1", nil); err != nil {
			return
		}
	}
}

// stop is one try. A server of which CHP or the hub says that it is gone needs no telling.
func (s *Server) stop(ctx context.Context) error {
	subject := "The user server's shutdown"
	a, err := s.call(ctx, subject, http.MethodPost, "api/shutdown", nil)
	if err != nil {
		return err
	}
	if a.Status == http.StatusOK || s.presence(a) == absent {
		return nil
	}
	return a.Fault(subject, wire.StillRunning, "200", a.Describe())
}

// Bounds of what listens for a server's end: it is a help, and nothing to wait for.
const (
	listenTime = 2 * time.Second
	endTime    = 10 * time.Second
)

// listenForEnd opens a websocket whose end will tell that the server has gone. Where that fails, Gone asks again and again.
func (s *Server) listenForEnd(ctx context.Context) {
	if s.farewell != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	if socket, _, err := s.OpenEvents(limited); err == nil {
		s.farewell = socket
	}
}

// awaitEnd waits for the end of that websocket. It stays open where its end does not come.
func (s *Server) awaitEnd(ctx context.Context) {
	if s.farewell == nil {
		return
	}
	third, cancel := share(ctx, 3)
	defer cancel()
	limited, cancel := context.WithTimeout(third, endTime)
	defer cancel()
	for {
		if _, err := s.farewell.Read(limited); err != nil {
			return
		}
	}
}

// How a server that is stopping is looked at: with pauses that grow from the first to the last, and each look bounded, since
// a server on its way out may take a request that it never answers.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
	lookTime   = 5 * time.Second
)

// Gone waits until CHP or the hub says that the server is gone. CHP does as soon as nothing listens behind its route. Where its
// words do not come through, because an ingress shows pages of its own in their place, the hub's do, when it has removed the
// route at its next poll.
//
// When the time of ctx is over, what the last look found counts. A server that still answers is a fault of the deployment,
// and so is a way to it that broke down: no answer, or a gateway's 502 or 504. Where no answer came because the server itself
// hangs on its way out, the symptom is Hanging. Any other answer whose origin is unknown is inconclusive: a healthy ingress can
// give it for a server that is gone, and a broken one for a server that runs on.
func (s *Server) Gone(ctx context.Context) error {
	if s.farewell != nil {
		defer s.farewell.Close()
	}
	s.awaitEnd(ctx)
	var last error
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		found := s.look(ctx)
		if found == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // what the end of the time cut short tells less
			last = found
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return last
		}
	}
}

// look returns nil when the server is gone, else what was found in its place.
func (s *Server) look(ctx context.Context) error {
	subject := "The stopped user server"
	limited, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if s.hub != nil {
		if err := s.hub.stopped(limited, s.base); err != nil {
			return err
		}
	}
	a, err := s.call(limited, subject, http.MethodGet, "api", nil)
	if err != nil {
		return s.silence(ctx, err)
	}
	switch s.presence(a) {
	case absent:
		return nil
	case present:
		return a.Fault(subject, wire.StillRunning, "no answer of the server", a.Describe())
	}
	f := a.Fault(subject, wire.Status, "CHP's or the hub's word that it is gone", a.Describe())
	f.Inconclusive = a.Status != http.StatusBadGateway && a.Status != http.StatusGatewayTimeout
	return f
}

// silence looks whose it is that no answer came. It is the server's own where its process is still there, since it holds the
// websocket that was opened before it was told to stop, and where proxy and hub answer beside it. A route that leads to a server
// which has ended is silent too, but that websocket ended with the process.
func (s *Server) silence(ctx context.Context, err error) error {
	var f *wire.Fault
	if !errors.As(err, &f) || f.Symptom != wire.Timeout || s.farewell == nil || s.farewell.Lost() != nil || !s.hubAnswers(ctx) {
		return err
	}
	f.Symptom = wire.Hanging
	f.Got += "; it holds a websocket open all the same, and its hub answers"
	return f
}

// hubAnswers tells whether the hub answers through the proxy that the server is behind. It is told nothing about us.
func (s *Server) hubAnswers(ctx context.Context) bool {
	base, _, _ := strings.Cut(s.base, "/user/")
	limited, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	a, err := s.net.Do(limited, wire.Call{Subject: "The hub beside a stopped user server", URL: base + "/hub/api/"})
	return err == nil && a.Status == http.StatusOK && keysOf(a.Body)["version"]
}
