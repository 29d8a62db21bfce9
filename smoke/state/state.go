// Package state keeps what outlives a run: per target the hub URL learned, the last results that later runs judge by, and
// the launches made. It is one file in one directory, replaced by rename under a lock, so that several runs may share it.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// version is the version of the file. Later versions add fields and change none.
const version = 1

// The files of the directory.
const (
	fileName = "state.json"
	lockName = "state.lock"
)

// lockWait bounds the wait for another run's lock when the context does not: it is held for one rewrite only.
const lockWait = 10 * time.Second

// State is the state of all targets. It is safe for concurrent use, also by several processes.
type State struct {
	dir   string
	turns turns

	queue  sync.Mutex
	queued []*change // that are yet to be written

	mu   sync.Mutex // is held while the file is rewritten
	data data
}

// data is state.json.
type data struct {
	Version int                `json:"version"`
	Targets map[string]*record `json:"targets"` // by binder URL
}

// record is what is known of one target.
type record struct {
	Hub      string   `json:"hub,omitempty"`
	Canary   *Check   `json:"canary,omitempty"`
	Channel  *Check   `json:"channel,omitempty"`
	Launches []Launch `json:"launches,omitempty"`
	Resolved []string `json:"resolved,omitempty"` // specs that BinderHub could resolve
	// Success is when the target last passed.
	Success *time.Time `json:"success,omitempty"`
}

// Open reads the state of a directory, which is made when it is not there. A damaged file is kept beside as
// state.json.damaged, and one warning says so; the state then begins anew.
func Open(ctx context.Context, dir string) (*State, []string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("the state directory cannot be made: %w", err)
	}
	s := &State{dir: dir}
	var warnings []string
	err := s.locked(ctx, func() error {
		var why error
		s.data, why = read(s.file())
		if why == nil {
			return nil
		}
		aside := s.file() + ".damaged"
		if err := os.Rename(s.file(), aside); err != nil {
			return fmt.Errorf("the state file %s is damaged (%w) and cannot be moved aside: %w", s.file(), why, err)
		}
		warnings = append(warnings, fmt.Sprintf("The state file %s could not be read (%v); it was kept as %s and a new one begun.", s.file(), why, aside))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return s, warnings, nil
}

func (s *State) file() string { return filepath.Join(s.dir, fileName) }

// maxFile bounds the file, in bytes.
const maxFile = 16 << 20

// read returns what a file holds; a missing file holds nothing.
func read(name string) (data, error) {
	empty := data{Version: version, Targets: map[string]*record{}}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) {
		err = errors.New("it is no file of a plausible size")
	}
	if err != nil {
		return empty, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return empty, err
	}
	var d data
	if err := json.Unmarshal(b, &d); err != nil {
		return empty, err
	}
	if d.Version != version {
		return empty, fmt.Errorf("it has version %d, and this suite reads version %d", d.Version, version)
	}
	return d.tidy(), nil
}

// tidy makes sure that no target is nil.
func (d data) tidy() data {
	if d.Targets == nil {
		d.Targets = map[string]*record{}
	}
	for key, r := range d.Targets {
		if r == nil {
			delete(d.Targets, key)
		}
	}
	return d
}

// change is a change of one target.
type change struct {
	key     string
	apply   func(*record)
	written bool
	err     error
}

// change applies a change to one target, on top of what other runs wrote meanwhile. Changes that wait for one another are
// written together: a rewrite waits for the disk, and many targets would wait in turn.
func (s *State) change(ctx context.Context, key string, apply func(*record)) error {
	c := &change{key: key, apply: apply}
	s.queue.Lock()
	s.queued = append(s.queued, c)
	s.queue.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.written {
		return c.err
	}
	return s.locked(ctx, s.writeQueued) // without the lock the change stays queued, and comes with the next
}

// writeQueued applies all changes that wait, and rewrites the file.
func (s *State) writeQueued() error {
	s.queue.Lock()
	changes := s.queued
	s.queued = nil
	s.queue.Unlock()
	if fresh, err := read(s.file()); err == nil {
		s.data = fresh // else ours is better than a damaged one
	}
	for _, c := range changes {
		if s.data.Targets[c.key] == nil {
			s.data.Targets[c.key] = &record{}
		}
		c.apply(s.data.Targets[c.key])
	}
	b, err := json.MarshalIndent(s.data, "", "  ")
	if err == nil {
		err = renameio.WriteFile(s.file(), append(b, '\n'), 0o644, renameio.WithTempDir(s.dir))
	}
	if err != nil {
		err = fmt.Errorf("the state cannot be written: %w", err)
	}
	for _, c := range changes {
		c.written, c.err = true, err
	}
	return err
}

// locked does something under the directory's lock.
func (s *State) locked(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	path := filepath.Join(s.dir, lockName)
	lock := flock.New(path, flock.SetPermissions(0o644))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("the state directory %s is in use by another run (%s): %w", s.dir, holder(path), err)
		}
		return fmt.Errorf("the state directory %s cannot be locked: %w", s.dir, err)
	}
	defer lock.Close()
	// The lock counts even where its holder cannot be written down.
	_ = os.WriteFile(path, fmt.Appendf(nil, "process %d since %s", os.Getpid(), time.Now().UTC().Format(time.RFC3339)), 0o644)
	return do()
}

// holder is who wrote themselves into a lock.
func holder(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return "it is not known which"
	}
	return string(b[:min(len(b), 100)])
}
