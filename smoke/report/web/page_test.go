package web

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/reporttest"
	"binderhub-smoke/smoke/wire"
)

// built is the page of a report directory.
func built(t *testing.T, dir string, r smoke.Result) string {
	t.Helper()
	b := NewBuilder(r, func(string, string, string) (time.Duration, int) { return 10 * time.Second, 20 })
	for i := range r.Targets {
		b.Add(evidence.Read(dir, r, i))
	}
	page, err := b.Render()
	require.NoError(t, err)
	return string(page)
}

// elements are the elements of a page by their names, with their attributes and what text is in them.
func elements(t *testing.T, page string) map[string][]*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	all := map[string][]*html.Node{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all[n.Data] = append(all[n.Data], n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestTheFirstScreenSaysWhatIsBroken(t *testing.T) {
	dir := t.TempDir()
	page := built(t, dir, reporttest.Write(t, dir, 10))
	for _, text := range []string{
		"FAIL", "The deployment is broken.", "The ingress answers for BinderHub, but cannot connect to it.", "selector-overmatch",
		"kubectl -n binder get endpoints binder", "Route to the binder host: you", "✗ ingress", "upstream-refused", "median of 20 runs: 10.0 s",
		"0.3 s of 20.0 s", "launch 3.1 × the median of 20 runs", "terminal (needs launch)", "launching 12.0 s", "proved 60 ms into the run, told 10 ms later",
	} {
		assert.Contains(t, page, text)
	}
	assert.Contains(t, page, "Confirm", "the runbook's section is in the page")
	assert.Less(t, strings.Index(page, "<h1>"), strings.Index(page, "<svg"), "the verdict comes first")
	assert.Less(t, strings.Index(page, "<svg"), strings.Index(page, "Findings"), "then the route, then the findings")
}

func TestNothingThatAServerSaysIsMarkup(t *testing.T) {
	dir := t.TempDir()
	page := built(t, dir, reporttest.Write(t, dir, 10))
	all := elements(t, page)
	require.Len(t, all["script"], 2, "our script, and the data")
	assert.Equal(t, "application/json", attribute(all["script"][0], "type"))
	for _, img := range all["img"] {
		assert.True(t, strings.HasPrefix(attribute(img, "src"), "data:image/"))
	}
	for name, nodes := range all {
		for _, n := range nodes {
			for _, a := range n.Attr {
				assert.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style", "%s has %s", name, a.Key)
			}
		}
	}
	for _, c := range []string{"\u202e", "\x1b", "\x07"} {
		assert.NotContains(t, page, c, "it would turn or command")
	}
	for _, foreign := range []string{"iframe", "object", "embed", "base", "form", "link"} {
		assert.Empty(t, all[foreign], foreign)
	}
}

func TestThePolicyRunsOurOwnOnly(t *testing.T) {
	dir := t.TempDir()
	all := elements(t, built(t, dir, reporttest.Write(t, dir, 10)))
	policy := ""
	for _, m := range all["meta"] {
		if attribute(m, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(m, "content")
		}
	}
	require.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	assert.NotContains(t, policy, "http")
	assert.Contains(t, policy, "style-src '"+hash(all["style"][0].FirstChild.Data)+"'")
	assert.Contains(t, policy, "script-src '"+hash(all["script"][1].FirstChild.Data)+"'")
}

// dataOf is the first target's block of data.
func dataOf(t *testing.T, page string) data {
	t.Helper()
	var d data
	require.NoError(t, json.Unmarshal([]byte(elements(t, page)["script"][0].FirstChild.Data), &d))
	return d
}

func TestTheTimelineHoldsBothClientsOnOneClock(t *testing.T) {
	dir := t.TempDir()
	d := dataOf(t, built(t, dir, reporttest.Write(t, dir, 10)))
	clients := map[wire.Client]int{}
	for i, r := range d.Rows {
		clients[r.Client]++
		if i > 0 {
			assert.GreaterOrEqual(t, r.Begin, d.Rows[i-1].Begin)
		}
	}
	assert.Equal(t, map[wire.Client]int{wire.Raw: 2, wire.Browser: 9, wire.Probe: 1}, clients)
	first := d.Rows[0]
	assert.Equal(t, 502, first.Status)
	assert.True(t, first.Proves)
	var phases wire.Seconds
	for _, p := range first.Phases {
		phases += p
	}
	assert.Equal(t, first.End-first.Begin, phases, "the phases add up")
	var shown detail
	require.NoError(t, json.Unmarshal(d.Details["1"], &shown))
	assert.Contains(t, shown.Body, `\x1b]0;owned`)
	assert.Contains(t, shown.TLS[1], "CN=R3")
}

func TestTheTargetsThatPassedComeLast(t *testing.T) {
	page := built(t, t.TempDir(), smoke.Result{Verdict: smoke.Failed, Targets: []smoke.TargetResult{{Name: "well", Verdict: smoke.Pass}, {Name: "ill", Verdict: smoke.Failed}}})
	assert.Less(t, strings.Index(page, `id="target-1"`), strings.Index(page, `id="target-0"`))
	assert.Less(t, strings.Index(page, `href="#target-1"`), strings.Index(page, `href="#target-0"`))
}

func TestAPageStaysSmall(t *testing.T) {
	large := reporttest.Large(5000)
	b := NewBuilder(smoke.Result{Targets: []smoke.TargetResult{large.Result}}, nil)
	b.Add(large)
	page, err := b.Render()
	require.NoError(t, err)
	assert.Less(t, len(page), 5<<20)
	assert.Len(t, dataOf(t, string(page)).Rows, 5000)
	assert.False(t, strings.Contains(string(page), "without details"))

	block, shown := encode(large, 1100<<10)
	assert.Less(t, len(block), 1200<<10)
	assert.Regexp(t, regexp.MustCompile(`^Of 5000 exchanges \d{4} are shown, \d+ of them without details`), shown)
	assert.True(t, strings.Contains(string(block), `"details":{"1":{`), "what proves a finding keeps its details")

	_, shown = encode(reporttest.Large(maxRows+1), maxData)
	assert.Contains(t, shown, "Of 6001 exchanges 6000 are shown")
	block, shown = encode(large, minData)
	assert.Less(t, len(block), 2*minData)
	assert.Regexp(t, `^Of 5000 exchanges \d\d\d are shown`, shown)
}

func TestManyScreenshotsAreMadeSmaller(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	steps := &r.Targets[0].Scenarios[1].Steps
	for range 30 {
		*steps = append(*steps, (*steps)[0])
	}
	v := &targetView{TargetResult: r.Targets[0], evidence: evidence.Target{Root: dir}}
	info, err := os.Stat(v.file((*steps)[0].Screenshot))
	require.NoError(t, err)
	limit := int(info.Size()) / 2
	v.illustrate(limit, 5)
	require.Len(t, v.pictures, 1)
	assert.LessOrEqual(t, v.pictureBytes, limit)
	for _, u := range v.pictures {
		assert.True(t, strings.HasPrefix(string(u), "data:image/jpeg;base64,"))
	}
	v.pictureBytes = 0
	v.illustrate(10, 5)
	assert.Empty(t, v.pictures)
	(*steps)[0].Screenshot = "../../etc/passwd"
	assert.Empty(t, v.file((*steps)[0].Screenshot), "a report leads nowhere else")
}

func TestThePageOfARunThatDidNotBegin(t *testing.T) {
	page, err := RenderDeath("SMOKE_BINDER: must be a URL; got <b>", time.Now())
	require.NoError(t, err)
	assert.Contains(t, string(page), "DID NOT RUN")
	assert.Contains(t, string(page), "got &lt;b&gt;")
}

func TestAPageOfARunWithoutARecording(t *testing.T) {
	dir := t.TempDir()
	page := built(t, dir, smoke.Result{Verdict: smoke.Running, Ended: smoke.EndedRunning, Targets: []smoke.TargetResult{{Name: "a", Verdict: smoke.Running}}})
	assert.Contains(t, page, "RUNNING")
	assert.Contains(t, page, "there is no recording")
	assert.Contains(t, page, "it has not ended")
}
