package smoke

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"binderhub-smoke/smoke/wire"
)

// Round is one gate of a soak, as the report shows it.
type Round struct {
	RunID     string        `json:"run_id"`
	Started   time.Time     `json:"started"`
	Seconds   wire.Seconds  `json:"seconds"`
	Verdict   Verdict       `json:"verdict"`
	Ended     Ended         `json:"ended"`
	Directory string        `json:"directory"` // of its own report, relative to this one's
	Targets   []RoundTarget `json:"targets"`
}

// RoundTarget is what a target came to in one round.
type RoundTarget struct {
	Name    string   `json:"name"`
	Verdict Verdict  `json:"verdict"`
	Causes  []string `json:"causes"` // of its findings
}

// SoakOptions is what a soak needs beside what a run does. Its observers see all rounds as one run.
type SoakOptions struct {
	Options
	// Launches is how many launches of a target a round makes at most, and Launched when some were made since a time, the
	// oldest first.
	Launches func(Target) int
	Launched func(target Target, since time.Time) []time.Time
	// Round returns the observers of a round that begins, whose directory is given.
	Round func(directory string) ([]Observer, error)
}

// soak is a soak under way. Its rounds come one after the other, and its observers are called by one goroutine at a time.
type soak struct {
	opts  SoakOptions
	id    string
	began time.Time

	mu      sync.Mutex // observers look at any time; only Soak's goroutine changes what follows
	rounds  []Round
	decided Result // of the worst round, the latest of equals
}

// Soak runs a round at each of the times of Settings.Soak, later where the launch budget of the hour asks for it. A round
// that fails is the last, as is one that is cut short, in which nothing ran, or of a deployment that was not ready. Cancelling
// ctx ends a wait at once. The error is Start's, or that of a round's observers.
func Soak(ctx context.Context, o SoakOptions) (Result, error) {
	s := &soak{opts: o, id: uuid.NewString()[:8], began: time.Now()}
	for _, at := range o.Settings.Soak {
		if !s.await(ctx, s.began.Add(at)) {
			break
		}
		last, err := s.round(ctx)
		if err != nil {
			if len(s.rounds) > 0 { // its observers have seen a beginning, and must see an end
				s.emit(Event{Kind: RunEnded, Snapshot: func() Result { return s.whole(s.decided) }})
			}
			return Result{}, err
		}
		if last {
			break
		}
	}
	result := s.result(ctx)
	s.emit(Event{Kind: RunEnded, Snapshot: func() Result { return result }})
	return result, nil
}

// round runs one round and tells whether it is the last.
func (s *soak) round(ctx context.Context) (last bool, err error) {
	o := s.opts.Options
	directory := path.Join("rounds", fmt.Sprint(len(s.rounds)+1))
	o.Settings.Out = filepath.Join(o.Settings.Out, filepath.FromSlash(directory))
	if len(s.rounds) > 0 {
		o.Settings.Wait = 0
	}
	own, err := s.opts.Round(o.Settings.Out)
	if err != nil {
		return true, err
	}
	o.Observers = append(own, watcher{s, directory})
	run, err := Start(ctx, o)
	if err != nil {
		return true, err
	}
	r := run.Wait()
	s.add(r, directory)
	notReady := slices.ContainsFunc(r.Targets, func(t TargetResult) bool {
		return t.Readiness != nil && t.Readiness.State == ReadyExpired
	})
	nothing := r.Verdict == Skipped || r.Verdict == Blocked
	return r.Verdict == Failed || nothing || r.Ended != EndedNormal || notReady, nil
}

// add notes a round that has ended.
func (s *soak) add(r Result, directory string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds = append(s.rounds, roundOf(r, directory))
	if len(s.rounds) == 1 || Worst(s.decided.Verdict, r.Verdict) == r.Verdict {
		s.decided = below(r, directory)
	}
}

// roundOf is a round as the report shows it.
func roundOf(r Result, directory string) Round {
	round := Round{
		RunID: r.RunID, Started: r.Started, Seconds: r.Seconds, Verdict: r.Verdict, Ended: r.Ended, Directory: directory, Targets: []RoundTarget{},
	}
	for _, t := range r.Targets {
		target := RoundTarget{Name: t.Name, Verdict: t.Verdict, Causes: []string{}}
		for _, f := range t.Findings {
			target.Causes = append(target.Causes, f.Cause)
		}
		round.Targets = append(round.Targets, target)
	}
	return round
}

// below makes a round's paths relative to the report of the whole. The result is changed in place.
func below(r Result, directory string) Result {
	for _, t := range r.Targets {
		for _, sc := range t.Scenarios {
			for i := range sc.Steps {
				if shot := &sc.Steps[i].Screenshot; *shot != "" {
					*shot = path.Join(directory, *shot)
				}
			}
		}
	}
	return r
}

// whole is a round's result as that of the soak so far.
func (s *soak) whole(r Result) Result {
	r.Schema, r.RunID, r.SuiteVersion, r.Started = Schema, s.id, s.opts.Version, s.began.UTC()
	s.mu.Lock()
	r.Rounds = slices.Clone(s.rounds)
	s.mu.Unlock()
	r.Seconds, r.Ended = wire.Seconds(time.Since(s.began)), EndedRunning
	verdicts := []Verdict{Running, r.Verdict}
	for _, round := range r.Rounds {
		verdicts = append(verdicts, round.Verdict)
	}
	r.Verdict = Worst(verdicts...)
	return r
}

// result is that of the soak, which has ended: the round that decided, in the soak's time.
func (s *soak) result(ctx context.Context) Result {
	r := s.whole(s.decided)
	r.Verdict, r.Ended = s.decided.Verdict, EndedNormal
	if n := len(s.rounds); n > 0 {
		r.Ended = s.rounds[n-1].Ended
	}
	if ctx.Err() != nil && len(s.rounds) < len(s.opts.Settings.Soak) && r.Verdict != Failed && r.Ended == EndedNormal {
		r.Verdict, r.Ended = Inconclusive, EndedSignal
	}
	return r
}

// watcher shows a round's events to the soak's observers as those of one run.
type watcher struct {
	soak      *soak
	directory string
}

// Observe hands an event on. Only the first round's beginning is the soak's; its end is told by Soak.
func (w watcher) Observe(e Event) {
	if e.Kind == RunEnded || e.Kind == RunStarted && len(w.soak.rounds) > 0 {
		return
	}
	snapshot := e.Snapshot
	e.Snapshot = func() Result { return w.soak.whole(below(snapshot(), w.directory)) }
	w.soak.emit(e)
}

func (s *soak) emit(e Event) {
	for _, o := range s.opts.Observers {
		o.Observe(e)
	}
}
