package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// asProgram makes the test binary the program itself, for tests that signal it.
const asProgram = "BINDERHUB_SMOKE_AS_PROGRAM"

func TestMain(m *testing.M) {
	fixtures.Supervise()
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// call runs the program in this process, in a directory of the test's own and without a deployment set up.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return callIn(t, nil, args...)
}

// callIn is call with an environment.
func callIn(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("SMOKE_DEPS", t.TempDir())
	var out, err bytes.Buffer
	p := &program{stdout: &out, stderr: &err, environ: environ, stop: newInterrupt(t.Context(), &err)}
	return p.main(args), out.String(), err.String()
}

func TestHelpNamesSubcommandsAndSettings(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"list", "--help"}} {
		code, out, _ := call(t, args...)
		assert.Equal(t, 0, code)
		for _, want := range []string{"deployment", "runbook", "--binder", "Exit codes"} {
			assert.Contains(t, out, want)
		}
	}
}

func TestUnknownSubcommandsAreRefused(t *testing.T) {
	for _, name := range []string{"update", "explains", "https://binder.example.org", ""} {
		code, out, err := call(t, name)
		assert.Equal(t, 78, code, name)
		assert.Empty(t, out)
		assert.Equal(t, 1, strings.Count(err, "\n"), err)
		assert.Contains(t, err, "is no subcommand; there are run, check, list, ")
	}
}

func TestSurplusArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"version", "extra"}, {"version", "--binder=https://binder.example.org"}, {"help", "run"}, {"deployment", "now"},
		{"run", "extra"}, {"list", "extra"}, {"check", "extra"}, {"--mode=gate", "extra"}, {"open", "one", "two"}, {"compare", "one"},
	} {
		code, out, err := call(t, args...)
		assert.Equal(t, 78, code, args)
		assert.Empty(t, out, args)
		assert.Equal(t, 1, strings.Count(err, "\n"), err)
	}
}

func TestOnlyNearNamesAreSuggested(t *testing.T) {
	_, _, err := call(t, "--bogus=1")
	assert.Equal(t, "smoke: flag: --bogus is unknown\n", err)
	_, _, err = call(t, "--timout=1m")
	assert.Equal(t, "smoke: flag: --timout is unknown; did you mean --timeout?\n", err)
}

func TestBadSettingsAreALineEach(t *testing.T) {
	url, asked := silent(t)
	for _, subcommand := range []string{"run", "list", "check"} {
		code, out, err := call(t, subcommand, "--binder="+url, "--hub="+url, "--ui=maybe", "--mode=fast")
		assert.Equal(t, 78, code)
		assert.Empty(t, out)
		assert.Equal(t, 2, strings.Count(err, "\n"), err)
	}
	assert.Empty(t, asked, "nobody is addressed")
}

func TestWithoutTargetAndDeploymentOneLineSaysWhatToDo(t *testing.T) {
	code, _, err := call(t)
	assert.Equal(t, 78, code)
	assert.Equal(t, 1, strings.Count(err, "\n"), err)
	assert.Contains(t, err, "SMOKE_BINDER")
	assert.Contains(t, err, "scripts/setup")
}

func TestListShowsWhatWouldRun(t *testing.T) {
	code, out, err := call(t, "list", "--binder=https://binder.example.org", "--skip=kernel")
	assert.Equal(t, 0, code, err)
	assert.True(t, strings.HasPrefix(out, "binder-example-org\n  binder https://binder.example.org/\n  hub    learned from a launch\n"), out)
	assert.Regexp(t, `(?m)^    page +up to \d+ s$`, out)
	assert.Regexp(t, `(?m)^    channel +would not run: skip asked for$`, out)

	code, out, _ = call(t, "list")
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "(the deployment on loopback)")
	assert.Regexp(t, `(?m)^  hub-host: .*\n    dns `, out, "its hub is known, so hub-host needs no launch")
}

func TestVersion(t *testing.T) {
	code, out, _ := call(t, "version")
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "binderhub-smoke "+smoke.Version)
}

func TestRunbook(t *testing.T) {
	code, out, _ := call(t, "runbook", "ws-upgrade-missing")
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "ws-upgrade-missing")
	code, out, _ = call(t, "runbook", "kernel/channel")
	assert.Equal(t, 0, code)
	assert.Contains(t, out, "step-kernel-channel")
	code, _, err := call(t, "runbook", "nonsense")
	assert.Equal(t, 78, code)
	assert.Contains(t, err, `no section "nonsense"`)
	code, out, _ = call(t, "runbook")
	assert.Equal(t, 0, code)
	assert.NotEmpty(t, out)
}

func TestDeploymentNeedsItsParts(t *testing.T) {
	code, _, err := call(t, "deployment")
	assert.Equal(t, 78, code)
	assert.Contains(t, err, "scripts/setup")
	code, _, _ = call(t, "deployment", "now")
	assert.Equal(t, 78, code)
}

func TestTheFirstSignalIsRemembered(t *testing.T) {
	i := newInterrupt(t.Context(), io.Discard)
	assert.Equal(t, 0, i.code())
	assert.False(t, i.got(syscall.SIGTERM))
	require.Error(t, i.ctx.Err())
	assert.True(t, i.got(os.Interrupt))
	assert.Equal(t, 143, i.code())
}

// silent accepts requests and never answers them.
func silent(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	requests := make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestSignalsEndARunWithItsReport(t *testing.T) {
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"SIGTERM": {syscall.SIGTERM, 143}, "SIGINT": {syscall.SIGINT, 130}} {
		t.Run(name, func(t *testing.T) {
			url, asked := silent(t)
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--binder", url, "--scenarios", "binder-host/page")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), asProgram+"=1")
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			<-asked
			began := time.Now()
			require.NoError(t, stdout.Close(), "a reader that has gone must not stop the clean-up")
			require.NoError(t, cmd.Process.Signal(c.signal))
			_ = cmd.Wait()
			assert.Equal(t, c.code, cmd.ProcessState.ExitCode())
			assert.Less(t, time.Since(began), 10*time.Second)
			assertInterrupted(t, filepath.Join(dir, "smoke-report", "report.json"))
		})
	}
}

func assertInterrupted(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var r smoke.Result
	require.NoError(t, json.Unmarshal(b, &r))
	assert.Equal(t, smoke.EndedSignal, r.Ended)
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
}

func TestOverTimeIs124(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the shortest run time there is, ten seconds")
	}
	url, _ := silent(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--binder", url, "--timeout", "10s", "--scenarios", "binder-host/page")
	cmd.Dir, cmd.Env, cmd.Stdout = t.TempDir(), append(os.Environ(), asProgram+"=1"), io.Discard
	_ = cmd.Run()
	assert.Equal(t, 124, cmd.ProcessState.ExitCode())
}
