package browser

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// recorder turns protocol events into records, one event at a time, and keeps the state that waits look at. Everything
// below mu is guarded by it.
type recorder struct {
	tl        *wire.Timeline
	clock     clock
	onServer  func(Server)
	do        deeds // what a handler may not do itself
	main      string
	patience  time.Duration                   // for the end of a bad answer
	remote    bool                            // the browser runs elsewhere
	elsewhere map[string]string               // Options.Resolve, of which such a browser cannot be told
	step      atomic.Pointer[context.Context] // of the action under way

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, whenever something happened
	closing bool

	visit    int         // counts our own navigations; what belongs to an earlier one is history
	shown    int         // the visit whose page is the tab's: it follows visit once the new page has begun
	fault    *wire.Fault // the first of this visit
	crashed  *wire.Fault // for good
	faulted  context.Context
	setFault context.CancelFunc

	requests map[network.RequestID]*request
	extras   map[network.RequestID]*extra
	sockets  map[network.RequestID]*socket
	last     map[wire.ExchangeID]time.Duration // time of an open exchange's newest record
	document *request                          // the newest main document
	lines    int                               // of the console
	hosts    map[string]bool                   // whose certificate is on record
	launch   launch
	kernel   kernel
	saving   saving
	notices  []*wire.Fault // of this visit: what a person can do without
	broken   *socket       // the websocket that the fault is of
	painted  bool          // the page that is shown shows something
	ends     []*socketEnd  // of websockets, as the page's own script saw them
}

// deeds are done on goroutines of their own: they call the browser, which the handling of events must not.
type deeds interface {
	fetchBody(ctx context.Context, id network.RequestID)
	streamBody(ctx context.Context, id network.RequestID)
	acceptDialog(ctx context.Context)
	dismiss(ctx context.Context)
	later(after time.Duration, f func())
	tell(s Server)
}

func newRecorder(tl *wire.Timeline, onServer func(Server)) *recorder {
	r := &recorder{
		tl: tl, clock: clock{tl: tl}, onServer: onServer, patience: bodyGrace, changed: make(chan struct{}),
		requests: map[network.RequestID]*request{}, extras: map[network.RequestID]*extra{}, sockets: map[network.RequestID]*socket{},
		hosts: map[string]bool{}, last: map[wire.ExchangeID]time.Duration{},
	}
	r.kernel.reset()
	r.faulted, r.setFault = context.WithCancel(context.Background())
	return r
}

// attach tells the recorder its tab. It has not been handed any event before.
func (r *recorder) attach(mainFrame string, do deeds) { r.main, r.do = mainFrame, do }

// begin makes ctx the context to which records belong from now on.
func (r *recorder) begin(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	r.step.Store(&ctx)
}

func (r *recorder) current() context.Context { return *r.step.Load() }

// leave begins a visit: what the page shown until now did wrong no longer matters, except a crash.
func (r *recorder) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visit++
	r.fault = nil
	r.document = nil
	r.kernel.reset()
	r.launch = launch{}
	r.saving = saving{}
	r.notices, r.painted, r.broken = nil, false, nil
	r.setFault()
	r.faulted, r.setFault = context.WithCancel(context.Background())
	if r.crashed != nil {
		r.setFault()
	}
	r.notify()
}

// close lets nothing that happens from now on count as a fault.
func (r *recorder) close() {
	r.mu.Lock()
	r.closing = true
	r.mu.Unlock()
}

// notify wakes the waits. Call with mu held.
func (r *recorder) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// raise makes f the fault of this visit unless there is one already. Call with mu held.
func (r *recorder) raise(f *wire.Fault) {
	if r.closing || r.failureLocked() != nil {
		return
	}
	r.fault = r.clean(f)
	r.setFault()
	r.notify()
}

// clean removes secrets from a fault: unlike records, faults are also printed as they are.
func (r *recorder) clean(f *wire.Fault) *wire.Fault {
	f.URL, f.Got = r.tl.Redactor().String(f.URL), r.tl.Redactor().String(f.Got)
	return f
}

// crash ends every wait, of this visit and later ones.
func (r *recorder) crash(f *wire.Fault) {
	if r.closing || r.crashed != nil {
		return
	}
	r.crashed = f
	r.setFault()
	r.notify()
}

// maxNotices bounds the notices of a visit.
const maxNotices = 20

// notice keeps what is wrong with a page that a person can work in all the same. Call with mu held.
func (r *recorder) notice(visit int, f *wire.Fault) {
	if visit == r.visit && !r.closing && len(r.notices) < maxNotices {
		r.notices = append(r.notices, r.clean(f))
	}
}

// raiseLater raises f after a grace in which better evidence may come: the body of a failed answer, or the wire's own
// account of what the page shows. still, when set, is asked then whether f still holds.
func (r *recorder) raiseLater(grace time.Duration, f *wire.Fault, still func() bool) {
	visit := r.visit
	time.AfterFunc(grace, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.visit == visit && (still == nil || still()) {
			r.raise(f)
		}
	})
}

func (r *recorder) failureLocked() *wire.Fault {
	if r.crashed != nil {
		return r.crashed
	}
	return r.fault
}

func (r *recorder) failure() *wire.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failureLocked()
}

// faults returns a context that ends when this visit has a fault.
func (r *recorder) faults() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faulted
}

// wait returns when done says so, and before that with the first fault, or with the error of ctx. done is called with mu held.
func (r *recorder) wait(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		ok := done() // may raise a fault
		fault, changed := r.failureLocked(), r.changed
		r.mu.Unlock()
		switch {
		case fault != nil:
			return fault
		case ok:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// pause returns when something happens, and after limit at the latest.
func (r *recorder) pause(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.mu.Lock()
	changed := r.changed
	r.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// add writes a record of the browser. What follows an answer's head is never older than what came before it in the same
// exchange: Chromium's processes stamp their events on their own.
func (r *recorder) add(e event, id wire.ExchangeID, kind wire.Kind, data any, at time.Duration) {
	switch kind {
	case wire.KindEvent, wire.KindFrame, wire.KindBody, wire.KindClose:
		at = max(at, r.last[id])
	}
	r.last[id] = max(at, r.last[id])
	if id == 0 || kind == wire.KindClose {
		delete(r.last, id)
	}
	r.tl.AddAt(e.ctx, wire.Browser, id, kind, data, at)
}
