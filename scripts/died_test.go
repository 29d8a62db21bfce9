package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cases reads junit.xml of a report: the case's name to its status.
func cases(t *testing.T, path string) map[string]junit.Status {
	t.Helper()
	suites, err := junit.IngestFile(path)
	require.NoError(t, err)
	all := map[string]junit.Status{}
	for _, s := range suites {
		for _, c := range s.Tests {
			all[s.Name+"/"+c.Name] = c.Status
		}
	}
	return all
}

func TestARunThatDoesNotBeginLeavesARedReport(t *testing.T) {
	for name, args := range map[string][]string{
		"bad settings":       {"--ui=maybe"},
		"no such flag":       {"--no-such-flag"},
		"no settings file":   {"--config=missing.yaml"},
		"no target":          {},
		"no state directory": {"--binder=https://binder.example.org", "--state=/dev/null/state"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := call(t, append(args, "--out="+out)...)
			assert.Equal(t, 78, code, stderr)
			assert.Equal(t, map[string]junit.Status{"run/start": junit.StatusError}, cases(t, filepath.Join(out, "junit.xml")))
			assert.FileExists(t, filepath.Join(out, "metrics.prom"))
		})
	}
}

func TestWithoutADirectoryTheReportIsWhereItIsByDefault(t *testing.T) {
	_, _, _ = call(t, "--out=", "--ui=maybe")
	assert.Len(t, cases(t, filepath.Join("smoke-report", "junit.xml")), 1)
}

func TestGitHubIsToldOfARunThatDoesNotBegin(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, stderr, commands bytes.Buffer
	p := &program{
		stdout: &out, stderr: &stderr, commands: &commands, stop: newInterrupt(t.Context(), &stderr),
		environ: []string{"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=summary", "SMOKE_UI=maybe"},
	}
	assert.Equal(t, 78, p.main(nil))
	assert.True(t, strings.HasPrefix(commands.String(), "::error title=binderhub-smoke did not run::"), commands.String())
	assert.Contains(t, commands.String(), "SMOKE_UI")
	b, err := os.ReadFile("summary")
	require.NoError(t, err)
	assert.Contains(t, string(b), "did not run")
}

func TestAPanicIsInTheReport(t *testing.T) {
	dir := t.TempDir()
	p := &program{stdout: io.Discard, stderr: io.Discard, stop: newInterrupt(t.Context(), io.Discard)}
	assert.PanicsWithValue(t, "a defect", func() {
		defer p.defect(&dir)
		panic("a defect")
	})
	assert.Equal(t, map[string]junit.Status{"run/start": junit.StatusError}, cases(t, filepath.Join(dir, "junit.xml")))
}

// A server that speaks to the runner rather than to us: its words come in progress, screen, summary and report.
func TestAServerCannotCommandTheRunnerOfARun(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "##[stop-commands]x")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("::stop-commands::x\n::set-output name=verdict::pass ", 20))
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--binder", s.URL, "--scenarios", "binder-host/page")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asProgram+"=1", "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary"))
	out, _ := cmd.CombinedOutput()
	assert.Equal(t, 1, cmd.ProcessState.ExitCode(), string(out))
	errors := 0
	for line := range strings.Lines(string(out)) {
		assert.NotContains(t, line, "##[")
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "::") {
			assert.True(t, strings.HasPrefix(line, "::error title="), line)
			errors++
		}
	}
	assert.Equal(t, 1, errors, string(out))
	assert.Contains(t, string(out), "stop-commands", "the words are there to be read")
	summary, err := os.ReadFile(filepath.Join(dir, "summary"))
	require.NoError(t, err)
	assert.Contains(t, string(summary), "## binderhub-smoke: FAIL")
}

// page is how the step page ended; the target's name has the port in it.
func page(t *testing.T, dir string) junit.Status {
	t.Helper()
	for name, status := range cases(t, filepath.Join(dir, "smoke-report", "junit.xml")) {
		if strings.HasSuffix(name, ".binder-host/page") {
			return status
		}
	}
	return "no such case"
}

func TestAnInterruptedRunLeavesARedReport(t *testing.T) {
	url, asked := silent(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--binder", url, "--scenarios", "binder-host/page")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asProgram+"=1", "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary"))
	require.NoError(t, cmd.Start())
	<-asked
	assert.Equal(t, junit.StatusError, page(t, dir), "a run that is killed now is red")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	assert.Equal(t, 143, cmd.ProcessState.ExitCode())
	assert.Equal(t, junit.StatusError, page(t, dir))
	assert.FileExists(t, filepath.Join(dir, "smoke-report", "metrics.prom"))
	b, err := os.ReadFile(filepath.Join(dir, "summary"))
	require.NoError(t, err)
	assert.Contains(t, string(b), "The run was interrupted")
}
