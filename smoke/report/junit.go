package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// The elements of a JUnit report, in the order and with the attributes that the schemas of Ant's and Jenkins' readers both
// allow; <flakyFailure> is Surefire's, and Jenkins' too. The libraries that write such reports know no flaky ones.
type (
	junitReport struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Timestamp  string          `xml:"timestamp,attr"` // UTC, without a zone
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"` // seconds
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Failure *junitReason `xml:"failure"`
		Flaky   *junitFlaky  `xml:"flakyFailure"`
		Skipped *junitSkip   `xml:"skipped"`
		Error   *junitReason `xml:"error"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
	junitFlaky struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Stack   string `xml:"stackTrace"`
	}
)

// NewJUnit returns the observer that writes junit.xml into dir. With flakyFails a flaky step is a failure.
func NewJUnit(dir string, flakyFails bool) (*File, error) {
	return newFile(dir, "junit.xml", func(r smoke.Result) ([]byte, error) { return JUnit(r, flakyFails) })
}

// JUnit writes a result as JUnit XML: a suite for each target and scenario, a case for each step.
//
// A step that was skipped or blocked is skipped. One that could not be tested is an error, as is one that has not ended:
// the program's exit code is not 0 then, and whoever reads this file alone must not see green. For the same reason a
// target that came to no good although each step did, for instance because no cell ran, has a case of its own.
func JUnit(r smoke.Result, flakyFails bool) ([]byte, error) {
	j := &junitWriter{result: r, flakyFails: flakyFails}
	for _, t := range r.Targets {
		j.target(t)
	}
	if !j.red() && !good(r.Verdict) {
		j.add("", "run", nil, junitCase{Name: "verdict", Error: &junitReason{Message: whyNotGood(r), Type: word(r.Verdict)}})
	}
	return j.encode()
}

// junitDeath is the report of a run that died before it had begun.
func junitDeath(reason string, when time.Time) ([]byte, error) {
	j := &junitWriter{result: smoke.Result{Started: when}}
	j.add("", "run", nil, junitCase{Name: "start", Error: &junitReason{Message: firstLine(reason), Type: "not-started", Text: clip(reason)}})
	return j.encode()
}

// junitWriter is a report under way.
type junitWriter struct {
	result     smoke.Result
	flakyFails bool
	report     junitReport
}

func (j *junitWriter) encode() ([]byte, error) {
	b, err := xml.MarshalIndent(j.report, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

func good(v smoke.Verdict) bool { return v == smoke.Pass || v == smoke.Flaky }

// red tells whether anything in the report is.
func (j *junitWriter) red() bool {
	return slices.ContainsFunc(j.report.Suites, func(s junitSuite) bool { return s.Failures+s.Errors > 0 })
}

// whyNotGood says why a run came to no good though nothing in it did wrong.
func whyNotGood(r smoke.Result) string {
	switch {
	case r.Ended != smoke.EndedNormal && r.Ended != "":
		return fmt.Sprintf("The run has not come to its end (%s).", r.Ended)
	case r.Verdict == smoke.Skipped || r.Verdict == smoke.Blocked || r.Verdict == "":
		return "Nothing was tested."
	}
	return "The run's verdict is " + string(r.Verdict) + "."
}

// add adds a suite, unless it has no case.
func (j *junitWriter) add(target, name string, properties []junitProperty, cases ...junitCase) {
	if len(cases) == 0 {
		return
	}
	s := junitSuite{
		Name: name, Package: "binderhub-smoke", ID: len(j.report.Suites), Hostname: "localhost", Time: junitTime(0),
		Tests: len(cases), Cases: cases,
		Timestamp:  j.result.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: append(properties, junitProperty{"run_id", j.result.RunID}, junitProperty{"suite_version", j.result.SuiteVersion}),
	}
	if target != "" {
		s.Name, s.Package = target+"."+name, target
	}
	for i := range cases {
		s.count(&cases[i])
	}
	j.report.Suites = append(j.report.Suites, s)
}

// count completes a case and counts it.
func (s *junitSuite) count(c *junitCase) {
	c.Class = s.Name
	if c.Time == "" {
		c.Time = junitTime(0)
	}
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// junitTime is a duration as readers of all countries understand it: seconds, with a point and without grouping.
func junitTime(d wire.Seconds) string { return fmt.Sprintf("%.3f", time.Duration(d).Seconds()) }

func (j *junitWriter) target(t smoke.TargetResult) {
	before := len(j.report.Suites)
	properties := []junitProperty{{"target", t.Name}, {"binder", clip(t.Binder)}, {"hub", clip(t.Hub)}}
	for _, sc := range t.Scenarios {
		var cases []junitCase
		var warnings []string
		for _, st := range sc.Steps {
			f := findingOf(t, st)
			if f != nil && f.Severity == diagnose.Warn {
				warnings = append(warnings, "warning: "+clip(f.Summary)+"\n"+findingText(*f))
			}
			cases = append(cases, j.step(st, f))
		}
		j.add(t.Name, sc.Name, properties, cases...)
		if n := len(j.report.Suites); len(cases) > 0 {
			j.report.Suites[n-1].Time = junitTime(sc.Seconds)
			j.report.Suites[n-1].Out = strings.Join(warnings, "\n")
		}
	}
	j.add(t.Name, "run", properties, j.beyondSteps(t, j.report.Suites[before:])...)
}

// beyondSteps are the cases for what no step shows: servers left running, and a bad verdict of good steps.
func (j *junitWriter) beyondSteps(t smoke.TargetResult, suites []junitSuite) (cases []junitCase) {
	for i, l := range t.Leaked {
		cases = append(cases, junitCase{Name: fmt.Sprintf("left running %d", i+1), Failure: &junitReason{
			Message: fmt.Sprintf("A server of %s may still run: %s", clip(l.Repository), clip(l.Reason)), Type: "left-running",
		}})
	}
	red := slices.ContainsFunc(suites, func(s junitSuite) bool { return s.Failures+s.Errors > 0 })
	if red || len(cases) > 0 || good(t.Verdict) || t.Verdict == smoke.Skipped {
		return cases
	}
	why := fmt.Sprintf("%s: the verdict is %s", t.Name, word(t.Verdict))
	return []junitCase{{Name: "verdict", Error: &junitReason{Message: why, Type: string(t.Verdict), Text: clip(strings.Join(t.Notes, "\n"))}}}
}

func (j *junitWriter) step(st smoke.StepResult, f *diagnose.Finding) junitCase {
	c := junitCase{Name: clip(st.Name), Time: junitTime(st.Seconds)}
	reason := &junitReason{Message: firstLine(st.Reason), Type: string(st.Verdict), Text: clip(st.Reason)}
	if f != nil && f.Severity != diagnose.Warn {
		reason = &junitReason{Message: firstLine(f.Summary), Type: f.Cause, Text: findingText(*f)}
	}
	switch st.Verdict {
	case smoke.Pass:
	case smoke.Skipped, smoke.Blocked:
		c.Skipped = &junitSkip{Message: fmt.Sprintf("%s: %s", st.Verdict, firstLine(st.Reason))}
	case smoke.Failed:
		c.Failure = reason
	case smoke.Flaky:
		if j.flakyFails {
			c.Failure = reason
		} else {
			c.Flaky = &junitFlaky{Message: reason.Message, Type: reason.Type, Stack: reason.Text}
		}
	case smoke.Inconclusive:
		c.Error = reason
	default:
		c.Error = &junitReason{Message: "The step has not ended.", Type: string(smoke.Running)}
	}
	return c
}

// findingOf is the finding of a step, or nil.
func findingOf(t smoke.TargetResult, st smoke.StepResult) *diagnose.Finding {
	i := slices.IndexFunc(t.Findings, func(f diagnose.Finding) bool { return st.Finding != "" && f.Key == st.Finding })
	if i < 0 {
		return nil
	}
	return &t.Findings[i]
}

// findingText is a finding as a plain text of labelled lines.
func findingText(f diagnose.Finding) string {
	var b strings.Builder
	for _, line := range [][2]string{
		{"cause", f.Cause}, {"where", place(f)}, {"answered", f.Answered}, {"URL", f.URL}, {"expected", f.Expected}, {"got", f.Got},
		{"suspects", strings.Join(f.Suspects, ", ")}, {"remedy", f.Remedy}, {"runbook", f.Link}, {"more", runbook(f)},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], clip(line[1]))
		}
	}
	return b.String()
}

// firstLine is the beginning of a text as an attribute can hold it.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return clean(clip(line))
}
