package smoke

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"binderhub-smoke/smoke/wire"
)

// Options is what a run needs beside its settings.
type Options struct {
	Settings Settings
	Version  string // of the suite
	// Scenarios constructs the scenarios of a target.
	Scenarios func(*TargetRun) []Scenario
	// Filter, when set, tells which steps are asked for; what they need runs too.
	Filter    func(target, scenario, step string) bool
	Observers []Observer
}

// Run is a run under way, or ended.
type Run struct {
	opts    Options
	id      string
	began   time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	targets []*TargetRun
	done    chan struct{}

	mu    sync.Mutex // guards results
	ended Ended
	end   time.Duration

	watch sync.Mutex // observers are called by one goroutine at a time
}

var errTimeout = errors.New("the run's time is over")

// Start constructs every target's scenarios and starts them. Cancelling ctx, or Settings.Timeout, interrupts the run: its
// Always steps still run. Callers must Close it. The error is about the report's directory.
func Start(ctx context.Context, o Options) (*Run, error) {
	r := &Run{opts: o, id: uuid.NewString()[:8], began: time.Now(), ended: EndedRunning, done: make(chan struct{})}
	r.ctx, r.cancel = context.WithTimeoutCause(ctx, o.Settings.Timeout, errTimeout)
	for _, target := range o.Settings.Targets {
		t, err := r.newTarget(target)
		if err != nil {
			r.cancel()
			return nil, err
		}
		r.targets = append(r.targets, t)
	}
	go r.execute()
	return r, nil
}

// newTarget opens the target's timeline and constructs its scenarios.
func (r *Run) newTarget(target Target) (*TargetRun, error) {
	t := &TargetRun{
		Target: target, Meter: &wire.Meter{}, RunID: r.id, Version: r.opts.Version, Grace: r.opts.Settings.Grace,
		Dir: filepath.Join(r.opts.Settings.Out, "targets", target.Name), run: r,
	}
	if err := os.MkdirAll(t.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	sink, err := os.Create(filepath.Join(t.Dir, "timeline.ndjson"))
	if err != nil {
		return nil, fmt.Errorf("the timeline cannot be written: %w", err)
	}
	t.sink = sink
	places := wire.NewPlaces(target.Binder, target.Hub)
	t.Timeline = wire.NewTimeline(r.began, wire.NewRedactor(target.secrets()...), places, sink, wire.Limits{})
	scenarios := r.opts.Scenarios(t)
	t.choice = choose(scenarios, target.Scenarios, target.Skip, r.filter(target.Name))
	for _, sc := range scenarios {
		t.scenarios = append(t.scenarios, newScenarioRun(t, sc))
	}
	return t, nil
}

func (r *Run) filter(target string) func(scenario, step string) bool {
	if r.opts.Filter == nil {
		return nil
	}
	return func(scenario, step string) bool { return r.opts.Filter(target, scenario, step) }
}

// secrets are the credentials that the user gave.
func (t Target) secrets() []string {
	secrets := []string{t.Token}
	for _, values := range t.Headers {
		secrets = append(secrets, values...)
	}
	return secrets
}

// execute runs the targets, so many at once as the settings say.
func (r *Run) execute() {
	defer close(r.done)
	r.emit(Event{Kind: RunStarted})
	always, cancel := r.alwaysContext()
	defer cancel()
	slots := make(chan struct{}, max(1, r.opts.Settings.Concurrency))
	var group sync.WaitGroup
	for _, t := range r.targets {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.execute(r.ctx, always)
		})
	}
	group.Wait()
	r.finish()
}

// cleanUpLimit bounds the clean-up of an interrupted run, beside the time given to launches that have not ended.
const cleanUpLimit = 8 * time.Second

// alwaysContext survives the run's cancellation, for a while.
func (r *Run) alwaysContext() (context.Context, context.CancelFunc) {
	always, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	stop := context.AfterFunc(r.ctx, func() {
		select {
		case <-time.After(r.opts.Settings.Grace + cleanUpLimit):
		case <-always.Done():
		}
		cancel()
	})
	return always, func() { stop(); cancel() }
}

// finish says how the run ended, closes the timelines and tells the observers.
func (r *Run) finish() {
	r.update(func() {
		r.end = time.Since(r.began)
		switch {
		case r.ctx.Err() == nil:
			r.ended = EndedNormal
		case errors.Is(context.Cause(r.ctx), errTimeout):
			r.ended = EndedTimeout
		default:
			r.ended = EndedSignal
		}
	})
	for _, t := range r.targets {
		t.closeTimeline()
	}
	r.emit(Event{Kind: RunEnded})
}

// closeTimeline writes the rest of the timeline; what could not be written is told.
func (t *TargetRun) closeTimeline() {
	if n := t.Timeline.Dropped(); n > 0 {
		t.Tell(fmt.Sprintf("the timeline is not complete: %d records were dropped at its bounds", n))
	}
	if err := errors.Join(t.Timeline.Flush(), t.sink.Close()); err != nil {
		t.Tell("timeline.ndjson is not complete: " + err.Error())
	}
}

// ID names the run.
func (r *Run) ID() string { return r.id }

// Targets are the run's targets, in the order of the settings.
func (r *Run) Targets() []*TargetRun { return r.targets }

// Wait returns the result when the run has ended, clean-up included.
func (r *Run) Wait() Result {
	<-r.done
	return r.Snapshot()
}

// Close interrupts the run if it has not ended, and waits for its clean-up.
func (r *Run) Close() {
	r.cancel()
	<-r.done
}

// update changes results under the run's lock.
func (r *Run) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// emit tells the observers what happened, one event at a time. The timelines are written first, so that whoever reads the
// report finds in them what it speaks of.
func (r *Run) emit(e Event) {
	r.watch.Lock()
	defer r.watch.Unlock()
	if e.Kind == StepEnded {
		for _, t := range r.targets {
			if t.Name() == e.Target {
				_ = t.Timeline.Flush() // told at the end
			}
		}
	}
	e.Snapshot = r.Snapshot
	for _, o := range r.opts.Observers {
		o.Observe(e)
	}
}

// Snapshot is the run as it stands.
func (r *Run) Snapshot() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := Result{
		Schema: Schema, RunID: r.id, SuiteVersion: r.opts.Version, Started: r.began.UTC(), Ended: r.ended,
		Seconds: wire.Seconds(r.end), Overhead: r.overhead(), Targets: []TargetResult{},
	}
	if r.ended == EndedRunning {
		result.Seconds = wire.Seconds(time.Since(r.began))
	}
	var verdicts []Verdict
	for _, t := range r.targets {
		tr := t.resultLocked()
		if r.ended != EndedRunning && r.ended != EndedNormal && tr.Verdict != Failed {
			tr.Verdict = Inconclusive // an interrupted run proves nothing
		}
		verdicts = append(verdicts, tr.Verdict)
		result.Targets = append(result.Targets, tr)
	}
	result.Verdict = Worst(verdicts...)
	return result
}

// overhead is the share of the raw scenarios' time in which no raw client waited for bytes it had asked for.
func (r *Run) overhead() *float64 {
	var waiting, wall time.Duration
	for _, t := range r.targets {
		waiting += t.Meter.Total()
		wall += t.wall.Total()
	}
	if wall == 0 {
		return nil
	}
	share := max(0, 1-waiting.Seconds()/wall.Seconds())
	return &share
}
