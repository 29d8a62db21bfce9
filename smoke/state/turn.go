package state

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// turns are the launch locks that this process holds.
type turns struct {
	mu    sync.Mutex
	byKey map[string]*turn
}

// turn is one launch lock, which all targets of this process share that have the same launch budget.
type turn struct {
	mu      sync.Mutex // is held while the lock is waited for
	lock    *flock.Flock
	holders int
}

// of returns the turn of a key.
func (t *turns) of(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = map[string]*turn{}
	}
	if t.byKey[key] == nil {
		t.byKey[key] = &turn{}
	}
	return t.byKey[key]
}

// Turn waits until no other run launches on the target, as far as runs share this directory: BinderHub counts the launches of
// all of them, and a user who has logged in has one server. place tells deployments apart that have the same URL. What it
// returns ends the turn. The error says who has it, when ctx ends before that.
func (t *Target) Turn(ctx context.Context, place string) (end func(), err error) {
	sum := sha256.Sum256([]byte(t.key + " " + place))
	path := filepath.Join(t.state.dir, fmt.Sprintf("launch-%x.lock", sum[:8]))
	own := t.state.turns.of(path)
	own.mu.Lock()
	defer own.mu.Unlock()
	if own.holders == 0 {
		if own.lock, err = takeTurn(ctx, path); err != nil {
			return nil, err
		}
	}
	own.holders++
	return sync.OnceFunc(own.release), nil
}

func takeTurn(ctx context.Context, path string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetPermissions(0o644))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("another run (%s) launches on this target", holder(path))
		}
		return nil, fmt.Errorf("the lock %s cannot be taken: %w", path, err)
	}
	// The lock counts even where its holder cannot be written down.
	_ = os.WriteFile(path, fmt.Appendf(nil, "process %d since %s", os.Getpid(), time.Now().UTC().Format(time.RFC3339)), 0o644)
	return lock, nil
}

func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holders--; t.holders == 0 {
		_ = t.lock.Close() // the process's end frees it too
	}
}
