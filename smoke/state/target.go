package state

import (
	"context"
	"net/url"
	"slices"
	"time"
)

// Check is the last outcome of something that later runs judge by.
type Check struct {
	Verdict string    `json:"verdict"`
	At      time.Time `json:"at"`
	Run     string    `json:"run,omitempty"` // id of the run
}

// Launch is one launch that was asked of BinderHub; its rate limit counts these.
type Launch struct {
	Repository string    `json:"repository"`
	At         time.Time `json:"at"`
}

// Launches are forgotten after keepLaunches: BinderHub's rate limit looks back an hour. A target keeps maxLaunches at most.
const (
	keepLaunches = 7 * 24 * time.Hour
	maxLaunches  = 1000
)

// Target is the state of one target. Its getters read what was known when the state was opened or last changed.
type Target struct {
	state *State
	key   string
}

// Target returns the state of the target with a binder URL. A target that is renamed keeps its state.
func (s *State) Target(binder *url.URL) *Target { return &Target{s, binder.String()} }

// get copies one thing out of the target's record.
func get[T any](t *Target, from func(*record) T) T {
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	if r := t.state.data.Targets[t.key]; r != nil {
		return from(r)
	}
	var none T
	return none
}

// Hub returns the hub URL that a launch told, or nil.
func (t *Target) Hub() *url.URL {
	u, err := url.Parse(get(t, func(r *record) string { return r.Hub }))
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}

// SetHub remembers the hub URL.
func (t *Target) SetHub(ctx context.Context, hub *url.URL) error {
	return t.state.change(ctx, t.key, func(r *record) { r.Hub = hub.String() })
}

// Canary returns the last result of the websocket canary, or nil.
func (t *Target) Canary() *Check { return copied(get(t, func(r *record) *Check { return r.Canary })) }

// SetCanary remembers the result of the websocket canary.
func (t *Target) SetCanary(ctx context.Context, c Check) error {
	return t.state.change(ctx, t.key, func(r *record) { r.Canary = &c })
}

// Channel returns the last result of a kernel channel, or nil.
func (t *Target) Channel() *Check { return copied(get(t, func(r *record) *Check { return r.Channel })) }

// SetChannel remembers the result of a kernel channel.
func (t *Target) SetChannel(ctx context.Context, c Check) error {
	return t.state.change(ctx, t.key, func(r *record) { r.Channel = &c })
}

// Success returns when the target last passed, or the zero time.
func (t *Target) Success() time.Time {
	return get(t, func(r *record) time.Time {
		if r.Success == nil {
			return time.Time{}
		}
		return *r.Success
	})
}

// SetSuccess remembers that the target passed.
func (t *Target) SetSuccess(ctx context.Context, at time.Time) error {
	return t.state.change(ctx, t.key, func(r *record) { r.Success = &at })
}

func copied(c *Check) *Check {
	if c == nil {
		return nil
	}
	out := *c
	return &out
}

// maxResolved bounds the specs that are remembered, the oldest of which go first.
const maxResolved = 100

// Resolved tells whether BinderHub could resolve a spec in a run on record.
func (t *Target) Resolved(spec string) bool {
	return slices.Contains(get(t, func(r *record) []string { return slices.Clone(r.Resolved) }), spec)
}

// SetResolved remembers that BinderHub could resolve a spec.
func (t *Target) SetResolved(ctx context.Context, spec string) error {
	return t.state.change(ctx, t.key, func(r *record) {
		if !slices.Contains(r.Resolved, spec) {
			r.Resolved = append(r.Resolved, spec)
			r.Resolved = r.Resolved[max(0, len(r.Resolved)-maxResolved):]
		}
	})
}

// AddLaunch remembers a launch.
func (t *Target) AddLaunch(ctx context.Context, l Launch) error {
	return t.state.change(ctx, t.key, func(r *record) {
		r.Launches = append(r.Launches, l)
		oldest := l.At.Add(-keepLaunches)
		r.Launches = slices.DeleteFunc(r.Launches, func(l Launch) bool { return l.At.Before(oldest) })
		r.Launches = r.Launches[max(0, len(r.Launches)-maxLaunches):]
	})
}

// Launches returns the launches since a time, the oldest first.
func (t *Target) Launches(since time.Time) []Launch {
	all := get(t, func(r *record) []Launch { return slices.Clone(r.Launches) })
	return slices.DeleteFunc(all, func(l Launch) bool { return l.At.Before(since) })
}
