package smoke

import (
	"context"
	"fmt"
	"sync"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// Bounds of what the diagnosis may ask of one target in a run.
const (
	probeTime   = 10 * time.Second // in all, unless the settings say otherwise
	probeRounds = 2                // of one step: asked, diagnosed, asked again
	maxProbes   = 24
	// probePatience is how long a prober that does not heed the end of its time is waited for.
	probePatience = time.Second
)

// probing executes the diagnosis's questions, each once in a run.
type probing struct {
	execute func(context.Context, diagnose.Probe) // nil: nobody can ask

	mu    sync.Mutex
	asked map[diagnose.Probe]*question
	left  time.Duration
}

// question is one probe under way, or executed, or given up.
type question struct {
	once sync.Once
	done chan struct{}
}

func (q *question) end() { q.once.Do(func() { close(q.done) }) }

func (q *question) ended() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// await waits for a question, a little longer than its time.
func (q *question) await(ctx context.Context) {
	select {
	case <-q.done:
		return
	case <-ctx.Done():
	}
	select {
	case <-q.done:
	case <-time.After(probePatience):
		q.end()
	}
}

// ProbeWith tells how the diagnosis's questions are asked. It is for the construction of scenarios only. What the function
// saw goes into the timeline; it is called from several goroutines and must heed its context.
func (t *TargetRun) ProbeWith(execute func(context.Context, diagnose.Probe)) {
	t.probing = probing{execute: execute, asked: map[diagnose.Probe]*question{}, left: probeTime}
	switch s := t.run.opts.Settings; {
	case s.Probing > 0:
		t.probing.left = s.Probing
	case s.Mode == ModeQuick:
		t.probing.left = quickProbes
	}
}

// claim returns those questions that nobody has asked yet, which are the caller's now, and what to wait for of the others.
func (p *probing) claim(asks []diagnose.Probe) (own []diagnose.Probe, wait []*question, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ask := range asks {
		q, known := p.asked[ask]
		switch {
		case p.left <= 0, known && q.ended(), !known && len(p.asked) >= maxProbes:
			continue
		case !known:
			q = &question{done: make(chan struct{})}
			p.asked[ask] = q
			own = append(own, ask)
		}
		wait = append(wait, q)
	}
	return own, wait, p.left
}

func (p *probing) end(ask diagnose.Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[ask].end()
}

func (p *probing) spend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left -= d
}

// probe executes what is asked and was not yet, and waits for what another step asks at this moment. It tells whether there
// may be something new in the timeline. Nothing is asked once the run has been told to stop.
func (t *TargetRun) probe(step wire.StepName, asks []diagnose.Probe) bool {
	if t.probing.execute == nil || len(asks) == 0 || t.run.ctx.Err() != nil {
		return false
	}
	own, wait, left := t.probing.claim(asks)
	ctx, cancel := context.WithTimeout(wire.WithStep(t.run.ctx, step.Scenario, step.Step), left)
	defer cancel()
	began := time.Now()
	for _, p := range own {
		go t.ask(ctx, p)
	}
	for _, q := range wait {
		q.await(ctx)
	}
	if len(own) > 0 {
		t.probing.spend(time.Since(began))
	}
	return len(wait) > 0
}

// ask executes one question. A panic of it must not end the run.
func (t *TargetRun) ask(ctx context.Context, p diagnose.Probe) {
	defer func() {
		if r := recover(); r != nil {
			t.Tell(fmt.Sprintf("a question of the diagnosis (%s) could not be asked: panic: %v", p, r))
		}
		t.probing.end(p)
	}()
	t.probing.execute(ctx, p)
}
