package scenarios

import (
	"context"
	"net/url"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// memory is what earlier runs of a target found out, and what this one adds. What cannot be kept is told in the report and
// stops nobody. A nil state remembers nothing.
type memory struct {
	run   *smoke.TargetRun
	state *state.Target
}

func newMemory(t *smoke.TargetRun, s *state.State) *memory {
	m := &memory{run: t}
	if s != nil {
		m.state = s.Target(t.Target.Home())
	}
	return m
}

func (m *memory) keep(what string, save func(context.Context) error) {
	if m.state == nil {
		return
	}
	// Short: another run may hold the lock, but only for the time of a write.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := save(ctx); err != nil {
		m.run.Tell("the next run will not know " + what + ": " + err.Error())
	}
}

// hub is the hub's URL that an earlier launch told, or nil.
func (m *memory) hub() *url.URL {
	if m.state == nil {
		return nil
	}
	return m.state.Hub()
}

func (m *memory) setHub(hub *url.URL) {
	if known := m.hub(); known == nil || known.String() != hub.String() {
		m.keep("the hub's URL", func(ctx context.Context) error { return m.state.SetHub(ctx, hub) })
	}
}

// setCanary remembers whether the canary's upgrade arrived at the proxy.
func (m *memory) setCanary(open bool) {
	m.keep("the upgrade canary's result", func(ctx context.Context) error { return m.state.SetCanary(ctx, m.check(open)) })
}

// setChannel remembers whether the kernel's websocket opened.
func (m *memory) setChannel(open bool) {
	m.keep("the kernel channel's result", func(ctx context.Context) error { return m.state.SetChannel(ctx, m.check(open)) })
}

func (m *memory) check(open bool) state.Check {
	c := state.Check{Verdict: string(smoke.Failed), At: time.Now().UTC(), Run: m.run.RunID}
	if open {
		c.Verdict = string(smoke.Pass)
	}
	return c
}

// pathWhitelisted tells whether the last run that tried both saw the canary's upgrade dropped and the kernel's websocket
// open all the same: an ingress that upgrades only the paths of user servers.
func (m *memory) pathWhitelisted() bool {
	if m.state == nil {
		return false
	}
	canary, channel := m.state.Canary(), m.state.Channel()
	return canary != nil && channel != nil && canary.Run == channel.Run &&
		canary.Verdict == string(smoke.Failed) && channel.Verdict == string(smoke.Pass)
}

func (m *memory) addLaunch(spec string) {
	m.keep("of this launch", func(ctx context.Context) error {
		return m.state.AddLaunch(ctx, state.Launch{Repository: spec, At: time.Now().UTC()})
	})
}

// resolved tells whether a spec could be resolved in a run on record.
func (m *memory) resolved(spec string) bool { return m.state != nil && m.state.Resolved(spec) }

// setResolved remembers that a spec can be resolved.
func (m *memory) setResolved(spec string) {
	if !m.resolved(spec) {
		m.keep("that "+spec+" can be resolved", func(ctx context.Context) error { return m.state.SetResolved(ctx, spec) })
	}
}
