package scenarios

import (
	"context"
	"errors"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// CleanUp proves that nothing is left running. It comes last, whatever happened before.
func CleanUp(j *Journey) smoke.Scenario {
	return smoke.Scenario{
		Name:   "clean-up",
		Proves: "nothing is left running",
		Raw:    true,
		Last:   true,
		Steps: []smoke.Step{
			{Name: "shutdown", Budget: j.Grace + 20*time.Second, Always: true, Do: j.shutdown},
			// Longer than the hub's poll of 30 s, after which its word counts where an ingress hides CHP's.
			{Name: "gone", Budget: 45 * time.Second, Always: true, Do: j.gone},
		},
	}
}

// shutdown tells every server that was launched to stop. A launch that has not ended is waited for, up to the grace
// period: BinderHub cannot be told to cancel it.
func (j *Journey) shutdown(ctx context.Context) error {
	launches := j.launches()
	if len(launches) == 0 {
		return smoke.Skip("nothing was launched")
	}
	j.awaitServers(ctx, launches)
	faults := make([]error, len(launches))
	var group sync.WaitGroup
	for i, l := range launches {
		group.Go(func() { faults[i] = j.shutdownOne(ctx, l) })
	}
	group.Wait()
	return errors.Join(faults...)
}

// awaitServers waits for all launches that have not ended, and lets go of what drove them, before any server is stopped:
// a page whose server goes away fills the timeline with the noise of its end.
func (j *Journey) awaitServers(ctx context.Context, launches []*launched) {
	waiting, cancel := context.WithTimeout(ctx, j.Grace)
	defer cancel()
	for _, l := range launches {
		var err error
		if l.known, err = l.server(waiting); err != nil {
			// The leak is in the report; why the launch failed is the launch's own finding.
			j.Leak(smoke.Leak{Repository: j.Target.Spec, At: wire.Seconds(l.at), Reason: leakReason(err)})
		}
		l.close()
	}
}

func (j *Journey) shutdownOne(ctx context.Context, l *launched) error {
	if l.known == nil {
		return nil
	}
	first, err := l.known.Shutdown(ctx)
	switch {
	case err != nil:
		j.Leak(smoke.Leak{Repository: j.Target.Spec, At: wire.Seconds(l.at), Reason: "it could not be told to stop: " + err.Error()})
		l.known = nil
		return err
	case first != nil:
		return smoke.Repeated(first)
	}
	return nil
}

func leakReason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "its launch had not ended when the run did; BinderHub goes on with it"
	}
	return "its launch broke before it told the server's address: " + err.Error()
}

// gone waits until no server that was told to stop answers any more.
func (j *Journey) gone(ctx context.Context) error {
	launches := j.launches()
	faults := make([]error, len(launches))
	stopped := 0
	var group sync.WaitGroup
	for i, l := range launches {
		if l.known != nil {
			stopped++
			group.Go(func() { faults[i] = j.goneOne(ctx, l) })
		}
	}
	group.Wait()
	if stopped == 0 {
		return smoke.Skip("no server was stopped")
	}
	return errors.Join(faults...)
}

// goneOne waits for the end of one server. One that itself hangs on its way out is a leak and a warning, not a failure:
// jupyter_server does so now and then, when it is stopped while a request for a directory is under way, and what users do is not
// touched by it. A server that goes on answering is a failure, and so is silence of anybody else.
func (j *Journey) goneOne(ctx context.Context, l *launched) error {
	err := l.known.Gone(ctx)
	if err == nil {
		return nil
	}
	j.Leak(smoke.Leak{Repository: j.Target.Spec, At: wire.Seconds(l.at), Reason: err.Error()})
	var f *wire.Fault
	if errors.As(err, &f) && f.Symptom == wire.Hanging {
		return smoke.Warn(err)
	}
	return err
}
