package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// elements is what the schemas of Apache Ant's reports and of Jenkins' xUnit plugin (junit-10.xsd) both allow, and Ant's
// demands: for each element its attributes, and its children in their order. Only flakyFailure is unknown to Ant's.
var elements = map[string]struct{ attributes, children []string }{
	"testsuites": {nil, []string{"testsuite"}},
	"testsuite": {
		[]string{"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"},
		[]string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties":   {nil, []string{"property"}},
	"property":     {[]string{"name", "value"}, nil},
	"testcase":     {[]string{"name", "classname", "time"}, []string{"failure", "flakyFailure", "skipped", "error"}},
	"failure":      {[]string{"message", "type"}, nil},
	"error":        {[]string{"message", "type"}, nil},
	"skipped":      {[]string{"message"}, nil},
	"flakyFailure": {[]string{"message", "type"}, []string{"stackTrace"}},
	"stackTrace":   {}, "system-out": {}, "system-err": {},
}

// checkElements holds a report against elements.
func checkElements(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	type parent struct {
		name string
		at   int // index of the last child's name
	}
	path := []parent{{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			up := &path[len(path)-1]
			if up.name != "" {
				at := slices.Index(elements[up.name].children, token.Name.Local)
				require.GreaterOrEqual(t, at, up.at, "%s in %s", token.Name.Local, up.name)
				up.at = at
			}
			var names []string
			for _, a := range token.Attr {
				names = append(names, a.Name.Local)
			}
			require.ElementsMatch(t, elements[token.Name.Local].attributes, names, token.Name.Local)
			path = append(path, parent{name: token.Name.Local})
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
	for _, r := range string(b) {
		require.True(t, r == '\t' || r == '\n' || r == '\r' || (r >= 0x20 && r <= 0xd7ff) || (r >= 0xe000 && r <= 0xfffd) || r >= 0x10000, "%q is no character of XML 1.0", r)
	}
}

// ingest reads a report with a reader that is not ours.
func ingest(t *testing.T, r smoke.Result, flakyFails bool) map[string]junit.Test {
	t.Helper()
	b, err := JUnit(r, flakyFails)
	require.NoError(t, err)
	return ingestBytes(t, b)
}

func ingestBytes(t *testing.T, b []byte) map[string]junit.Test {
	t.Helper()
	checkElements(t, b)
	suites, err := junit.Ingest(b)
	require.NoError(t, err)
	all := map[string]junit.Test{}
	for _, s := range suites {
		assert.NotEmpty(t, s.Tests, s.Name)
		for _, c := range s.Tests {
			assert.Equal(t, s.Name, c.Classname)
			assert.NotContains(t, all, c.Classname+"/"+c.Name)
			all[c.Classname+"/"+c.Name] = c
		}
	}
	return all
}

func statuses(all map[string]junit.Test) map[string]junit.Status {
	out := map[string]junit.Status{}
	for name, c := range all {
		out[name] = c.Status
	}
	return out
}

func TestEveryStepIsACase(t *testing.T) {
	all := ingest(t, seed(), false)
	assert.Equal(t, map[string]junit.Status{
		"binder-example-org.binder-host/page":   junit.StatusFailed,
		"binder-example-org.binder-host/health": junit.StatusSkipped,
		"binder-example-org.hub-host/api":       junit.StatusPassed,
		"binder-example-org.hub-host/upgrade":   junit.StatusFailed,
		"binder-example-org.notebook/launch":    junit.StatusError,
		"binder-example-org.run/left running 1": junit.StatusFailed,
	}, statuses(all))
	page := all["binder-example-org.binder-host/page"]
	assert.Equal(t, 310*time.Millisecond, page.Duration)
	assert.Equal(t, "The ingress answers for BinderHub, but cannot connect to it.", page.Message)
	for _, want := range []string{"cause: upstream-refused", "hop ingress", "kubectl -n binder get endpoints", "runbook.md#upstream-refused", "scripts/smoke runbook upstream-refused"} {
		assert.Contains(t, page.Error.Error(), want)
	}
	assert.Equal(t, "blocked: needs page", all["binder-example-org.binder-host/health"].Message)
}

func TestAHealthyRunIsGreen(t *testing.T) {
	for name, c := range ingest(t, healthy(), false) {
		assert.Contains(t, []junit.Status{junit.StatusPassed, junit.StatusSkipped}, c.Status, name)
	}
}

// oneStep is a run of one target with one step of a verdict.
func oneStep(v smoke.Verdict) smoke.Result {
	r := healthy()
	r.Verdict, r.Targets[0].Verdict, r.Targets[0].Scenarios[0].Verdict = v, v, v
	r.Targets[0].Scenarios[0].Steps = []smoke.StepResult{{Name: "execute", Verdict: v, Reason: "why"}}
	return r
}

// Whoever reads junit.xml alone must see what the exit code says.
func TestTheReportIsAsRedAsTheExitCode(t *testing.T) {
	noCell := healthy()
	noCell.Verdict, noCell.Targets[0].Verdict = smoke.Inconclusive, smoke.Inconclusive
	interrupted := healthy()
	interrupted.Verdict, interrupted.Ended = smoke.Inconclusive, smoke.EndedSignal
	runs := map[string]smoke.Result{
		"seed": seed(), "healthy": healthy(), "no cell": noCell, "interrupted": interrupted,
		"no targets": {Ended: smoke.EndedNormal, Verdict: smoke.Skipped}, "begun": {Ended: smoke.EndedRunning, Verdict: smoke.Running},
	}
	for _, v := range []smoke.Verdict{smoke.Pass, smoke.Failed, smoke.Flaky, smoke.Blocked, smoke.Inconclusive, smoke.Skipped, smoke.Running} {
		runs[string(v)] = oneStep(v)
	}
	for name, r := range runs {
		for _, flakyFails := range []bool{false, true} {
			red := false
			for _, c := range ingest(t, r, flakyFails) {
				red = red || c.Status == junit.StatusFailed || c.Status == junit.StatusError
			}
			assert.Equal(t, ExitCode(r, flakyFails, nil) != ExitPass, red, "%s %v", name, flakyFails)
		}
	}
}

func TestAFlakyStepIsShownAsSurefireDoes(t *testing.T) {
	b, err := JUnit(oneStep(smoke.Flaky), false)
	require.NoError(t, err)
	checkElements(t, b)
	assert.Contains(t, string(b), `<flakyFailure message="why" type="flaky">`)
}

func TestAWarningIsInItsSuitesOutput(t *testing.T) {
	r := healthy()
	r.Targets[0].Findings = seed().Targets[0].Findings[:1]
	r.Targets[0].Findings[0].Severity = "warn"
	r.Targets[0].Scenarios[0].Steps[0].Finding = r.Targets[0].Findings[0].Key
	all := ingest(t, r, false)
	assert.Equal(t, junit.StatusPassed, all["a.kernel/execute"].Status)
	b, err := JUnit(r, false)
	require.NoError(t, err)
	assert.Contains(t, string(b), "<system-out>warning: The ingress answers for BinderHub")
}

func TestARunThatDiedIsRed(t *testing.T) {
	b, err := junitDeath("SMOKE_UI must be on or off; got \"maybe\"\nsecond", time.Now())
	require.NoError(t, err)
	all := ingestBytes(t, b)
	require.Len(t, all, 1)
	assert.Equal(t, junit.StatusError, all["run/start"].Status)
	assert.Contains(t, all["run/start"].Error.Error(), "second")
}

func TestAServersWordsCannotBreakTheXML(t *testing.T) {
	for _, text := range hostileTexts {
		b, err := JUnit(hostile(text), false)
		require.NoError(t, err)
		checkElements(t, b)
		assert.Less(t, len(b), 60_000)
	}
}

func BenchmarkJUnit(b *testing.B) {
	for b.Loop() {
		_, err := JUnit(seed(), false)
		require.NoError(b, err)
	}
}

// hostileTexts are what a server may say to steer whoever shows it.
var hostileTexts = []string{
	"\x1b[2J\x1b[H\x1b]0;title\x07", "\u009b31m", "a\rb", "a\nb\x00c", "\u202egnp.exe", "\u2066x\u2069", "\x7f\x08\x08", "\xff\xfe", "\ufffe\uffff",
	"]]></failure><testcase name=\"x\"/>", "<!--", "&amp;&#0;", "\"><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</pre></code><b>x</b>",
	"::set-output name=verdict::pass", "\n::stop-commands::x", " \u00a0::error::x", "##[set-env name=PATH]/tmp", "a ##[stop-commands]x", "%0A::error::x", "::add-mask::s",
	"| a | b |\n| - | - |", "```\n# title", "`x` **bold** [x](javascript:alert(1)) ![x](http://x.example/y.png)", "@everyone #1 https://x.example www.x.example :smile:",
	"\"]; click s0 \"javascript:alert(1)\"", "%%{init: {}}%%", "-->\n  subgraph x", strings.Repeat("x", 100_000), strings.Repeat("<&@ ", 50_000),
}
