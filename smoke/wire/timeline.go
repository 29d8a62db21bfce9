package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"
)

// Limits bound a timeline, so that a hostile server cannot make it grow without end. Zero fields take the defaults.
type Limits struct {
	Records     int // of one timeline, default 200,000
	Bytes       int // of one timeline's records, default 64 MiB
	PerExchange int // records of one exchange, default 5,000
}

// Bounds of what a record keeps, in bytes. What is longer was redacted before it was cut.
const (
	maxBodyPrefix = 2048
	maxFrameData  = 512
	maxText       = 4096
)

// Timeline is the append-only list of everything that the clients of one target saw. It is safe for concurrent use.
type Timeline struct {
	began  time.Time
	redact *Redactor
	places *Places
	limits Limits

	mu      sync.Mutex
	records []Record
	bytes   int
	next    ExchangeID
	counts  map[ExchangeID]int  // records kept of an exchange
	closed  map[ExchangeID]bool // exchanges that reached their bound
	told    map[string]bool     // bounds of the timeline whose first drop is a record
	dropped int
	sink    *bufio.Writer
	sinkErr error
}

// NewTimeline returns an empty timeline whose clock began at began. Everything is redacted by redact, roles come from
// places, and each record is also written to sink as a line of JSON, unless sink is nil.
func NewTimeline(began time.Time, redact *Redactor, places *Places, sink io.Writer, limits Limits) *Timeline {
	if limits.Records == 0 {
		limits.Records = 200_000
	}
	if limits.Bytes == 0 {
		limits.Bytes = 64 << 20
	}
	if limits.PerExchange == 0 {
		limits.PerExchange = 5_000
	}
	t := &Timeline{
		began: began, redact: redact, places: places, limits: limits, counts: map[ExchangeID]int{}, closed: map[ExchangeID]bool{},
		told: map[string]bool{},
	}
	if sink != nil {
		t.sink = bufio.NewWriterSize(sink, 64<<10)
	}
	return t
}

// Now is the time since the run began.
func (t *Timeline) Now() time.Duration { return time.Since(t.began) }

// Offset turns a wall clock time into the timeline's time.
func (t *Timeline) Offset(at time.Time) time.Duration { return at.Sub(t.began) }

// Redactor is where newly learned secrets are to be told.
func (t *Timeline) Redactor() *Redactor { return t.redact }

// Places knows the target's hosts.
func (t *Timeline) Places() *Places { return t.places }

// Begin opens an exchange and returns its id. An empty o.Role is filled from the URL.
func (t *Timeline) Begin(ctx context.Context, client Client, o Open) ExchangeID {
	return t.BeginAt(ctx, client, o, t.Now())
}

// BeginAt is Begin for a client with a clock of its own.
func (t *Timeline) BeginAt(ctx context.Context, client Client, o Open, at time.Duration) ExchangeID {
	if o.Role == "" {
		o.Role = t.places.RoleOf(o.URL)
	}
	t.mu.Lock()
	t.next++
	id := t.next
	t.mu.Unlock()
	t.AddAt(ctx, client, id, KindOpen, o, at)
	return id
}

// Add appends a record now. Its data must be of the type that kind tells; scenario and step come from ctx.
func (t *Timeline) Add(ctx context.Context, client Client, id ExchangeID, kind Kind, data any) {
	t.AddAt(ctx, client, id, kind, data, t.Now())
}

// AddAt is Add for a client with a clock of its own.
func (t *Timeline) AddAt(ctx context.Context, client Client, id ExchangeID, kind Kind, data any, at time.Duration) {
	step := StepOf(ctx)
	r := Record{At: at, Exchange: id, Scenario: step.Scenario, Step: step.Step, Client: client, Kind: kind}
	if t.refused(r) {
		return // before the work of redacting it: a server that floods must not keep us busy
	}
	raw, err := json.Marshal(t.redact.Payload(data))
	if err != nil {
		raw, _ = json.Marshal(Note{Name: NoteDropped, Text: fmt.Sprintf("a %s record that JSON cannot hold: %v", kind, err)})
		kind = KindNote
	}
	r.Kind, r.Data = kind, raw
	t.mu.Lock()
	defer t.mu.Unlock()
	if why := t.full(r); why != "" {
		t.dropLocked(r, why)
		return
	}
	t.appendLocked(r)
}

// refused tells whether a bound is reached whatever the record's size.
func (t *Timeline) refused(r Record) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	why := t.full(r)
	if why != "" {
		t.dropLocked(r, why)
	}
	return why != ""
}

// Note appends a note that belongs to no exchange.
func (t *Timeline) Note(ctx context.Context, n Note) { t.Add(ctx, Raw, 0, KindNote, n) }

// Close closes an exchange. A nil fault means that it ended as it should.
func (t *Timeline) Close(ctx context.Context, client Client, id ExchangeID, c Close) {
	t.Add(ctx, client, id, KindClose, c)
}

// full says which bound a record would break. The notes of steps always have room, and so has the close of an exchange
// that is in the timeline: without them a finding would lose its proof, and there are no more of them than of the others.
// The browser leaves a quarter to the raw clients: a page that asks and logs without end must not hide what they see.
func (t *Timeline) full(r Record) string {
	count, bytes := t.limits.Records, t.limits.Bytes
	switch {
	case r.Kind == KindNote && r.Exchange == 0, r.Kind == KindClose && t.counts[r.Exchange] > 0:
		return ""
	case r.Client == Browser:
		count, bytes = count-count/4, bytes-bytes/4
	}
	switch {
	case len(t.records) >= count:
		return fmt.Sprintf("the timeline's bound of %d records", count)
	case t.bytes+len(r.Data) > bytes:
		return fmt.Sprintf("the timeline's bound of %d bytes", bytes)
	case r.Exchange != 0 && t.counts[r.Exchange] >= t.limits.PerExchange:
		return fmt.Sprintf("the exchange's bound of %d records", t.limits.PerExchange)
	}
	return ""
}

// dropLocked counts what is not kept. The first drop of each kind, of an exchange or of the whole timeline, is itself a
// record.
func (t *Timeline) dropLocked(r Record, why string) {
	t.dropped++
	if t.told[why] || (t.counts[r.Exchange] >= t.limits.PerExchange && t.closed[r.Exchange]) {
		return
	}
	if t.counts[r.Exchange] >= t.limits.PerExchange {
		t.closed[r.Exchange] = true
	} else {
		t.told[why] = true
	}
	r.Kind = KindNote
	r.Data, _ = json.Marshal(Note{Name: NoteDropped, Text: "records are dropped from here on: " + why})
	t.appendLocked(r)
}

func (t *Timeline) appendLocked(r Record) {
	r.Seq = uint64(len(t.records)) + 1
	t.records = append(t.records, r)
	t.bytes += len(r.Data)
	if r.Exchange != 0 {
		t.counts[r.Exchange]++
	}
	if t.sink == nil || t.sinkErr != nil {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = t.sink.Write(append(line, '\n'))
	}
	t.sinkErr = err
}

// Flush writes what is buffered to the sink and returns the first error that writing met.
func (t *Timeline) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sink == nil {
		return nil
	}
	if t.sinkErr == nil {
		t.sinkErr = t.sink.Flush()
	}
	return t.sinkErr
}

// Dropped is the number of records that were not kept.
func (t *Timeline) Dropped() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// Records returns the records so far.
func (t *Timeline) Records() iter.Seq[Record] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Values(t.records[:len(t.records):len(t.records)])
}

// Exchanges folds the records so far.
func (t *Timeline) Exchanges() []*Exchange { return Fold(t.Records()) }

// maxLine is more than the longest line that a timeline writes, in bytes.
const maxLine = 4 << 20

// ReadRecords reads a timeline.ndjson. A line that is no record ends it with an error that names the line.
func ReadRecords(r io.Reader) ([]Record, error) {
	var records []Record
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var rec Record
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return records, fmt.Errorf("timeline line %d is not a record: %w", n, err)
		}
		records = append(records, rec)
	}
	if err := lines.Err(); err != nil {
		return records, fmt.Errorf("timeline cannot be read: %w", err)
	}
	return records, nil
}
