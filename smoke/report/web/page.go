// Package web writes report.html: one file that shows a run to a person, and opens from disk without a network. All that a
// server said is text in it: html/template escapes it, and the page's policy runs no script and no style but its own.
package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"slices"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/evidence"
)

// The page's own parts.
//
//go:embed page.css
var style string

//go:embed page.js
var script string

//go:embed page.html
var markup string

var pages = template.Must(template.New("page").Parse(markup))

// Earlier tells how long a step took in earlier runs: the median, and of how many; none when these are 0.
type Earlier func(target, scenario, step string) (median time.Duration, runs int)

// Builder gathers what a page shows of a run, target after target.
type Builder struct {
	result  smoke.Result
	earlier Earlier
	targets []*targetView
	room    room
}

// room is how many bytes of the page are left for what a run may have any amount of.
type room struct {
	data, pictures int
	count          int // of pictures that may be made smaller, which takes its time
	targets        int // that are still to come
}

// Bounds of the page, in bytes. With them a page is smaller than 5 MB: pictures grow by a third in base64.
const (
	maxData     = 2 << 20
	maxPictures = 1400 << 10
	minData     = 64 << 10 // of a target among many
)

// maxShrunk bounds the pictures that are made smaller: each takes some 50 ms.
const maxShrunk = 20

// NewBuilder returns the builder of a run's page. earlier may be nil.
func NewBuilder(r smoke.Result, earlier Earlier) *Builder {
	if earlier == nil {
		earlier = func(string, string, string) (time.Duration, int) { return 0, 0 }
	}
	return &Builder{result: r, earlier: earlier, room: room{maxData, maxPictures, maxShrunk, len(r.Targets)}}
}

// Add takes in one of the run's targets.
func (b *Builder) Add(t evidence.Target) {
	v := &targetView{Index: len(b.targets), evidence: t, TargetResult: t.Result, earlier: b.earlier}
	left := max(1, b.room.targets)
	if t.Missing == "" {
		v.illustrate(b.room.pictures/left, b.room.count)
	}
	v.Data, v.Shown = encode(t, max(minData, b.room.data/left))
	b.room.pictures -= v.pictureBytes
	b.room.count -= v.shrunk
	b.room.data -= len(v.Data)
	b.room.targets--
	v.count()
	v.evidence.Exchanges, v.evidence.Marks = nil, nil // of a hundred targets they are too many to keep
	b.targets = append(b.targets, v)
}

// Render returns the page, on which the targets that passed come last.
func (b *Builder) Render() ([]byte, error) {
	views := slices.Clone(b.targets)
	slices.SortStableFunc(views, func(a, b *targetView) int { return a.passed() - b.passed() })
	return render(runView{Result: b.result, Views: views, Now: time.Now().UTC()})
}

// passed is 1 of a target that did.
func (t *targetView) passed() int {
	if t.Verdict == smoke.Pass {
		return 1
	}
	return 0
}

// RenderDeath returns the page of a run that did not begin, with the reason.
func RenderDeath(reason string, now time.Time) ([]byte, error) {
	return render(runView{Death: reason, Now: now.UTC()})
}

func render(v runView) ([]byte, error) {
	v.Style, v.Script = template.CSS(style), template.JS(script)
	v.Policy = "default-src 'none'; style-src '" + hash(style) + "'; script-src '" + hash(script) + "'; img-src data:; base-uri 'none'; form-action 'none'"
	var b bytes.Buffer
	err := pages.Execute(&b, v)
	return b.Bytes(), err
}

// hash names an inline script or style in a policy (CSP Level 3, section 2.3.1).
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
