package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shell makes a call of scripts/smoke from another directory, with dependencies of its own.
func shell(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	script, err := filepath.Abs("smoke")
	require.NoError(t, err)
	stderr = &bytes.Buffer{}
	cmd = exec.CommandContext(t.Context(), script, args...)
	cmd.Dir, cmd.Stderr = t.TempDir(), stderr
	cmd.Env = append(os.Environ(), "SMOKE_DEPS="+t.TempDir())
	return cmd, stderr
}

func TestTheScriptBuildsTheProgramAndRunsIt(t *testing.T) {
	cmd, stderr := shell(t, "version")
	out, err := cmd.Output()
	require.NoError(t, err, stderr)
	assert.Contains(t, string(out), "binderhub-smoke ")
}

func TestTheScriptOnlyReportsWhatIsMissing(t *testing.T) {
	cmd, stderr := shell(t, "--no-install")
	require.Error(t, cmd.Run())
	assert.Equal(t, 78, cmd.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "missing")
}

func TestTheScriptHandsSignalsAndExitCodesOn(t *testing.T) {
	url, asked := silent(t)
	cmd, stderr := shell(t, "--no-install", "--binder", url, "--scenarios=binder-host/page")
	require.NoError(t, cmd.Start())
	<-asked
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	assert.Equal(t, 143, cmd.ProcessState.ExitCode(), stderr)
	assert.Contains(t, stderr.String(), "terminated")
}
