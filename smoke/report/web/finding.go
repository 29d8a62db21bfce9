package web

import (
	"html/template"
	"slices"
	"strings"

	"github.com/yuin/goldmark"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// findingView is one finding.
type findingView struct {
	diagnose.Finding
	N      int
	Target int
}

// field is one labelled line of a finding.
type field struct{ Label, Text string }

// Sentence is what is wrong.
func (f findingView) Sentence() string { return plain.Line(f.Summary) }

// Hopped is the hop.
func (f findingView) Hopped() string { return plain.Line(string(f.Hop)) }

// Fields are the proof and what else is known, without what is empty.
func (f findingView) Fields() (fields []field) {
	suspects := f.Suspects
	if slices.Equal(suspects, []string{f.Cause}) {
		suspects = nil
	}
	for _, one := range []field{
		{"step", f.Scenario + "/" + f.Step}, {"answered", f.Answered}, {"URL", f.URL}, {"expected", f.Expected}, {"got", f.Got},
		{"suspects", strings.Join(suspects, ", ")}, {"also seen in", strings.Join(f.Also, ", ")}, {"known", f.Known},
	} {
		if one.Text != "" {
			fields = append(fields, field{one.Label, plain.Line(one.Text)})
		}
	}
	return fields
}

// maxProofs bounds the links to exchanges.
const maxProofs = 12

// Proofs are the exchanges that prove it, the deciding one first.
func (f findingView) Proofs() []wire.ExchangeID {
	return f.Exchanges[:min(len(f.Exchanges), maxProofs)]
}

// block is a part of a remedy: a sentence, or commands and settings, which stay as they are.
type block struct {
	Text string
	Code bool
}

// Parts are a sentence's words and, between backticks, its code.
func (b block) Parts() (parts []block) {
	texts := strings.Split(b.Text, "`")
	if len(texts)%2 == 0 {
		return []block{{Text: b.Text}} // one of them is a backtick
	}
	for i, text := range texts {
		if text != "" {
			parts = append(parts, block{text, i%2 == 1})
		}
	}
	return parts
}

// Remedies is what to do. Indented lines are commands.
func (f findingView) Remedies() (blocks []block) {
	for line := range strings.Lines(f.Remedy) {
		line = strings.TrimRight(line, " \r\n")
		code := strings.TrimLeft(line, " \t") != line
		last := len(blocks) - 1
		switch {
		case line == "":
		case code && last >= 0 && blocks[last].Code:
			blocks[last].Text += "\n" + plain.Text(strings.TrimPrefix(line, "    "))
		default:
			blocks = append(blocks, block{plain.Text(strings.TrimPrefix(line, "    ")), code})
		}
	}
	return blocks
}

// Section is the runbook's section of the finding as HTML. The runbook is ours; Markdown's own HTML is left out all the same.
func (f findingView) Section() template.HTML {
	_, id, _ := strings.Cut(f.Link, "#")
	text, ok := diagnose.Section(id)
	if !ok {
		return ""
	}
	_, text, _ = strings.Cut(text, "\n") // the heading
	var b strings.Builder
	if goldmark.Convert([]byte(text), &b) != nil {
		return ""
	}
	return template.HTML(b.String())
}

// SectionName is what `scripts/smoke runbook` calls the section.
func (f findingView) SectionName() string {
	_, id, _ := strings.Cut(f.Link, "#")
	return plain.Line(id)
}
