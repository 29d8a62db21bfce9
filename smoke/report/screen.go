package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// Screen is what a run's end shows: for each target the verdict, then what is broken, where, who answered, what to do and
// where the proof is. It is written for a person woken at night, in a terminal of 80 columns.
type Screen struct {
	Terminal Terminal
	Out      string // directory of the report, as the reader writes it
	Timeline string // of the only target, where it is not in the report's directory
}

// labels are as wide as this, with the space behind.
const labelWidth = 9

// maxField bounds one field, in bytes: a server's words may be in it.
const maxField = 1200

// page is a screen under way.
type page struct {
	strings.Builder
	Screen
	columns int
}

// Render writes the screen.
func (s Screen) Render(r smoke.Result) string {
	p := s.page()
	p.targets(r.Targets)
	p.closing(r)
	return p.String()
}

// Targets writes the screen without its last line, for what was recorded earlier.
func (s Screen) Targets(r smoke.Result) string {
	p := s.page()
	p.targets(r.Targets)
	return p.String()
}

// targets shows those last that are not well: of many only the end of the screen is seen.
func (p *page) targets(all []smoke.TargetResult) {
	for _, well := range []bool{true, false} {
		for _, t := range all {
			if good(t.Verdict) == well {
				p.target(t)
			}
		}
	}
}

func (s Screen) page() *page {
	return &page{Screen: s, columns: min(max(s.Terminal.width(80), 60), 100)}
}

// hanging writes a text behind its beginning, wrapped and indented below it. Without a text it writes nothing.
func (p *page) hanging(first, indent, text string) {
	lines := wrap(clip(clean(text)), p.columns-len(indent), p.columns-visible(first))
	for i, line := range lines {
		if i > 0 {
			first = indent
		}
		p.WriteString(first + line + "\n")
	}
}

func clip(s string) string {
	if len(s) <= maxField {
		return s
	}
	return strings.ToValidUTF8(s[:maxField], "") + "…"
}

// word is a verdict as the screen shows it.
func word(v smoke.Verdict) string {
	if v == "" {
		return "NOTHING"
	}
	return strings.ToUpper(string(v))
}

func (p *page) target(t smoke.TargetResult) {
	v := word(t.Verdict)
	p.hanging(p.Terminal.paint(t.Verdict, v)+" ", strings.Repeat(" ", len(v)+1), verdictLine(t))
	for _, note := range t.Notes {
		p.hanging("  note: ", "        ", note)
	}
	for _, change := range t.Changes {
		p.hanging("  changed: ", "           ", change)
	}
	for _, l := range t.Leaked {
		p.hanging("  LEFT RUNNING: ", "        ", fmt.Sprintf("a server of %s, launched %s into the run: %s", l.Repository, seconds(time.Duration(l.At)), l.Reason))
	}
	for i, f := range diagnose.WorstFirst(t.Findings) {
		p.finding(i+1, t, f)
	}
	p.routes(t)
	if len(t.Findings) > 0 {
		p.WriteString("\n")
	}
	if p.others(t) || (len(t.Findings) == 0 && t.Verdict != smoke.Pass) {
		p.WriteString("\n")
	}
}

// routes shows the way to each host on which a hop is broken.
func (p *page) routes(t smoke.TargetResult) {
	first := "\n"
	for _, r := range t.Route {
		if r.Broken() {
			p.hanging(fmt.Sprintf("%s  route to the %s host: ", first, r.Host), "     ", r.String())
			first = ""
		}
	}
}

// verdictLine is what the target came to in one sentence. It names every scenario that was not tried.
func verdictLine(t smoke.TargetResult) string {
	line := fmt.Sprintf("%s (%s): %s", t.Name, cmp.Or(t.Binder, t.Hub), t.StepsPassed())
	if len(t.NotTried) > 0 {
		line += "; not tried: " + notTried(t)
	}
	return line
}

// notTried names the scenarios of which nothing ran, and each reason once.
func notTried(t smoke.TargetResult) string {
	var reasons []string
	names := map[string][]string{}
	for _, text := range t.NotTried {
		name, reason, _ := strings.Cut(text, " ")
		if names[reason] == nil {
			reasons = append(reasons, reason)
		}
		names[reason] = append(names[reason], name)
	}
	var parts []string
	for _, reason := range reasons {
		parts = append(parts, strings.TrimSpace(strings.Join(names[reason], ", ")+" "+reason))
	}
	return strings.Join(parts, "; ")
}

var severityVerdict = map[diagnose.Severity]smoke.Verdict{
	diagnose.Fail: smoke.Failed, diagnose.Inconclusive: smoke.Inconclusive, diagnose.Warn: smoke.Flaky,
}

func (p *page) finding(n int, t smoke.TargetResult, f diagnose.Finding) {
	p.hanging(fmt.Sprintf("\n  %d. %s ", n, p.Terminal.paint(severityVerdict[f.Severity], clean(string(f.Severity)))), "     ", place(f))
	p.field("cause", f.Cause+": "+f.Summary)
	p.field("answered", f.Answered)
	p.field("URL", f.URL)
	p.field("expected", f.Expected)
	p.field("got", f.Got)
	if !slices.Equal(f.Suspects, []string{f.Cause}) {
		p.field("suspects", strings.Join(f.Suspects, ", "))
	}
	p.block("remedy", f.Remedy)
	p.field("also", strings.Join(f.Also, ", "))
	p.field("runbook", runbook(f))
	p.field("evidence", p.evidence(t, f))
}

// place says where a finding is: the step that proved it, and the hop.
func place(f diagnose.Finding) string {
	return fmt.Sprintf("%s/%s: hop %s, on the way to the %s", f.Scenario, f.Step, f.Hop, f.Role)
}

func runbook(f diagnose.Finding) string {
	if f.Link == "" {
		return ""
	}
	_, id, ok := strings.Cut(f.Link, "#")
	if !ok {
		return f.Link
	}
	return "scripts/smoke runbook " + id
}

// evidence names the timeline, the exchanges that prove the finding, and the pictures of its steps.
func (p *page) evidence(t smoke.TargetResult, f diagnose.Finding) string {
	text := cmp.Or(p.Timeline, filepath.Join(p.Out, "targets", t.Name, "timeline.ndjson"))
	for i, x := range f.Exchanges {
		switch {
		case i == 8:
			return text + ", …"
		case i == 0:
			text += fmt.Sprintf(", exchange %d", x)
		default:
			text += fmt.Sprintf(", %d", x)
		}
	}
	for _, sc := range t.Scenarios {
		for _, st := range sc.Steps {
			if st.Finding == f.Key && st.Screenshot != "" {
				text += " " + filepath.Join(p.Out, st.Screenshot)
			}
		}
	}
	return text
}

// field writes one labelled line, wrapped.
func (p *page) field(label, text string) {
	const margin = "     "
	p.hanging(fmt.Sprintf("%s%-*s", margin, labelWidth, label), margin+strings.Repeat(" ", labelWidth), text)
}

// block writes a labelled text of several lines. Indented lines are commands and settings: they stay as they are.
func (p *page) block(label, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		switch {
		case line == "":
		case label == "" && strings.TrimLeft(line, " \t") != line:
			indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			p.WriteString(strings.Repeat(" ", 5+labelWidth) + strings.ReplaceAll(indent, "\t", "    ") + clip(clean(line)) + "\n")
		default:
			for _, sentence := range sentences(line) {
				p.field(label, sentence)
				label = ""
			}
		}
	}
}

var sentenceEnd = regexp.MustCompile(`[.] ([A-Z])`)

// sentences splits a text so that each sentence begins a line: remedies have one for each product, and the reader looks
// for theirs.
func sentences(text string) []string {
	return strings.Split(sentenceEnd.ReplaceAllString(text, ".\x00$1"), "\x00")
}

// others lists the steps that did not pass and that no finding speaks of, and tells whether there were any.
func (p *page) others(t smoke.TargetResult) bool {
	before := p.Len()
	for _, sc := range t.Scenarios {
		var blocked []string
		for _, st := range sc.Steps {
			switch {
			case st.Finding != "" || st.Verdict == smoke.Pass || st.Verdict == smoke.Skipped:
			case st.Verdict == smoke.Blocked:
				blocked = append(blocked, st.Name)
			default:
				p.hanging("  "+p.Terminal.paint(st.Verdict, string(st.Verdict))+" ", "      ", fmt.Sprintf("%s/%s: %s", sc.Name, st.Name, st.Reason))
			}
		}
		if len(blocked) > 0 && len(blocked) < len(sc.Steps) {
			p.hanging("  blocked ", "      ", sc.Name+": "+strings.Join(blocked, ", "))
		}
	}
	return p.Len() > before
}

// closing says how the run ended and where its report is.
func (p *page) closing(r smoke.Result) {
	how := map[smoke.Ended]string{
		smoke.EndedTimeout: ", because its time was over (SMOKE_TIMEOUT)",
		smoke.EndedSignal:  ", because it was interrupted",
		smoke.EndedRunning: ", and has not ended",
	}[r.Ended]
	if len(r.Targets) == 0 || r.Verdict == smoke.Skipped || r.Verdict == smoke.Blocked {
		how = ": nothing was tested" + how
	}
	if n := len(r.Targets); n > 1 {
		how += fmt.Sprintf("; %d of %d targets passed", passedTargets(r), n)
	}
	text := fmt.Sprintf("after %s%s. Report: %s", seconds(time.Duration(r.Seconds)), how, filepath.Join(p.Out, "report.json"))
	v := word(r.Verdict)
	p.hanging(p.Terminal.paint(r.Verdict, v)+" ", strings.Repeat(" ", len(v)+1), text)
}

func passedTargets(r smoke.Result) (n int) {
	for _, t := range r.Targets {
		if good(t.Verdict) {
			n++
		}
	}
	return n
}
