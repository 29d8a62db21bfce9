package main

import (
	"bufio"
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// when starts the program, does something once when a line of its output says a text, and waits for its end.
func (s *suite) when(t *testing.T, text string, do func()) (code int, r smoke.Result) {
	t.Helper()
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	found := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if !found && strings.Contains(lines.Text(), text) {
			found = true
			do()
		}
	}
	_ = s.cmd.Wait()
	require.True(t, found, "nothing said %q", text)
	return s.cmd.ProcessState.ExitCode(), s.result(t)
}

func TestWaitingForADeployment(t *testing.T) {
	d := deploy(t, fixtures.Config{})
	starting := func(in *fixtures.Ingress) { in.Binder.Status = 503 }
	const reason = "not ready yet: BinderHub's version"

	t.Run("it becomes ready", func(t *testing.T) {
		require.NoError(t, d.ChangeIngress(t.Context(), starting))
		code, r := newSuite(t, d, "SMOKE_MODE=quick", "SMOKE_WAIT=2m").when(t, reason, func() {
			require.NoError(t, d.HealIngress(t.Context()))
		})
		require.Equal(t, 0, code)
		require.Equal(t, smoke.Pass, r.Verdict)
		require.Empty(t, r.Targets[0].Findings, "what was before is no finding")
		require.Equal(t, smoke.ReadyAnswers, r.Targets[0].Readiness.State)
		require.Positive(t, r.Targets[0].Readiness.Seconds)
	})
	t.Run("it never does", func(t *testing.T) {
		require.NoError(t, d.ChangeIngress(t.Context(), starting))
		defer func() { require.NoError(t, d.HealIngress(context.Background())) }()
		code, r := newSuite(t, d, "SMOKE_WAIT=3s").when(t, reason, func() {})
		require.Equal(t, 3, code)
		require.Equal(t, smoke.ReadyExpired, r.Targets[0].Readiness.State)
		require.Contains(t, r.Targets[0].Readiness.Missing, "got 503")
		require.NotEmpty(t, r.Targets[0].Findings, "the hosts are tested, so that there is a cause")
		require.Contains(t, r.Targets[0].NotTried, "launch (the deployment was not ready within the wait)")
	})
	t.Run("SIGTERM", func(t *testing.T) {
		require.NoError(t, d.ChangeIngress(t.Context(), starting))
		defer func() { require.NoError(t, d.HealIngress(context.Background())) }()
		s := newSuite(t, d, "SMOKE_WAIT=1h")
		code, r := s.when(t, reason, func() { require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM)) })
		require.Equal(t, 143, code)
		require.Equal(t, smoke.EndedSignal, r.Ended)
		require.Equal(t, smoke.Inconclusive, r.Verdict)
	})
	t.Run("another hub's name comes late", func(t *testing.T) {
		require.NoError(t, d.ChangeIngress(t.Context(), func(in *fixtures.Ingress) {
			in.Hub.Certificate = fixtures.Certificate{Names: []string{"other.smoke.test"}}
		}))
		code, _ := newSuite(t, d, "SMOKE_MODE=quick", "SMOKE_WAIT=2m").when(t, "not ready yet: JupyterHub's API", func() {
			require.NoError(t, d.HealIngress(t.Context()))
		})
		require.Equal(t, 0, code)
	})
	t.Run("no wait helps", func(t *testing.T) {
		require.NoError(t, d.ChangeIngress(t.Context(), func(in *fixtures.Ingress) { in.Binder.Status = 401 }))
		defer func() { require.NoError(t, d.HealIngress(context.Background())) }()
		code, r := newSuite(t, d, "SMOKE_MODE=quick", "SMOKE_WAIT=1h").when(t, "no wait brings", func() {})
		require.NotEqual(t, 3, code)
		require.NotZero(t, code)
		require.Equal(t, smoke.ReadyHopeless, r.Targets[0].Readiness.State)
	})
}
