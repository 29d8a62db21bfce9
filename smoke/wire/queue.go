package wire

import "sync"

// maxQueued bounds the messages that wait for a slow reader, in bytes: one message of the largest size, and some more.
const maxQueued = 2 * maxMessage

// maxWaiting bounds how many messages wait for a slow reader: small ones cost more than their bytes.
const maxWaiting = 16 << 10

// queue holds messages between the reader of a websocket and its user. It is safe for concurrent use.
type queue struct {
	mu       sync.Mutex
	messages []Message
	bytes    int
	ended    bool
	changed  chan struct{} // closed and replaced at every change
}

func newQueue() *queue { return &queue{changed: make(chan struct{})} }

func (q *queue) changeLocked() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// put appends a message. While the queue is full it waits, until stop.
func (q *queue) put(m Message, stop <-chan struct{}) {
	for {
		q.mu.Lock()
		if len(q.messages) == 0 || (q.bytes+len(m.Data) <= maxQueued && len(q.messages) < maxWaiting) {
			q.messages = append(q.messages, m)
			q.bytes += len(m.Data)
			q.changeLocked()
			q.mu.Unlock()
			return
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-stop:
			return
		}
	}
}

// end tells that no further message will come.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changeLocked()
}

// take returns the next message, if there is one; whether the queue has ended; and what to wait for when neither.
func (q *queue) take() (m Message, ok, ended bool, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		return Message{}, false, q.ended, q.changed
	}
	m = q.messages[0]
	q.messages[0] = Message{}
	q.messages = q.messages[1:]
	q.bytes -= len(m.Data)
	q.changeLocked()
	return m, true, false, nil
}
