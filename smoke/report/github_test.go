package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/state"
)

// command is a workflow command as GitHub's runner reads it from a line.
type command struct{ name, title, data string }

// runner reads what a step prints as GitHub's runner does (Runner.Common/ActionCommand.cs), except that it takes every name
// for that of a command.
func runner(printed string) (commands []command) {
	for line := range strings.FieldsFuncSeq(printed, func(r rune) bool { return r == '\n' || r == '\r' }) {
		v2, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::")
		if head, data, closed := strings.Cut(v2, "::"); ok && closed {
			name, properties, _ := strings.Cut(head, " ")
			title := strings.TrimPrefix(properties, "title=")
			commands = append(commands, command{name, unescape(title, "%3A", ":", "%2C", ","), unescape(data)})
			continue
		}
		if _, v1, ok := strings.Cut(line, "##["); ok {
			if head, data, closed := strings.Cut(v1, "]"); closed {
				name, _, _ := strings.Cut(head, " ")
				commands = append(commands, command{name: name, data: data})
			}
		}
	}
	return commands
}

func unescape(s string, more ...string) string {
	return strings.ReplaceAll(strings.NewReplacer(append(more, "%0D", "\r", "%0A", "\n")...).Replace(s), "%25", "%")
}

func onGitHub(name string) string { return map[string]string{"GITHUB_ACTIONS": "true"}[name] }

func nowhere(string) string { return "" }

func TestAServersWordsCannotCommandTheRunner(t *testing.T) {
	ours := map[string]bool{"error": true, "warning": true}
	for _, words := range hostileTexts {
		r := hostile(words)
		var out bytes.Buffer
		guarded := Guard(&out, onGitHub)
		p := NewProgress(guarded, Terminal{})
		for _, name := range []string{"page", words} {
			p.Observe(smoke.Event{Kind: smoke.StepEnded, Target: words, Scenario: words, Step: name, Result: &smoke.StepResult{Verdict: smoke.Failed, Reason: words}})
		}
		_, err := guarded.Write([]byte(Screen{Out: "o"}.Render(r) + "\n" + words + "\n" + "      " + words))
		require.NoError(t, err)
		assert.Empty(t, runner(out.String()), "%.80q", words)
		assert.Empty(t, runner(GuardText(words, onGitHub)))

		out.Reset()
		Annotate(&out, r)
		annotateDeath(&out, words)
		for _, c := range runner(out.String()) {
			assert.True(t, ours[c.name], "%q of %.80q", c.name, words)
		}
		assert.Len(t, strings.Split(strings.TrimSpace(out.String()), "\n"), len(runner(out.String())), "nothing but annotations")
	}
}

func TestTheGuardKeepsTheLineOverWrites(t *testing.T) {
	for given, want := range map[string]string{
		"::error::x": ": :error::x", "  \t::error::x": "  \t: :error::x", "a ::b": "a ::b", "a\n::b": "a\n: :b", "a\r::b": "a\r: :b",
		"##[error]": "## [error]", "###[x]": "### [x]", "# #[x]": "# #[x]", "https://x::y": "https://x::y", "\u00a0::x": "\u00a0: :x", ": :x": ": :x",
	} {
		assert.Equal(t, want, GuardText(given, onGitHub))
		var out bytes.Buffer
		g := Guard(&out, onGitHub)
		for _, b := range []byte(given) {
			n, err := g.Write([]byte{b})
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		assert.Equal(t, want, out.String())
		assert.Equal(t, given, GuardText(given, nowhere), "elsewhere nothing is changed")
	}
}

func FuzzGuard(f *testing.F) {
	for _, words := range hostileTexts[:20] {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Empty(t, runner(GuardText(s, onGitHub)))
	})
}

func TestAnnotationsNameCauseHopAndRemedy(t *testing.T) {
	var out bytes.Buffer
	r := seed()
	r.Targets[0].Findings[1].Severity = diagnose.Warn
	Annotate(&out, r)
	assert.Equal(t, []command{
		{"error", "binder-example-org: upstream-refused (hop ingress)", "The ingress answers for BinderHub, but cannot connect to it.\nRemedy: " +
			"Compare the Service's selector with the pods' labels:\n\n    kubectl -n binder get endpoints binder\n\nand restart what has none."},
		{"warning", "binder-example-org: ws-upgrade-missing (hop ingress)", "The hub host's proxy drops the Upgrade header.\nRemedy: " +
			"Plain nginx: set proxy_http_version 1.1. Apache: ProxyPass / http://hub upgrade=websocket."},
		{"warning", "binder-example-org: notebook/launch", "inconclusive: No Chromium was found."},
		{"warning", "binder-example-org: a server may still run", "gh/binder-examples/requirements/HEAD: the hub refused to stop it"},
	}, runner(out.String()))
}

func TestARunThatIsNotGoodHasAnAnnotation(t *testing.T) {
	for _, r := range []smoke.Result{{Ended: smoke.EndedNormal, Verdict: smoke.Skipped}, {Ended: smoke.EndedSignal, Verdict: smoke.Inconclusive}} {
		var out bytes.Buffer
		Annotate(&out, r)
		require.Len(t, runner(out.String()), 1)
		assert.Equal(t, "error", runner(out.String())[0].name)
	}
	var out bytes.Buffer
	Annotate(&out, healthy())
	assert.Empty(t, out.String())
}

func TestManyAnnotationsAreCounted(t *testing.T) {
	r := seed()
	for range 30 {
		r.Targets[0].Findings = append(r.Targets[0].Findings, r.Targets[0].Findings[0])
	}
	var out bytes.Buffer
	Annotate(&out, r)
	count := map[string]int{}
	for _, c := range runner(out.String()) {
		count[c.name]++
	}
	assert.Equal(t, map[string]int{"error": 10, "warning": 2}, count)
	assert.Contains(t, out.String(), "::error title=and more::23 more are in report.json")
}

// tags are the HTML that the summary uses.
var tags = regexp.MustCompile(`</?(?:code|pre)>|&#[0-9]+;`)

// checkMarkdown reads a summary with a reader of GitHub's Markdown that is not ours, and looks for anything that steers.
func checkMarkdown(t *testing.T, source []byte, words string) (drawings []string) {
	t.Helper()
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	require.NoError(t, ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var html []byte
		switch n := n.(type) {
		case *ast.Link, *ast.AutoLink, *ast.Image, *ast.CodeSpan, *ast.Blockquote, *ast.ThematicBreak, *ast.CodeBlock, *extast.Strikethrough, *extast.TaskCheckBox:
			assert.Fail(t, n.Kind().String(), "%.80q", words)
		case *ast.RawHTML:
			html = n.Segments.Value(source)
		case *ast.HTMLBlock:
			if html = n.Lines().Value(source); n.HasClosure() {
				html = append(html, n.ClosureLine.Value(source)...)
			}
		case *ast.FencedCodeBlock:
			assert.Equal(t, "mermaid", string(n.Language(source)))
			drawings = append(drawings, string(n.Lines().Value(source)))
		}
		assert.NotContains(t, string(tags.ReplaceAll(html, nil)), "<", "%.80q", words)
		return ast.WalkContinue, nil
	}))
	return drawings
}

// chart is a line of a drawing.
var chart = regexp.MustCompile(`^(?:flowchart LR|  subgraph r\d\["to the [A-Za-z0-9 .:_/…-]* host"\]|    r\dh\d+ --> r\dh\d+|` +
	`    r\dh\d+\["[A-Za-z0-9 .:_/…-]*(?:<br/>[A-Za-z0-9 .:_/…-]+)*"\]:::(?:ok|broken|unknown)|  end|  classDef [a-z]+ [a-z0-9:,#]+)$`)

// routed is a run with the ways to both hosts, in which a server chose the name of a hop.
func routed(r smoke.Result, name string) smoke.Result {
	r.Targets[0].Route = []diagnose.Route{
		{Host: "binder", Hops: []diagnose.RouteHop{
			{Hop: diagnose.HopDNS, Name: "binder.example.org", State: diagnose.StateOK, Seconds: at(0.0123)},
			{Hop: diagnose.HopIngress, Name: name, State: diagnose.StateBroken, Cause: "upstream-refused"},
			{Hop: diagnose.HopBinderHub},
		}},
		{Host: "hub", Hops: []diagnose.RouteHop{{Hop: diagnose.HopCHP, State: diagnose.StateOK}}},
	}
	return r
}

func TestAServersWordsAreOnlyWordsInTheSummary(t *testing.T) {
	for _, words := range append(hostileTexts, "x") {
		r := hostile(words)
		r.Targets[0].Findings[0].Cause, r.Targets[0].Scenarios[0].Name = words, words
		r = routed(r, words)
		b := EncodeSummary(r, maxSummary)
		assert.Less(t, len(b), 200_000)
		drawings := checkMarkdown(t, b, words)
		require.Len(t, drawings, 1)
		for line := range strings.Lines(drawings[0]) {
			assert.Regexp(t, chart, strings.TrimSuffix(line, "\n"))
		}
		assert.NotContains(t, string(b), "@")
	}
}

func TestTheSummarySaysWhatIsBrokenWhereAndWhatToDo(t *testing.T) {
	b := EncodeSummary(routed(seed(), "nginx/1.22.1"), maxSummary)
	golden(t, "summary.md", string(b))
	checkMarkdown(t, b, "")
	assert.NotContains(t, string(EncodeSummary(healthy(), maxSummary)), "###", "what is well needs no section")
}

func TestTheSummaryIsBounded(t *testing.T) {
	r := seed()
	for range 3000 {
		r.Targets = append(r.Targets, r.Targets[0])
	}
	b := EncodeSummary(r, maxSummary)
	assert.LessOrEqual(t, len(b), maxSummary)
	assert.Greater(t, len(b), maxSummary*9/10)
	assert.Contains(t, string(b), "parts did not fit here")
	checkMarkdown(t, b, "")
	assert.LessOrEqual(t, len(EncodeSummary(r, 100)), 100, "there may be no room at all")
}

func TestTheSummaryFollowsTheRunAndKeepsWhatOthersWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	require.NoError(t, os.WriteFile(path, []byte("# Deploy"), 0o600))
	s, err := NewSummary(path)
	require.NoError(t, err)
	tell := func(kind smoke.EventKind, v smoke.Verdict) string {
		s.Observe(smoke.Event{Kind: kind, Snapshot: func() smoke.Result { return oneStep(v) }})
		require.NoError(t, s.Err())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(b)
	}
	assert.Regexp(t, "^# Deploy\n\n## binderhub-smoke: RUNNING\n", tell(smoke.RunStarted, smoke.Running))
	ended := tell(smoke.RunEnded, smoke.Failed)
	assert.Regexp(t, "^# Deploy\n\n## binderhub-smoke: FAIL\n", ended)
	assert.NotContains(t, ended, "RUNNING")
	require.NoError(t, os.WriteFile(path, []byte(ended+"another's"), 0o600))
	assert.Contains(t, tell(smoke.RunEnded, smoke.Pass), "another's\n\n## binderhub-smoke: PASS")
}

func TestARunThatDiedTellsGitHub(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	getenv := func(name string) string {
		return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path}[name]
	}
	var out bytes.Buffer
	require.NoError(t, Died(t.TempDir(), "smoke.yaml:3: <b>no</b>\nand more", &out, getenv))
	assert.Equal(t, []command{{"error", "binderhub-smoke did not run", "smoke.yaml:3: <b>no</b>\nand more"}}, runner(out.String()))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(b), "did not run")
	checkMarkdown(t, b, "")
}

func TestEveryOutputIsThereAtEveryEnd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "summary")
	getenv := func(name string) string {
		return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path}[name]
	}
	known, _, err := state.Open(t.Context(), filepath.Join(dir, "state"))
	require.NoError(t, err)
	var out bytes.Buffer
	o, err := NewOutputs(smoke.Settings{Out: filepath.Join(dir, "out")}, known, &out, getenv)
	require.NoError(t, err)
	interrupted := seed()
	interrupted.Ended = smoke.EndedSignal
	for _, kind := range []smoke.EventKind{smoke.RunStarted, smoke.TargetEnded, smoke.RunEnded} {
		o.Observe(smoke.Event{Kind: kind, Snapshot: func() smoke.Result { return interrupted }})
	}
	require.NoError(t, o.Close(interrupted))
	assert.FileExists(t, filepath.Join(dir, "out", "junit.xml"))
	assert.FileExists(t, filepath.Join(dir, "out", "metrics.prom"))
	assert.FileExists(t, path)
	assert.Len(t, runner(out.String()), 4)

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "out")))
	o.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: seed})
	require.Error(t, o.Close(seed()))
}

func BenchmarkSummary(b *testing.B) {
	for b.Loop() {
		EncodeSummary(seed(), maxSummary)
	}
}

// What a step ends with must not wait for the outputs.
func BenchmarkOutputsOfAStep(b *testing.B) {
	known, _, err := state.Open(b.Context(), b.TempDir())
	require.NoError(b, err)
	o, err := NewOutputs(smoke.Settings{Out: b.TempDir()}, known, nil, nowhere)
	require.NoError(b, err)
	for b.Loop() {
		o.Observe(smoke.Event{Kind: smoke.StepEnded, Result: &smoke.StepResult{Verdict: smoke.Pass}, Snapshot: seed})
	}
}
