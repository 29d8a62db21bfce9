package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// runView is what the template shows.
type runView struct {
	smoke.Result
	Views  []*targetView
	Death  string // why the run did not begin, or empty
	Now    time.Time
	Policy string
	Style  template.CSS
	Script template.JS
}

// Word is the verdict in capitals.
func (v runView) Word() string {
	if v.Death != "" {
		return "DID NOT RUN"
	}
	return strings.ToUpper(cmp.Or(string(v.Verdict), "nothing"))
}

// Class is the verdict as a class of the style sheet.
func (v runView) Class() string {
	if v.Death != "" {
		return "fail"
	}
	return cmp.Or(string(v.Verdict), "skip")
}

// meanings say what a verdict means to whoever has never read one.
var meanings = map[smoke.Verdict]string{
	smoke.Pass:         "The deployment works, from the page to a computed cell.",
	smoke.Failed:       "The deployment is broken.",
	smoke.Flaky:        "It works, but something passed only when it was repeated.",
	smoke.Inconclusive: "It could not be tested; this says nothing good or bad about the deployment.",
	smoke.Skipped:      "Nothing was tested.",
	smoke.Blocked:      "Nothing was tested.",
	smoke.Running:      "The run has not ended, or was killed.",
}

// Meaning is the verdict in a sentence.
func (v runView) Meaning() string {
	if v.Death != "" {
		return "The run ended before it had begun."
	}
	quick := slices.ContainsFunc(v.Targets, func(t smoke.TargetResult) bool { return len(t.NotTried) > 1 })
	if v.Verdict == smoke.Pass && quick {
		return "All that was tried works. What was not tried is named below."
	}
	return cmp.Or(meanings[v.Verdict], "Nothing was tested.")
}

// How says how the run ended, where it did not by itself.
func (v runView) How() string {
	return map[smoke.Ended]string{
		smoke.EndedTimeout: "its time was over", smoke.EndedSignal: "it was interrupted", smoke.EndedRunning: "it has not ended",
	}[v.Ended]
}

// Took is how long the run was.
func (v runView) Took() string { return took(v.Seconds) }

// When is the time of its beginning.
func (v runView) When() string { return v.Started.UTC().Format("2006-01-02 15:04:05 UTC") }

// Stamp is the same for machines.
func (v runView) Stamp() string { return v.Started.UTC().Format(time.RFC3339) }

// Reason is why the run did not begin.
func (v runView) Reason() string { return plain.Text(v.Death) }

// Overheads is the suite's own share of the time.
func (v runView) Overheads() string {
	if v.Overhead == nil {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100**v.Overhead)
}

// targetView is one target.
type targetView struct {
	smoke.TargetResult
	Index        int
	Data         template.JS // of the waterfall, or empty
	Shown        string      // what of the recording is not in the page, or empty
	evidence     evidence.Target
	earlier      Earlier
	pictures     map[string]template.URL // by path
	pictureBytes int
	shrunk       int                 // pictures that were made smaller, or looked at for that
	exchanges    map[wire.Client]int // with the target itself
}

// Hosts are the target's URLs.
func (t *targetView) Hosts() (all []string) {
	for _, u := range []string{t.Binder, t.TargetResult.Hub} {
		if u != "" {
			all = append(all, plain.Line(u))
		}
	}
	return all
}

// Missing is why there is no recording, or not all of it.
func (t *targetView) Missing() string { return plain.Line(t.evidence.Missing) }

// Words are notes and other texts, one line each.
func (t *targetView) Words(list []string) (lines []string) {
	for _, s := range list {
		lines = append(lines, plain.Line(s))
	}
	return lines
}

// Left are the servers that may still run.
func (t *targetView) Left() (lines []string) {
	for _, l := range t.Leaked {
		lines = append(lines, plain.Line(fmt.Sprintf("a server of %s, launched %s into the run: %s", l.Repository, took(l.At), l.Reason)))
	}
	return lines
}

// Cards are the findings, what fails first.
func (t *targetView) Cards() (cards []findingView) {
	for i, f := range diagnose.WorstFirst(t.Findings) {
		cards = append(cards, findingView{f, i + 1, t.Index})
	}
	return cards
}

// took is a time as a person reads it.
func took(s wire.Seconds) string {
	switch d := time.Duration(s); {
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f min %02.0f s", float64(d/time.Minute), (d % time.Minute).Truncate(time.Second).Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", 1000*d.Seconds())
	case d > 0 && d < 50*time.Microsecond:
		return "less than 0.1 ms"
	case d > 0:
		return fmt.Sprintf("%.1f ms", 1000*d.Seconds())
	}
	return "0 s"
}
