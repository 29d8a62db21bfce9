package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/reporttest"
)

func content(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(b)
}

func TestPagesAreOfThisRunFromItsFirstMoment(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	require.NoError(t, os.WriteFile(filepath.Join(dir, pageName), []byte("of another run"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, harName), []byte("of another run"), 0o644))
	p := NewPages(dir, nil)
	begun := r
	begun.Verdict, begun.Ended = smoke.Running, smoke.EndedRunning
	p.Observe(smoke.Event{Kind: smoke.RunStarted, Snapshot: func() smoke.Result { return begun }})
	require.NoError(t, p.Err())
	assert.Contains(t, content(t, dir, pageName), "RUNNING")
	assert.NoFileExists(t, filepath.Join(dir, harName))

	p.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: func() smoke.Result { return r }})
	require.NoError(t, p.Err())
	assert.Contains(t, content(t, dir, pageName), "FAIL")
	assert.Contains(t, content(t, dir, harName), "chunk.3.js")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 4, "nothing temporary is left")
}

func TestPagesCannotFailARun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	p := NewPages(file, nil)
	p.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: func() smoke.Result { return smoke.Result{} }})
	require.Error(t, p.Err())
	p.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: func() smoke.Result { panic("a defect") }})
	require.ErrorContains(t, p.Err(), "a defect")
}

func TestPagesOfARunThatWasToldToEndAreWrittenInHaste(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	require.NoError(t, writePages(dir, r, nil, 0))
	assert.Contains(t, content(t, dir, pageName), "scripts/smoke open writes it")
	assert.NotContains(t, content(t, dir, harName), "chunk.3.js")
}

func TestOfManyTargetsThoseThatPassedAreNotShownInDetail(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	passed := r.Targets[0]
	passed.Verdict = smoke.Pass
	for range manyTargets {
		r.Targets = append(r.Targets, passed)
	}
	require.NoError(t, WritePages(dir, r, nil))
	page := content(t, dir, pageName)
	assert.Equal(t, manyTargets, strings.Count(page, "those that passed are not shown in detail"))
	assert.Equal(t, 1, strings.Count(page, "application/json"), "that which failed is")
	assert.Equal(t, 1, strings.Count(content(t, dir, harName), `chunk.3.js?v=23757","httpVersion`))
}

// The shortest whole runs of the deployment on loopback take 17 s, and have 560 exchanges.
func TestPagesCostLittleOfARun(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 560)
	best := time.Hour
	for range 5 {
		began := time.Now()
		require.NoError(t, WritePages(dir, r, nil))
		best = min(best, time.Since(began))
	}
	assert.Less(t, best, slowness*17*time.Second*3/100)
}

func TestNoSecretIsInAnyFile(t *testing.T) {
	secrets := []string{"ready-token-0123456789abcdef", "s3cret/with+odd=chars&and spaces", "2|1:0|10:1777604400|5:_xsrf|48:abcdef", "data-jupyter-api-token-xyz987", ">>>???key>>>???0123"}
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10, secrets...)
	require.NoError(t, WritePages(dir, r, nil))
	for _, name := range []string{pageName, harName, "targets/" + reporttest.Name + "/timeline.ndjson"} {
		requireNoSecret(t, name, content(t, dir, name), secrets)
	}
}
