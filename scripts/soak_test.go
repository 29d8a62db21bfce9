package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// soaking is a call of the program in soak mode that asks a BinderHub for its health and nothing else.
func soaking(t *testing.T, handler http.HandlerFunc) *suite {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s := &suite{dir: t.TempDir()}
	s.cmd = exec.CommandContext(t.Context(), os.Args[0], "--mode=soak", "--binder="+server.URL, "--scenarios=binder-host/health")
	s.cmd.Dir, s.cmd.Env = s.dir, append(os.Environ(), asProgram+"=1")
	return s
}

func TestASoakIsInterruptedWhileItWaits(t *testing.T) {
	s := soaking(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok": true, "checks": []}`)
	})
	code, r := s.when(t, "round 2 of 3 begins at", func() { require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM)) })
	assert.Equal(t, 143, code)
	assert.Equal(t, smoke.EndedSignal, r.Ended)
	assert.Equal(t, smoke.Inconclusive, r.Verdict)
	require.Len(t, r.Rounds, 1)
	assert.Equal(t, smoke.Pass, r.Rounds[0].Verdict)
	assert.FileExists(t, filepath.Join(s.dir, "smoke-report", "junit.xml"))
	assert.Equal(t, smoke.Pass, s.resultIn(t, "rounds/1").Verdict)
}

func TestASoakFailsWithItsFirstRoundThatDoes(t *testing.T) {
	s := soaking(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s.cmd.Stderr = os.Stderr
	out, _ := s.cmd.Output()
	assert.Equal(t, 1, s.cmd.ProcessState.ExitCode(), string(out))
	r := s.result(t)
	assert.Equal(t, smoke.Failed, r.Verdict)
	require.Len(t, r.Rounds, 1)
	assert.NotEmpty(t, r.Rounds[0].Targets[0].Causes)
	text := string(out)
	assert.Contains(t, text, "round 1 at ")
	assert.Contains(t, text, filepath.Join("smoke-report", "rounds", "1", "targets"), "the evidence is the round's")
	assert.Equal(t, 1, strings.Count(text, "Report: smoke-report/report.json"))
}
