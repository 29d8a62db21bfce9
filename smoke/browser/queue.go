package browser

import (
	"context"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
)

// Bounds of what waits in a queue. Events are drained within microseconds; the bounds are for a page gone wild.
const (
	maxQueued      = 100_000
	maxQueuedBytes = 128 << 20
)

// event is a protocol event, or one of our own, with the context of the action under way when it came.
type event struct {
	ctx context.Context
	at  time.Duration
	ev  any
}

// queue takes events without ever blocking and hands them out in order.
type queue struct {
	mu      sync.Mutex
	events  []event
	bytes   int
	dropped int
	closed  bool
	wake    chan struct{}
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put queues an event, or counts it as dropped when a bound is reached.
func (q *queue) put(ctx context.Context, at time.Duration, ev any) {
	size := weight(ev)
	q.mu.Lock()
	if q.closed || len(q.events) >= maxQueued || q.bytes+size > maxQueuedBytes {
		q.dropped++
	} else {
		q.events = append(q.events, event{ctx, at, ev})
		q.bytes += size
	}
	q.mu.Unlock()
	q.ring()
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close makes drain return once it has handed out what is queued.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
}

// drain hands events to handle until the queue is closed and empty.
func (q *queue) drain(handle func(event)) {
	for {
		q.mu.Lock()
		events, dropped, closed := q.events, q.dropped, q.closed
		q.events, q.bytes = nil, 0
		if !closed {
			q.dropped = 0
		}
		q.mu.Unlock()
		for _, e := range events {
			handle(e)
		}
		if dropped > 0 && !closed && len(events) > 0 {
			handle(event{events[0].ctx, events[len(events)-1].at, droppedEvents(dropped)})
		}
		if len(events) > 0 {
			continue
		}
		if closed {
			return
		}
		<-q.wake
	}
}

// weight is the memory that an event holds beyond a few hundred bytes.
func weight(ev any) int {
	switch ev := ev.(type) {
	case *network.EventWebSocketFrameReceived:
		return len(ev.Response.PayloadData)
	case *network.EventWebSocketFrameSent:
		return len(ev.Response.PayloadData)
	case *network.EventDataReceived:
		return len(ev.Data)
	}
	return 0
}
