package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"time"

	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// data is what the waterfall is drawn from. Times are seconds since the run began.
type data struct {
	Target  string                     `json:"target"`
	Began   int64                      `json:"began"` // milliseconds since 1970
	End     wire.Seconds               `json:"end"`
	Steps   []string                   `json:"steps"` // scenario/step
	Headers [][2]string                `json:"headers"`
	Rows    []row                      `json:"rows"`
	Details map[string]json.RawMessage `json:"details"` // by the exchange's number
}

// row is one line of the waterfall: an exchange, or a mark.
type row struct {
	ID     wire.ExchangeID  `json:"id,omitempty"` // 0: a mark
	Client wire.Client      `json:"c"`
	Kind   string           `json:"k"` // type of the exchange, or mark
	Role   wire.Role        `json:"r,omitempty"`
	Step   int              `json:"s"`
	Method string           `json:"m,omitempty"`
	URL    string           `json:"u"` // of a mark its text
	Begin  wire.Seconds     `json:"b"`
	End    wire.Seconds     `json:"e"`
	Open   bool             `json:"o,omitempty"`
	Phases *[6]wire.Seconds `json:"p,omitempty"`
	Status int              `json:"st,omitempty"`
	Bytes  int64            `json:"z,omitempty"`
	Bad    string           `json:"x,omitempty"`  // what went wrong in it, in a word
	Proves bool             `json:"f,omitempty"`  // a finding
	Parts  []wire.Seconds   `json:"ev,omitempty"` // times of events and frames
}

// maxRows bounds the waterfall, and maxParts the events and frames that are drawn of a row.
const (
	maxRows  = 6000
	maxParts = 120
)

// rowURL bounds what a row shows of a URL or a text, in bytes; the details have it whole.
const rowURL = 300

// encode writes what the waterfall of a target needs, in about limit bytes. shown says what is left out, or nothing.
func encode(t evidence.Target, limit int) (block template.JS, shown string) {
	if len(t.Exchanges) == 0 && len(t.Marks) == 0 {
		return "", ""
	}
	w := &writer{target: t, steps: map[string]int{}, headers: map[[2]string]int{}, limit: limit}
	w.data = data{Target: t.Result.Name, Began: t.Started.UnixMilli(), Rows: []row{}, Details: map[string]json.RawMessage{}}
	w.prove()
	order := w.importance()
	order = order[:min(len(order), maxRows)]
	for i, x := range order {
		if w.used > limit*3/4 {
			order = order[:i]
			break
		}
		w.row(x)
	}
	for _, m := range t.Marks[:min(len(t.Marks), maxRows/4)] {
		w.mark(m)
	}
	slices.SortStableFunc(w.data.Rows, func(a, b row) int { return cmp.Compare(a.Begin, b.Begin) })
	w.details(order)
	w.data.Headers = append([][2]string{}, w.data.Headers...)
	b, err := json.Marshal(w.data) // escapes <, > and &, so that nothing in it can end the element it stands in
	if err != nil {
		return "", fmt.Sprintf("The timeline cannot be shown: %v.", err)
	}
	return template.JS(b), w.shown(len(order))
}

// writer gathers the data of one target.
type writer struct {
	target  evidence.Target
	data    data
	proof   map[wire.ExchangeID]bool
	steps   map[string]int
	headers map[[2]string]int
	limit   int // bytes
	used    int // about, by what the rows, headers and details take
	without int // exchanges that are shown without details
}

func (w *writer) prove() {
	w.proof = map[wire.ExchangeID]bool{}
	for _, f := range w.target.Result.Findings {
		for _, id := range f.Exchanges {
			w.proof[id] = true
		}
	}
}

// importance orders the exchanges by how much a reader wants their details: what proves a finding, what went wrong, what
// the raw clients and probes saw, then the browser's many.
func (w *writer) importance() []*wire.Exchange {
	rank := func(x *wire.Exchange) int {
		switch {
		case w.proof[x.ID]:
			return 0
		case bad(x) != "":
			return 1
		case x.Client != wire.Browser || x.Open.Type != wire.TypeHTTP:
			return 2
		}
		return 3
	}
	sorted := slices.Clone(w.target.Exchanges)
	slices.SortStableFunc(sorted, func(a, b *wire.Exchange) int { return rank(a) - rank(b) })
	return sorted
}

// bad says in a word what went wrong in an exchange, or nothing.
func bad(x *wire.Exchange) string {
	switch {
	case x.Close != nil && x.Close.Symptom != "":
		return string(x.Close.Symptom)
	case x.Close != nil && x.Close.Error != "":
		return "error"
	case x.Response != nil && x.Response.Status >= 500:
		return "status"
	}
	return ""
}

func (w *writer) step(scenario, step string) int {
	name := "run"
	if scenario != "" {
		name = plain.Line(scenario + "/" + step)
	}
	i, ok := w.steps[name]
	if !ok {
		i = len(w.data.Steps)
		w.steps[name] = i
		w.data.Steps = append(w.data.Steps, name)
	}
	return i
}

func (w *writer) row(x *wire.Exchange) {
	p := evidence.PhasesOf(x)
	r := row{
		ID: x.ID, Client: x.Client, Kind: string(x.Open.Type), Role: x.Open.Role, Step: w.step(x.Scenario, x.Step),
		Method: plain.Line(clipped(x.Open.Method, 20)), URL: plain.Line(clipped(x.Open.URL, rowURL)), Begin: wire.Seconds(x.Open.At),
		End: wire.Seconds(x.Ended()), Open: x.Close == nil, Bad: plain.Line(bad(x)), Proves: w.proof[x.ID], Parts: parts(x),
		Phases: &[6]wire.Seconds{
			wire.Seconds(p.Blocked), wire.Seconds(p.DNS), wire.Seconds(p.TCP), wire.Seconds(p.TLS), wire.Seconds(p.Wait), wire.Seconds(p.Receive),
		},
	}
	if x.Response != nil {
		r.Status = x.Response.Status
	}
	if x.Body != nil {
		r.Bytes = x.Body.Bytes
	}
	w.add(r, 130)
}

func (w *writer) mark(m evidence.Mark) {
	at := wire.Seconds(m.At)
	text := plain.Line(clipped(m.Kind+": "+m.Text, 2*rowURL))
	w.add(row{Client: m.Client, Kind: "mark", Step: w.step(m.Scenario, m.Step), URL: text, Begin: at, End: at}, 80)
}

func (w *writer) add(r row, size int) {
	w.data.Rows = append(w.data.Rows, r)
	w.data.End = max(w.data.End, r.End)
	w.used += size + len(r.URL) + 9*len(r.Parts)
}

// parts are the times of an exchange's events and frames; of too many the first, and every nth.
func parts(x *wire.Exchange) []wire.Seconds {
	n := len(x.Events) + len(x.Frames)
	if n == 0 {
		return nil
	}
	all := make([]wire.Seconds, 0, n)
	for _, e := range x.Events {
		all = append(all, wire.Seconds(e.At.Round(time.Millisecond)))
	}
	for _, f := range x.Frames {
		all = append(all, wire.Seconds(f.At.Round(time.Millisecond)))
	}
	every := (n + maxParts - 1) / maxParts
	kept := all[:0]
	for i := 0; i < n; i += every {
		kept = append(kept, all[i])
	}
	return kept
}

// details adds what a click on a row shows, as long as there is room.
func (w *writer) details(order []*wire.Exchange) {
	for _, x := range order {
		if w.used > w.limit {
			w.without++
			continue
		}
		b, err := json.Marshal(w.detail(x))
		if err != nil {
			w.without++
			continue
		}
		w.used += len(b)
		w.data.Details[strconv.FormatUint(uint64(x.ID), 10)] = b
	}
}

// shown says what is left out of the page.
func (w *writer) shown(rows int) string {
	if all := len(w.target.Exchanges); w.without > 0 || rows < all {
		return fmt.Sprintf("Of %d exchanges %d are shown, %d of them without details; network.har and timeline.ndjson have all.", all, rows, w.without)
	}
	return ""
}

// clipped keeps at most n bytes of a text, before it is made plain.
func clipped(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
