package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

// Book is the history as a run reads and writes it. It is an observer of the run, and safe for concurrent use.
type Book struct {
	known   *state.State
	targets map[string]smoke.Target // by name
	quick   bool

	mu      sync.Mutex
	entries []Entry          // the oldest first, with those of this run's targets that have ended
	seen    map[string]seen  // by the target's name
	err     error            // the first thing that went wrong
	now     func() time.Time // for tests
}

// seen is a target's result as it is remembered, with what was known before it.
type seen struct {
	entry   Entry
	earlier []Entry
}

// Open reads the history of a state directory. One that cannot be read is no reason not to run: Err tells of it.
func Open(known *state.State, s smoke.Settings) *Book {
	b := &Book{known: known, quick: s.Mode == smoke.ModeQuick, targets: map[string]smoke.Target{}, seen: map[string]seen{}, now: time.Now}
	for _, t := range s.Targets {
		b.targets[t.Name] = t
	}
	lines, err := known.History()
	b.err = err
	for _, line := range lines {
		if e, ok := read(line); ok {
			b.entries = append(b.entries, e)
		}
	}
	return b
}

// read passes over what is no entry: a line that a dying machine left half, or one of a newer version.
func read(line []byte) (Entry, bool) {
	var e Entry
	err := json.Unmarshal(line, &e)
	return e, err == nil && e.Schema == schema && e.Target != ""
}

// Changes tells what of a target that has ended clearly differs from its earlier runs.
func (b *Book) Changes(r smoke.TargetResult) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := entryOf(r, b.targets[r.Name], b.quick)
	earlier := slices.DeleteFunc(slices.Clone(b.entries), func(e Entry) bool { return e.Target != now.Target })
	b.seen[r.Name] = seen{now, earlier}
	return Changes(now, earlier)
}

// Earlier tells the median time of a step in earlier runs of a target that has ended, and their number.
func (b *Book) Earlier(target, scenario, step string) (time.Duration, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.seen[target]
	return Median(s.entry, s.earlier, scenario+"/"+step)
}

// Observe remembers a target that has ended.
func (b *Book) Observe(e smoke.Event) {
	if e.Kind != smoke.TargetEnded {
		return
	}
	r := e.Snapshot()
	for _, t := range r.Targets {
		if t.Name == e.Target {
			b.add(r, t)
		}
	}
}

func (b *Book) add(r smoke.Result, t smoke.TargetResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entry := entryOf(t, b.targets[t.Name], b.quick)
	entry.Run, entry.At, entry.Suite = r.RunID, b.now().UTC(), r.SuiteVersion
	if len(entry.Steps) == 0 && len(entry.Route) == 0 {
		return
	}
	b.entries = append(b.entries, entry)
	line, err := json.Marshal(entry)
	if err == nil {
		err = b.known.AddHistory(context.Background(), line, keep)
	}
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("the history cannot be written: %w", err)
	}
}

// Err is what kept the history from being read or written, or nil. It says nothing about the deployment.
func (b *Book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// kept is how many runs of a target with the same settings outlive the shortening of the file.
const kept = 50

// keep shortens a history: of each target and settings the latest runs stay.
func keep(lines [][]byte) [][]byte {
	count := map[string]int{}
	var out [][]byte
	for _, line := range slices.Backward(lines) {
		e, ok := read(line)
		if id := e.Target + " " + e.Settings; ok && count[id] < kept {
			count[id]++
			out = append(out, bytes.Clone(line))
		}
	}
	slices.Reverse(out)
	return out
}
