package browser

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// When Close has returned, no process of Chromium's is left, not even one that had left its session.
func TestCloseWaitsForAllOfChromium(t *testing.T) {
	d := newDouble(t, Options{}, binderhub())
	_, err := d.browser.Launch(t.Context(), launchURL)
	require.NoError(t, err)
	stray := straggler(t, d.browser.dir)
	before := family(d.browser.dir)
	require.Greater(t, len(before), 4, "Chromium's main process, its zygotes, a renderer, and the straggler")
	for _, pid := range []int{d.browser.process().Pid, stray.pid} {
		require.True(t, slices.ContainsFunc(before, func(m member) bool { return m.pid == pid }))
	}
	require.NoError(t, d.browser.Close(t.Context()))
	for _, m := range before {
		require.False(t, m.alive(), "%+v", m)
	}
	require.Empty(t, family(d.browser.dir))
}

// straggler starts a process as Chromium starts its crashpad handlers: in a session of its own, below a parent that has ended.
func straggler(t *testing.T, dir string) member {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!")
	shell.Env = append(os.Environ(), "TMPDIR="+dir)
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := shell.Output()
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	m, _, ok := examine(pid)
	require.True(t, ok)
	t.Cleanup(m.kill)
	return m
}

func TestStragglersAreWaitedForAndThenKilled(t *testing.T) {
	dir := t.TempDir()
	m := straggler(t, dir)
	done := make(chan struct{})
	go func() { seeOff([]member{m}, time.Minute); close(done) }()
	m.kill() // it ends by itself, as far as seeOff knows
	<-done
	require.False(t, m.alive())

	m = straggler(t, dir)
	seeOff([]member{m}, 20*time.Millisecond)
	require.False(t, m.alive())
}

func TestANumberUsedAgainIsAnotherProcess(t *testing.T) {
	m := straggler(t, t.TempDir())
	other := m
	other.start += "0"
	require.False(t, other.alive())
	other.kill()
	require.True(t, m.alive())
}
