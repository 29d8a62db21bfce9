package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Idle proves that quiet sockets outlive the proxies' timeouts.
//
// Jupyter Server pings the sockets of kernels and terminals each 30 s (jupyter_server/base/websocket.py), so when one of them
// is cut a timeout is shorter than that, and users lose their kernels: a fault. The events socket gets no pings. When only that
// one is cut, applications behind the same proxy that do not ping will lose theirs: a warning.
func Idle(j *Journey) smoke.Scenario {
	s := &quiet{Journey: j, cell: newCell()}
	return smoke.Scenario{
		Name:   "idle",
		Proves: "quiet sockets outlive the proxies' timeouts",
		Needs:  []string{"launch", "kernel/channel"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "hold", Budget: j.Target.Idle + 2*time.Minute, Do: s.hold, Evidence: s.serverToo},
			{Name: "resume", Budget: 60 * time.Second, Do: s.resume},
			{Name: "stop", Budget: 15 * time.Second, Always: true, Do: s.stop},
		},
	}
}

// quiet is a set of websockets over which nobody says anything, and one that is busy as long.
type quiet struct {
	*Journey
	cell     cell
	kernels  []jupyter.Kernel
	channel  *jupyter.Channel // quiet
	terminal *jupyter.Terminal
	name     string             // of the terminal
	events   *wire.Socket       // quiet, and without pings
	eventsAt chan time.Duration // when it was lost
	opened   time.Duration      // when the sockets were opened, this one or, without it, the first
	busy     *jupyter.Channel
}

func (s *quiet) hold(ctx context.Context) error {
	if s.Target.Idle <= 0 {
		return smoke.Skip("quiet sockets are not held: SMOKE_IDLE is 0")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	working := make(chan error, 1)
	go func() { working <- s.work(ctx) }()
	over := time.NewTimer(s.Target.Idle)
	defer over.Stop()
	defer s.Waiting()()
	select {
	case <-over.C:
	case <-s.channel.Socket().Gone():
		return s.lost(s.cut(s.channel.Socket(), s.Timeline.Now()))
	case <-s.terminalGone():
		return s.lost(s.cut(s.terminal.Socket(), s.Timeline.Now()))
	case err := <-working:
		return s.lost(err) // it works as long as we hold: an early end is none in order
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-working
}

// Waiting tells the meter that we wait, as asked to.
func (s *quiet) Waiting() func() { return s.net.Waiting() }

// together is how long after one socket those are lost that go with it, at the most.
const together = 500 * time.Millisecond

// lost looks whether the busy socket went with a quiet one, or the other way round: then silence is not the reason.
func (s *quiet) lost(err error) error {
	moment := time.NewTimer(together)
	defer moment.Stop()
	for _, socket := range []*wire.Socket{s.busy.Socket(), s.channel.Socket()} {
		select {
		case <-socket.Gone():
		case <-moment.C:
			return err
		}
	}
	var f *wire.Fault
	if errors.As(err, &f) && f.Symptom == wire.QuietCut {
		f.Symptom = wire.SocketLost
	}
	return err
}

// serverToo asks the server, where sockets were lost, whether it went with them: the answer, or that there is none, is evidence.
func (s *quiet) serverToo(ctx context.Context, err error) {
	var f *wire.Fault
	if !errors.As(err, &f) || f.Symptom != wire.SocketLost {
		return
	}
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = s.raw.Version(short)
}

// leastSilence is how long a socket has been quiet, at the least, that was cut for it.
const leastSilence = time.Second

// cut is the fault of a socket that was lost at a time, with how long it was quiet.
func (s *quiet) cut(socket *wire.Socket, at time.Duration) error {
	var f *wire.Fault
	if !errors.As(socket.Lost(), &f) {
		return socket.Lost()
	}
	last := socket.LastByte()
	if last == 0 { // not a byte came since it was opened
		last = s.opened
	}
	if _, closed := socket.CloseFrame(); !closed && f.Symptom == wire.SocketLost && at-last >= leastSilence {
		f.Symptom = wire.QuietCut
	}
	f.Want = fmt.Sprintf("an open websocket for %s of silence", s.Target.Idle)
	f.Got += fmt.Sprintf(", %.1f s after the last byte", (at - last).Seconds())
	return f
}

// terminalGone never happens where there is no terminal.
func (s *quiet) terminalGone() <-chan struct{} {
	if s.terminal == nil {
		return nil
	}
	return s.terminal.Socket().Gone()
}

// open opens the sockets. The busy one has a kernel of its own: what a kernel publishes goes to all of its sockets.
func (s *quiet) open(ctx context.Context) (err error) {
	s.opened = s.Timeline.Now()
	if s.channel, err = s.kernel(ctx); err != nil {
		return err
	}
	if s.busy, err = s.kernel(ctx); err != nil {
		return err
	}
	if s.events, _, err = s.raw.OpenEvents(ctx); err != nil {
		return err
	}
	s.watchEvents()
	name, offered, err := s.raw.StartTerminal(ctx)
	if err != nil || !offered {
		return err
	}
	s.name = name
	s.terminal, err = s.raw.OpenTerminal(ctx, name)
	return err
}

// watchEvents notes when the events socket is opened and when it is lost: nobody waits for it meanwhile.
func (s *quiet) watchEvents() {
	if s.events == nil {
		return
	}
	s.opened = s.Timeline.Now()
	s.eventsAt = make(chan time.Duration, 1)
	go func() {
		<-s.events.Gone()
		s.eventsAt <- s.Timeline.Now()
	}()
}

// kernel starts a kernel and opens its websocket.
func (s *quiet) kernel(ctx context.Context) (*jupyter.Channel, error) {
	spec, err := s.raw.DefaultKernelspec(ctx)
	if err != nil {
		return nil, err
	}
	k, err := s.raw.StartKernel(ctx, spec.Name)
	if err != nil {
		return nil, err
	}
	s.kernels = append(s.kernels, k)
	c, err := s.raw.OpenChannel(ctx, k.ID)
	if err != nil {
		return nil, err
	}
	return c, c.Info(ctx)
}

// work keeps the busy kernel busy: it asks something each second until the time is over.
func (s *quiet) work(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.Target.Idle)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-limited.Done():
			return nil
		case <-tick.C:
		}
		if err := s.busy.Info(limited); err != nil && limited.Err() == nil {
			return err
		}
	}
}

// resume uses the sockets that were quiet, and looks whether the one without pings is still there.
func (s *quiet) resume(ctx context.Context) error {
	if s.channel == nil {
		return smoke.Skip("nothing was held")
	}
	out, err := s.channel.Execute(ctx, s.cell.code)
	if err != nil {
		return err
	}
	if out.Status == "ok" { // another language's kernel says "error", and has answered all the same
		if err := s.cell.check(s.channel, out); err != nil {
			return err
		}
	}
	if s.terminal != nil {
		if err := echo(ctx, s.terminal); err != nil {
			return err
		}
	}
	if s.events != nil && s.events.Lost() != nil {
		return smoke.Warn(s.cut(s.events, <-s.eventsAt))
	}
	return nil
}

func (s *quiet) stop(ctx context.Context) error {
	for _, c := range []*jupyter.Channel{s.channel, s.busy} {
		if c != nil {
			c.Close()
		}
	}
	if s.events != nil {
		s.events.Close()
	}
	if s.terminal != nil {
		s.terminal.Close()
	}
	if len(s.kernels) == 0 {
		return smoke.Skip("nothing was held")
	}
	if s.interrupted() {
		return errWhole
	}
	var errs []error
	for _, k := range s.kernels {
		errs = append(errs, s.raw.StopKernel(ctx, k.ID))
	}
	if s.name != "" {
		errs = append(errs, s.raw.StopTerminal(ctx, s.name))
	}
	return errors.Join(errs...)
}
