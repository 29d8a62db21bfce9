// Package har writes exchanges as an HTTP Archive 1.2 (w3c.github.io/web-performance/specs/HAR/Overview.html), which
// browsers' developer tools, Playwright and many viewers read. Websocket messages stand where Chrome's developer tools put
// them, in _webSocketMessages. Properties with an underscore are extensions, as the format allows.
package har

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"binderhub-smoke/smoke/report/evidence"
)

// Writer writes one archive, target after target, so that no more than one need be held in memory.
type Writer struct {
	out     *bufio.Writer
	version string
	pages   []page
	entries int
	err     error
}

// NewWriter returns a writer of an archive by this version of the suite.
func NewWriter(w io.Writer, version string) *Writer {
	h := &Writer{out: bufio.NewWriterSize(w, 64<<10), version: version}
	h.text(`{"log":{"version":"1.2","entries":[`)
	return h
}

// Add writes the exchanges of one target.
func (h *Writer) Add(t evidence.Target) {
	known := map[string]bool{}
	for _, x := range t.Exchanges {
		e := entryOf(t, x)
		if !known[e.PageRef] {
			known[e.PageRef] = true
			h.pages = append(h.pages, page{Started: e.Started, ID: e.PageRef, Title: e.PageRef})
		}
		if h.entries > 0 {
			h.text(",")
		}
		h.text("\n")
		h.value(e)
		h.entries++
	}
}

// Close writes the rest. The error is the first that writing met.
func (h *Writer) Close() error {
	h.text("\n],\"pages\":")
	h.value(append([]page{}, h.pages...))
	h.text(`,"creator":`)
	h.value(creator{Name: "binderhub-smoke", Version: h.version})
	h.text(`,"comment":`)
	h.value("Bodies hold their first 2,048 bytes, websocket messages their first 512. Secrets were removed before they were recorded.")
	h.text("}}\n")
	if h.err == nil {
		h.err = h.out.Flush()
	}
	return h.err
}

func (h *Writer) text(s string) {
	if h.err == nil {
		_, h.err = h.out.WriteString(s)
	}
}

func (h *Writer) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && h.err == nil {
		h.err = fmt.Errorf("an entry cannot be written: %w", err)
	}
	h.text(string(b))
}

// milliseconds is a duration as the format has it.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// moment is a time of a target's recording as the format has it.
func moment(t evidence.Target, at time.Duration) string {
	return t.Started.Add(at).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
