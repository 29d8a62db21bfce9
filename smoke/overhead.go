package smoke

import (
	"sync"
	"time"

	"binderhub-smoke/smoke/wire"
)

// rawTime measures the time in which raw scenarios run, and how much of it their clients waited for bytes. Waiting while
// no raw step runs, such as that of a scenario that only borrows the raw clients, is not counted.
type rawTime struct {
	meter *wire.Meter // runs while a raw client waits

	mu            sync.Mutex
	active        int
	since         time.Time
	before        time.Duration // what the meter showed at since
	wall, waiting time.Duration
}

// begin starts a raw step and returns the function that ends it.
func (r *rawTime) begin() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active == 0 {
		r.since, r.before = time.Now(), r.meter.Total()
	}
	r.active++
	return r.end
}

func (r *rawTime) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active--
	if r.active == 0 {
		r.wall += time.Since(r.since)
		r.waiting += r.meter.Total() - r.before
	}
}

// total is both times so far.
func (r *rawTime) total() (wall, waiting time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active == 0 {
		return r.wall, r.waiting
	}
	return r.wall + time.Since(r.since), r.waiting + r.meter.Total() - r.before
}

// overhead is the share of the raw scenarios' time in which no raw client waited for bytes it had asked for; nil before
// one ran.
func (r *Run) overhead() *float64 {
	var wall, waiting time.Duration
	for _, t := range r.targets {
		w, b := t.raw.total()
		wall, waiting = wall+w, waiting+b
	}
	if wall == 0 {
		return nil
	}
	share := max(0, 1-waiting.Seconds()/wall.Seconds())
	return &share
}
