package report

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// Summary is the observer that shows a run on the page of its GitHub workflow: Markdown in the file that
// GITHUB_STEP_SUMMARY names. What the step wrote there before stays.
type Summary struct {
	path   string
	before []byte // what was there before us
	after  []byte // the file as we left it
	err    error
}

// maxSummary bounds the file, in bytes: GitHub shows nothing at all of one that is larger than 1 MiB.
const maxSummary = 1000 << 10

// NewSummary returns the observer that writes to a file. The file may not exist yet.
func NewSummary(path string) (*Summary, error) {
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("GITHUB_STEP_SUMMARY cannot be read: %w", err)
	}
	return &Summary{path: path, before: before, after: before}, nil
}

// Err is what kept the summary from being written last, or nil. It is for after the run.
func (s *Summary) Err() error { return s.err }

// Observe writes the summary as the run stands, also while it is under way: a run that is killed leaves one.
func (s *Summary) Observe(e smoke.Event) {
	if e.Kind == smoke.StepStarted || e.Kind == smoke.StepEnded {
		return
	}
	r := e.Snapshot()
	s.write(func(limit int) []byte { return EncodeSummary(r, limit) })
}

// died writes that a run died before it had begun.
func (s *Summary) died(reason string) {
	s.write(func(limit int) []byte {
		return fmt.Appendf(nil, "## binderhub-smoke: did not run\n\n<pre>%s</pre>\n", entities(lines(bounded(reason, max(0, limit/20)))))
	})
}

// write puts ours in place of what we wrote before, unless another has written since: then it comes behind.
func (s *Summary) write(encode func(limit int) []byte) {
	if now, err := os.ReadFile(s.path); err == nil && !bytes.Equal(now, s.after) {
		s.before = now
	}
	after := bytes.Clone(s.before)
	if len(after) > 0 && !bytes.HasSuffix(after, []byte("\n\n")) {
		after = append(after, "\n\n"...)
	}
	after = append(after, encode(maxSummary-len(after))...)
	// GitHub made the file and reads this very one: it is written in place.
	s.err = os.WriteFile(s.path, after, 0o644)
	if s.err != nil {
		s.err = fmt.Errorf("GITHUB_STEP_SUMMARY cannot be written: %w", s.err)
	}
	s.after = after
}

// EncodeSummary writes a result as Markdown of at most limit bytes: the verdict, a table of the targets, and for each that
// did not pass its findings. What does not fit is counted.
func EncodeSummary(r smoke.Result, limit int) []byte {
	m := &markdown{limit: limit - 500} // room for the closing
	m.add(fmt.Sprintf("## binderhub-smoke: %s\n\n", word(r.Verdict)))
	m.add(fmt.Sprintf("%s after %s.\n\n", endedSentence(r), seconds(time.Duration(r.Seconds))))
	if len(r.Targets) > 0 {
		m.add("| target | verdict | steps passed | what is wrong |\n| --- | --- | --- | --- |\n")
	}
	for _, t := range r.Targets {
		m.add(fmt.Sprintf("| %s | %s | %s | %s |\n", code(t.Name), verdictMark(t.Verdict), passedOf(t), wrong(t)))
	}
	for _, t := range r.Targets {
		if !good(t.Verdict) || len(t.Findings)+len(t.Changes)+len(t.Leaked) > 0 {
			m.target(t)
		}
	}
	if m.dropped > 0 {
		fmt.Fprintf(m, "\n%d parts did not fit here; report.json has all.\n", m.dropped)
	}
	return m.Bytes()
}

// markdown is a summary under way.
type markdown struct {
	bytes.Buffer
	limit, dropped int
}

// add adds a part as a whole, or counts it.
func (m *markdown) add(part string) {
	if m.Len()+len(part) > m.limit {
		m.dropped++
		return
	}
	m.WriteString(part)
}

func endedSentence(r smoke.Result) string {
	switch r.Ended {
	case smoke.EndedTimeout:
		return "The run's time was over"
	case smoke.EndedSignal:
		return "The run was interrupted"
	case smoke.EndedRunning:
		return "The run has not ended"
	}
	return "The run ended"
}

var marks = map[smoke.Verdict]string{
	smoke.Pass: "✅", smoke.Failed: "❌", smoke.Flaky: "⚠️", smoke.Inconclusive: "❔", smoke.Running: "⏳",
}

func verdictMark(v smoke.Verdict) string {
	return strings.TrimSpace(marks[v] + " " + strings.ToLower(word(v)))
}

func passedOf(t smoke.TargetResult) string {
	return strings.Replace(t.StepsPassed(), " steps passed", "", 1)
}

// wrong names the causes of a target in a line.
func wrong(t smoke.TargetResult) string {
	var causes []string
	for _, f := range diagnose.WorstFirst(t.Findings) {
		causes = append(causes, code(bounded(f.Cause, 100))+" at "+code(bounded(string(f.Hop), 100)))
		if len(causes) == 5 {
			break
		}
	}
	if more := len(t.Findings) - len(causes); more > 0 {
		causes = append(causes, fmt.Sprintf("%d more", more))
	}
	return strings.Join(causes, ", ")
}

// target adds a section: the route, the findings, and what no finding explains.
func (m *markdown) target(t smoke.TargetResult) {
	m.add(fmt.Sprintf("\n### %s: %s\n\n", code(t.Name), verdictMark(t.Verdict)))
	m.add(mermaid(t))
	for _, note := range t.Notes {
		m.add("- " + code(note) + "\n")
	}
	if len(t.NotTried) > 0 {
		m.add("- not tried: " + code(notTried(t)) + "\n")
	}
	for _, l := range t.Leaked {
		m.add("- **a server may still run**: " + code(clip(l.Repository)+": "+l.Reason) + "\n")
	}
	for i, f := range diagnose.WorstFirst(t.Findings) {
		m.add(findingMarkdown(i+1, f))
	}
	for _, a := range unexplained(t) {
		m.add("- " + code(clip(a.title)+": "+a.text) + "\n")
	}
}

func findingMarkdown(n int, f diagnose.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n#### %d. %s: %s at hop %s\n\n%s\n\n", n, code(string(f.Severity)), code(f.Cause), code(string(f.Hop)), code(f.Summary))
	if f.Remedy != "" {
		fmt.Fprintf(&b, "What to do:\n\n<pre>%s</pre>\n\n", entities(lines(bounded(f.Remedy, 4*maxField))))
	}
	b.WriteString("| | |\n| --- | --- |\n")
	for _, row := range [][2]string{
		{"step", f.Scenario + "/" + f.Step}, {"answered", f.Answered}, {"URL", f.URL}, {"expected", f.Expected}, {"got", f.Got},
		{"suspects", strings.Join(f.Suspects, ", ")}, {"also", strings.Join(f.Also, ", ")}, {"runbook", runbook(f)},
	} {
		if row[1] != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], code(row[1]))
		}
	}
	return b.String()
}

// code is a text, whoever wrote it, on one line and as what it is: neither Markdown nor HTML, no mention and no link.
func code(s string) string { return "<code>" + entities(clean(clip(s))) + "</code>" }

// entities writes all that could mean something in Markdown or HTML as character references, which mean nothing but
// themselves (CommonMark 0.31, section 2.5). What only means something where a line begins stays as it is.
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("!\"#$&'*.:<>@[\\]^_`{|}~", r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
