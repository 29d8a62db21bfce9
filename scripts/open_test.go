package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/report/reporttest"
)

func TestARunLeavesAPageAndAnArchive(t *testing.T) {
	dir, _, _ := recorded(t)
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "FAIL")
	assert.Contains(t, string(page), "upstream-")
	archive, err := os.ReadFile(filepath.Join(dir, "network.har"))
	require.NoError(t, err)
	assert.Contains(t, string(archive), `"status":502`)
}

// fakeBrowser puts an xdg-open on the PATH that notes what it was given.
func fakeBrowser(t *testing.T) (noted string) {
	dir := t.TempDir()
	noted = filepath.Join(dir, "opened")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\nprintf %s \"$1\" > "+noted+"\n"), 0o755))
	t.Setenv("PATH", dir)
	return noted
}

func TestOpenShowsTheReport(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10)
	require.NoError(t, report.WritePages(dir, r, nil))
	code, out, problems := call(t, "open", dir)
	require.Equal(t, 0, code, problems)
	assert.Equal(t, filepath.Join(dir, "report.html")+"\n", out, "without a screen the path is printed")
	_, again, _ := call(t, "open", "--out", dir)
	assert.Equal(t, out, again)
}

func TestOpenWritesThePageOfAKilledRun(t *testing.T) {
	dir := t.TempDir()
	reporttest.Write(t, dir, 10)
	path := filepath.Join(dir, "report.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(b), `"ended":"normal"`, `"ended":"running"`, 1)), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.html"), []byte("of the beginning"), 0o644))
	code, _, problems := call(t, "open", dir)
	require.Equal(t, 0, code, problems)
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "it has not ended")
	assert.Contains(t, string(page), "chunk.3.js", "what was recorded is in it")
}

func TestOpenWithoutAReport(t *testing.T) {
	code, _, problems := call(t, "open", t.TempDir())
	assert.Equal(t, report.ExitNothing, code)
	assert.Contains(t, problems, "there is no report to open")
	code, _, problems = call(t, "open", "a", "b")
	assert.Equal(t, report.ExitNothing, code)
	assert.Contains(t, problems, "one argument at most")
}

func TestOpenHandsThePathToTheDesktop(t *testing.T) {
	noted := fakeBrowser(t)
	p := &program{environ: []string{"DISPLAY=:0"}}
	require.NoError(t, p.browse("/tmp/a report.html"))
	b, err := os.ReadFile(noted)
	if os.IsNotExist(err) {
		t.Skip("this system opens files otherwise")
	}
	require.NoError(t, err)
	assert.Equal(t, "/tmp/a report.html", string(b))
}

func TestCompareSaysWhatDiffers(t *testing.T) {
	dir, _, _ := recorded(t)
	code, out, problems := call(t, "compare", dir, filepath.Join(dir, "report.json"))
	require.Equal(t, 0, code, problems)
	assert.Contains(t, out, "nothing differs")
	other := t.TempDir()
	reporttest.Write(t, other, 3)
	code, out, problems = call(t, "compare", dir, other)
	require.Equal(t, 0, code, problems)
	assert.Contains(t, out, "is only in the second run: fail")
	code, _, problems = call(t, "compare", dir)
	assert.Equal(t, report.ExitNothing, code)
	assert.Contains(t, problems, "compare wants two arguments")
	code, _, problems = call(t, "compare", dir, t.TempDir())
	assert.Equal(t, report.ExitNothing, code)
	assert.Contains(t, problems, "cannot be read")
}

func TestTheNextRunSaysWhoAnswersNow(t *testing.T) {
	product := "nginx/1.26.0"
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", product)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>" + product + "</center>\r\n"))
	}))
	defer host.Close()
	dir, state := t.TempDir(), t.TempDir()
	run := func() (screen string) {
		code, screen, problems := call(t, "run", "--binder", host.URL, "--hub", host.URL+"/hub/", "--out", dir, "--state", state, "--scenarios", "binder-host/page")
		require.Equal(t, 1, code, problems)
		return strings.Join(strings.Fields(screen), " ")
	}
	assert.NotContains(t, run(), "changed:")
	assert.NotContains(t, run(), "changed:")
	product = "nginx/1.28.0"
	const told = "the ingress of the binder host now answers as nginx/1.28.0, before: nginx/1.26.0"
	assert.Contains(t, run(), "changed: "+told)
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), told)
	assert.NotContains(t, run(), "changed:")
}
