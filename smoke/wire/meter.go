package wire

import (
	"sync"
	"time"
)

// Meter measures the union of intervals: the time during which at least one of its Begin calls had not ended. It is safe
// for concurrent use, and a nil Meter measures nothing.
type Meter struct {
	mu     sync.Mutex
	active int
	since  time.Time
	total  time.Duration
}

// Begin starts an interval and returns the function that ends it; further calls of that function do nothing.
func (m *Meter) Begin() (end func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active == 0 {
		m.since = time.Now()
	}
	m.active++
	return sync.OnceFunc(m.end)
}

func (m *Meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active--
	if m.active == 0 {
		m.total += time.Since(m.since)
	}
}

// Total is the length of the union so far.
func (m *Meter) Total() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active > 0 {
		return m.total + time.Since(m.since)
	}
	return m.total
}
