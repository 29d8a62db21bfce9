package smoke

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	// Filter, when set, tells which of the steps that the settings choose are asked for. See TestFilter.
	Filter func(target, scenario, step string) Ask
	// Changes tells of a target that has ended what clearly differs from earlier runs, in a sentence each; nil: nothing.
	Changes   func(TargetResult) []string
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
// Always steps still run. Callers must Close it. The error is about the report's directory, or a defect that Check finds.
func Start(ctx context.Context, o Options) (*Run, error) {
	r := &Run{opts: o, id: uuid.NewString()[:8], began: time.Now(), ended: EndedRunning, done: make(chan struct{})}
	r.ctx, r.cancel = bounded(ctx, o.Settings)
	for _, target := range o.Settings.Targets {
		t, err := r.newTarget(target)
		if err != nil {
			r.abandon()
			return nil, err
		}
		r.targets = append(r.targets, t)
	}
	go r.execute()
	return r, nil
}

// bounded is ctx with the run's time, which the wait comes on top of; zero is no limit.
func bounded(ctx context.Context, s Settings) (context.Context, context.CancelFunc) {
	if s.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.Timeout+s.Wait, errTimeout)
}

// newTarget opens the target's timeline and constructs its scenarios.
func (r *Run) newTarget(target Target) (*TargetRun, error) {
	t := &TargetRun{
		Target: target, Meter: &wire.Meter{}, RunID: r.id, Version: r.opts.Version, Grace: r.opts.Settings.Grace,
		Headed: r.opts.Settings.Headed, Browser: r.opts.Settings.Browser,
		Dir: filepath.Join(r.opts.Settings.Out, "targets", target.Name), run: r,
	}
	t.raw.meter = t.Meter
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
	t.Timeline.Note(context.Background(), wire.Note{Name: wire.NoteRun, Run: &wire.RunStart{
		Schema: wire.Schema, Target: target.Name, Binder: urlText(places.Binder()), Hub: urlText(places.Hub()), Started: r.began.UTC(),
	}})
	mode := r.opts.Settings.Mode
	scenarios := Budgeted(mode, r.opts.Scenarios(t), target)
	if err := Check(scenarios); err != nil {
		t.abandon()
		return nil, fmt.Errorf("the suite has a defect: %w", err)
	}
	t.choice = choose(scenarios, target, r.filter(target.Name))
	if mode == ModeQuick {
		t.choice.confine(scenarios, ReasonQuick)
	}
	for _, sc := range scenarios {
		t.scenarios = append(t.scenarios, newScenarioRun(t, sc))
	}
	return t, nil
}

// abandon closes what was opened for a run that does not begin.
func (r *Run) abandon() {
	r.cancel()
	for _, t := range r.targets {
		t.abandon()
	}
}

func (t *TargetRun) abandon() {
	t.close()
	_ = t.sink.Close() // it is empty
}

func (r *Run) filter(target string) func(scenario, step string) Ask {
	if r.opts.Filter == nil {
		return nil
	}
	return func(scenario, step string) Ask { return r.opts.Filter(target, scenario, step) }
}

// execute runs the targets in the order of the settings, so many at once as these say. All of them are waited for at once, and
// those run first that are ready first.
func (r *Run) execute() {
	defer close(r.done)
	defer r.cancel()
	r.emit(Event{Kind: RunStarted})
	always, cancel := r.alwaysContext()
	defer cancel()
	slots := make(chan struct{}, max(1, r.opts.Settings.Concurrency))
	var group sync.WaitGroup
	waits := r.opts.Settings.Wait > 0
	for _, t := range r.targets {
		if !waits {
			slots <- struct{}{}
		}
		group.Go(func() {
			if waits {
				t.awaitReady(r.ctx)
				slots <- struct{}{}
			}
			defer func() { <-slots }()
			t.execute(r.ctx, always)
		})
	}
	group.Wait()
	r.finish()
}

// cleanUpLimit bounds the clean-up of an interrupted run, beside the time given to launches that have not ended.
const cleanUpLimit = 8 * time.Second

var errCleanUpTime = errors.New("the time for clean-up after an interrupt is over")

// alwaysContext survives the run's cancellation, for a while.
func (r *Run) alwaysContext() (context.Context, func()) {
	always, cancel := context.WithCancelCause(context.WithoutCancel(r.ctx))
	stop := context.AfterFunc(r.ctx, func() {
		select {
		case <-time.After(r.opts.Settings.Grace + cleanUpLimit):
		case <-always.Done():
		}
		cancel(errCleanUpTime)
	})
	return always, func() { stop(); cancel(nil) }
}

// finish says how the run ended, closes the timelines and tells the observers.
func (r *Run) finish() {
	r.update(func() {
		r.end = time.Since(r.began)
		r.ended = r.endedLocked()
	})
	for _, t := range r.targets {
		t.closeTimeline()
	}
	r.emit(Event{Kind: RunEnded})
}

// endedLocked tells how a run ended. An interrupt that came when all targets had ended did not interrupt anything.
func (r *Run) endedLocked() Ended {
	cause := context.Cause(r.ctx)
	switch {
	case !slices.ContainsFunc(r.targets, func(t *TargetRun) bool { return t.phase == cut }):
		return EndedNormal
	case errors.Is(cause, errTimeout) || errors.Is(cause, context.DeadlineExceeded):
		return EndedTimeout
	}
	return EndedSignal
}

// closeTimeline writes the rest of the timeline; what could not be written is told.
func (t *TargetRun) closeTimeline() {
	t.Timeline.Note(context.Background(), wire.Note{Name: wire.NoteEnd})
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
		verdicts = append(verdicts, tr.Verdict)
		result.Targets = append(result.Targets, tr)
	}
	result.Verdict = r.verdictLocked(Worst(verdicts...))
	return result
}

// verdictLocked keeps a run from passing that has not ended, or that was interrupted before it had.
func (r *Run) verdictLocked(v Verdict) Verdict {
	switch {
	case r.ended == EndedRunning:
		return Worst(v, Running)
	case r.ended != EndedNormal && v != Failed:
		return Inconclusive
	}
	return v
}
