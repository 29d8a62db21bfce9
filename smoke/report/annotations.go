package report

import (
	"fmt"
	"io"
	"strings"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// GitHub shows ten annotations of a kind for each step of a job; what is longer than a few thousand bytes is cut.
const (
	maxAnnotations    = 10
	maxAnnotationText = 3000
)

// annotation is one workflow command that GitHub shows beside a run.
type annotation struct{ kind, title, text string }

// Annotate writes what is wrong as workflow commands, one line each: an error for what failed, a warning for what may, or
// for what could not be tested. It must write past a Guard.
func Annotate(w io.Writer, r smoke.Result) {
	annotate(w, annotations(r))
}

// annotateDeath tells of a run that died before it had begun.
func annotateDeath(w io.Writer, reason string) {
	annotate(w, []annotation{{"error", "binderhub-smoke did not run", reason}})
}

func annotate(w io.Writer, all []annotation) {
	count := map[string]int{}
	for _, a := range all {
		count[a.kind]++
	}
	written := map[string]int{}
	for _, a := range all {
		switch written[a.kind]++; {
		case written[a.kind] > maxAnnotations:
			continue
		case written[a.kind] == maxAnnotations && count[a.kind] > maxAnnotations:
			a.title, a.text = "and more", fmt.Sprintf("%d more are in report.json", count[a.kind]-maxAnnotations+1)
		}
		// What cannot be written is lost: it must not end a run that has come to a verdict.
		_, _ = fmt.Fprintf(w, "::%s title=%s::%s\n", a.kind, commandProperty(clean(a.title)), commandData(bounded(a.text, maxAnnotationText)))
	}
}

func annotations(r smoke.Result) (all []annotation) {
	for _, t := range r.Targets {
		for _, f := range diagnose.WorstFirst(t.Findings) {
			kind := "warning"
			if f.Severity == diagnose.Fail {
				kind = "error"
			}
			title := fmt.Sprintf("%s: %s (hop %s)", t.Name, f.Cause, f.Hop)
			all = append(all, annotation{kind, title, clean(f.Summary) + "\n" + "Remedy: " + lines(f.Remedy)})
		}
		all = append(all, unexplained(t)...)
	}
	if len(all) == 0 && !good(r.Verdict) {
		all = append(all, annotation{"error", "binderhub-smoke: " + word(r.Verdict), whyNotGood(r)})
	}
	return all
}

// unexplained are the steps that went wrong and that no finding speaks of, what changed, and servers that were left.
func unexplained(t smoke.TargetResult) (all []annotation) {
	for _, sc := range t.Scenarios {
		for _, st := range sc.Steps {
			title := fmt.Sprintf("%s: %s/%s", t.Name, sc.Name, st.Name)
			switch {
			case st.Finding != "":
			case st.Verdict == smoke.Failed:
				all = append(all, annotation{"error", title, clean(st.Reason)})
			case st.Verdict == smoke.Inconclusive || st.Verdict == smoke.Flaky:
				all = append(all, annotation{"warning", title, fmt.Sprintf("%s: %s", st.Verdict, clean(st.Reason))})
			}
		}
	}
	for _, change := range t.Changes {
		all = append(all, annotation{"warning", t.Name + ": changed since earlier runs", clean(change)})
	}
	for _, l := range t.Leaked {
		all = append(all, annotation{"warning", t.Name + ": a server may still run", clean(l.Repository + ": " + l.Reason)})
	}
	return all
}

// lines is a text of several lines, each clean.
func lines(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		out = append(out, strings.Repeat(" ", indent)+clean(line))
	}
	return strings.Join(out, "\n")
}

// bounded keeps at most n bytes of a text.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// The escapes are those that the runner undoes, in data and in the values of properties (Runner.Common/ActionCommand.cs).
// It also looks for the older form of a command in every line, but only where this one does not fit.
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func commandData(s string) string     { return dataEscapes.Replace(s) }
func commandProperty(s string) string { return propertyEscapes.Replace(s) }
