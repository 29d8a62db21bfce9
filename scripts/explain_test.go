package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// recorded runs the program against a host whose upstream is gone, and returns the report's directory, the report and what
// was on the screen. The host is gone then.
func recorded(t *testing.T) (dir string, r smoke.Result, screen string) {
	t.Helper()
	asked := 0
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Server", "nginx/1.22.1")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n"))
	}))
	defer host.Close()
	dir = filepath.Join(t.TempDir(), "report")
	code, screen, errors := call(t, "run", "--binder", host.URL, "--hub", host.URL+"/hub/", "--out", dir, "--state", t.TempDir(), "--scenarios", "binder-host/page,hub-host/api")
	require.Equal(t, 1, code, errors)
	require.Positive(t, asked)
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &r))
	require.NotEmpty(t, r.Targets[0].Findings)
	return dir, r, screen
}

// timelineOf is the only target's recording.
func timelineOf(t *testing.T, dir string, r smoke.Result) string {
	t.Helper()
	return filepath.Join(dir, "targets", r.Targets[0].Name, timelineName)
}

func TestARecordingIsExplainedAsTheRunWas(t *testing.T) {
	dir, r, screen := recorded(t)
	file := timelineOf(t, dir, r)
	for name, path := range map[string]string{"report": dir, "timeline": file, "the target's directory": filepath.Dir(file)} {
		t.Run(name, func(t *testing.T) {
			again, _, err := explained(path)
			require.NoError(t, err)
			require.Len(t, again.Targets, 1)
			assert.Equal(t, r.Targets[0].Findings, again.Targets[0].Findings)
			assert.Equal(t, hopsOf(r.Targets[0]), hopsOf(again.Targets[0]))
			assert.Equal(t, smoke.Failed, again.Targets[0].Verdict)

			code, out, _ := call(t, "explain", path)
			assert.Equal(t, 0, code)
			for _, line := range findingLines(screen) {
				assert.Contains(t, out, line)
			}
			assert.NotContains(t, out, "has no end")
		})
	}
	_, out, _ := call(t, "explain", file)
	assert.Contains(t, strings.Join(strings.Fields(out), ""), strings.Join(strings.Fields(file), ""), "it names the file itself as the evidence")
	_, out, _ = call(t, "explain", dir)
	assert.Contains(t, out, "not tried: ", "the report knows what did not run")
}

// hopsOf are the routes without what was measured: a file keeps microseconds.
func hopsOf(t smoke.TargetResult) (lines []string) {
	for _, r := range t.Route {
		lines = append(lines, r.String())
	}
	return lines
}

// findingLines are those lines of the screen that say what is broken.
func findingLines(screen string) (lines []string) {
	for line := range strings.Lines(screen) {
		for _, label := range []string{"  1. fail", "     cause ", "     answered ", "     got ", "     suspects ", "  route to "} {
			if strings.HasPrefix(line, label) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func TestAKilledRunIsExplained(t *testing.T) {
	dir, r, _ := recorded(t)
	file := timelineOf(t, dir, r)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	cut := strings.TrimSuffix(string(b), "\n")
	require.NoError(t, os.WriteFile(file, []byte(cut[:len(cut)-10]), 0o600))
	code, out, _ := call(t, "explain", file)
	assert.Equal(t, 0, code)
	text := strings.Join(strings.Fields(out), " ")
	assert.Contains(t, text, "upstream-refused")
	assert.Contains(t, text, "the last line of the recording is damaged and was passed over")
	assert.Contains(t, text, "the recording has no end")
	again, _, err := explained(file)
	require.NoError(t, err)
	assert.Equal(t, r.Targets[0].Findings, again.Targets[0].Findings)
}

func TestWhatCannotBeExplainedIsSaidInOneLine(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	line := `{"seq":1,"at":0,"client":"raw","kind":"note","data":{"name":"run","run":{"schema":1,"target":"t"}}}` + "\n"
	for want, path := range map[string]string{
		"no such file":                     filepath.Join(t.TempDir(), "none"),
		"is empty":                         write("x", "\n\n"),
		"no timeline":                      write("x", "hello\n"),
		"first line is no record":          write("x", `{"schema": 1}`+"\n"),
		"line 2 is no record":              write("x", line+"{\n"+line),
		"newer version":                    write("x", strings.Replace(line, `"schema":1`, `"schema":2`, 1)),
		"neither report.json nor timeline": filepath.Dir(write("y", "")),
		"no report of this program":        filepath.Dir(write("report.json", "[]")),
		"has no targets":                   filepath.Dir(write("report.json", `{"schema":1}`)),
		"schema 9":                         filepath.Dir(write("report.json", `{"schema":9,"targets":[]}`)),
		"which none may have":              filepath.Dir(write("report.json", `{"schema":1,"targets":[{"name":"../.."}]}`)),
		"targets/a/timeline.ndjson: no":    filepath.Dir(write("report.json", `{"schema":1,"targets":[{"name":"a"}]}`)),
	} {
		t.Run(want, func(t *testing.T) {
			code, out, said := call(t, "explain", path)
			assert.Equal(t, 78, code)
			assert.Empty(t, out)
			assert.Equal(t, 1, strings.Count(said, "\n"), said)
			assert.Contains(t, said, want)
			assert.Contains(t, said, "cannot be explained")
		})
	}
	for _, args := range [][]string{{"explain"}, {"explain", "a", "b"}} {
		code, _, said := call(t, args...)
		assert.Equal(t, 78, code)
		assert.Contains(t, said, "one argument")
	}
}

// A recording of an older version, or one whose beginning was lost, does not say what it is of.
func TestARecordingWithoutABeginning(t *testing.T) {
	dir, r, _ := recorded(t)
	file := timelineOf(t, dir, r)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(b), "\n")
	require.NoError(t, os.WriteFile(file, []byte(rest), 0o600))
	again, _, err := explained(file)
	require.NoError(t, err)
	assert.Equal(t, "recording", again.Targets[0].Name)
	assert.Equal(t, r.Targets[0].Findings[0].Cause, again.Targets[0].Findings[0].Cause)
}
