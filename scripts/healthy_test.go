package main

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// maxOverhead is the share of the raw scenarios' time that the suite may spend itself. One run on a busy machine tells little;
// half of many must keep to it.
const maxOverhead = 0.03

// Healthy runs in a row, in each front end: every one passes, and leaves nothing behind.
func TestHealthyRuns(t *testing.T) {
	runs, apps := 30, []smoke.App{smoke.AppLab, smoke.AppNotebook}
	if testing.Short() {
		runs, apps = 1, apps[:1]
	}
	d := deploy(t, fixtures.Config{})
	for _, app := range apps {
		t.Run(string(app), func(t *testing.T) { healthyRuns(t, d, runs, "SMOKE_APP="+string(app), "SMOKE_IDLE=5s") })
	}
}

// healthyRuns builds an image anew in every other run. Those hold its stream for a minute, beside which the suite's own
// time is nothing: only the others tell of the overhead.
func healthyRuns(t *testing.T, d *fixtures.Deployment, runs int, environ ...string) {
	t.Helper()
	var overheads []float64
	for i := range runs {
		rebuilds := i%2 == 1
		with := slices.Clone(environ)
		if rebuilds {
			with = append(with, "SMOKE_REBUILD=on")
		}
		r := healthyRun(t, d, with...)
		t.Logf("run %d: %.1f s, overhead %.4f", i+1, time.Duration(r.Seconds).Seconds(), *r.Overhead)
		if !rebuilds {
			overheads = append(overheads, *r.Overhead)
		}
	}
	if slices.Sort(overheads); runs >= 5 {
		require.Less(t, overheads[len(overheads)/2], maxOverhead, overheads)
	}
}

// healthyRun is one run of the program, looked at from outside.
func healthyRun(t *testing.T, d *fixtures.Deployment, environ ...string) smoke.Result {
	t.Helper()
	mark := "BINDERHUB_SMOKE_STARTED_BY=" + rand.Text()
	s := newSuite(t, d, append(environ, mark)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	code, r := s.run(t)
	require.Empty(t, processes(startedBy(s.cmd.Process.Pid, mark)), "they outlive the program that started them")
	require.Equal(t, 0, code)
	require.Equal(t, smoke.Pass, r.Verdict)
	require.Empty(t, r.Targets[0].Findings)
	require.Empty(t, r.Targets[0].Leaked)
	for _, sc := range r.Targets[0].Scenarios {
		for _, st := range sc.Steps {
			require.NotEqual(t, smoke.Flaky, st.Verdict, "%s/%s: %s", sc.Name, st.Name, st.Reason)
		}
	}
	require.NotNil(t, r.Overhead)
	require.Empty(t, running(t, d))
	requireNoServers(t, d)
	return r
}

// requireNoServers wants no process of a user server, a kernel or a terminal to be left. A server stops listening, which is
// how clean-up knows that it goes, a moment before its process has ended.
func requireNoServers(t *testing.T, d *fixtures.Deployment) {
	t.Helper()
	servers := worksIn(filepath.Join(d.Dir, "users") + "/")
	requireSoon(t, func() bool { return len(processes(servers)) == 0 }, func() string { return strings.Join(processes(servers), "\n") })
}

// requireSoon wants something to be so within 20 s.
func requireSoon(t *testing.T, so func() bool, instead func() string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); <-time.After(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), instead())
	}
}

// startedBy knows the processes of a session, and those that inherited an entry of its leader's environment: Chromium's helpers
// leave the session, or overwrite their environment with their title, but none does both.
func startedBy(session int, entry string) func(proc string) bool {
	return func(proc string) bool {
		environ, _ := os.ReadFile(filepath.Join(proc, "environ"))
		if slices.Contains(strings.Split(string(environ), "\x00"), entry) {
			return true
		}
		stat, _ := os.ReadFile(filepath.Join(proc, "stat"))
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		return len(fields) > 3 && fields[3] == strconv.Itoa(session)
	}
}

// worksIn knows the processes whose working directory is below another.
func worksIn(directory string) func(proc string) bool {
	return func(proc string) bool {
		working, err := os.Readlink(filepath.Join(proc, "cwd"))
		return err == nil && strings.HasPrefix(working, directory)
	}
}

// processes are the command lines of those that match. A process that has ended has none, and waits for its parent only.
func processes(match func(proc string) bool) []string {
	all, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, proc := range all {
		if !match(proc) {
			continue
		}
		if line, _ := os.ReadFile(filepath.Join(proc, "cmdline")); len(line) > 0 {
			found = append(found, filepath.Base(proc)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// What looks for processes that are left sees each kind: in the session, out of it, and in a server's directory.
func TestProcessesAreFound(t *testing.T) {
	mark, directory := "BINDERHUB_SMOKE_STARTED_BY="+rand.Text(), t.TempDir()
	shell := exec.CommandContext(t.Context(), "sh", "-c", "(unset BINDERHUB_SMOKE_STARTED_BY; exec sleep 1001) & setsid sleep 1002 & echo; wait")
	shell.Env, shell.Dir = append(os.Environ(), mark), directory
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := shell.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, shell.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	for _, match := range []func(string) bool{startedBy(shell.Process.Pid, mark), worksIn(directory)} {
		found := func() string { return strings.Join(processes(match), "\n") }
		requireSoon(t, func() bool {
			return strings.Contains(found(), "sleep 1001") && strings.Contains(found(), "sleep 1002")
		}, found)
	}
	require.Empty(t, processes(startedBy(1<<30, mark+"x")))
	require.NoError(t, end(processes(worksIn(directory))))
	_ = shell.Wait()
}

// end kills processes by their numbers, as processes writes them.
func end(lines []string) error {
	var errs []error
	for _, line := range lines {
		number, _, _ := strings.Cut(line, " ")
		pid, err := strconv.Atoi(number)
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
