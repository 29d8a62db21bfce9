package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// remoteBrowser starts a Chromium that knows the deployment's names and not its authority, and returns its address.
func remoteBrowser(t *testing.T, d *fixtures.Deployment) string {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "remote") // the path of Chromium's socket in it may have 107 bytes
	require.NoError(t, err)
	rules := "MAP " + strings.NewReplacer(",", ",MAP ", "=", " ").Replace(d.Resolve)
	cmd := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
		"--user-data-dir="+home, "--host-resolver-rules="+rules, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Wait() // the test's end has killed it
		requireSoon(t, func() bool { return os.RemoveAll(home) == nil }, func() string { return home + " is still written to" })
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := regexp.MustCompile(`listening on (ws://\S+)/devtools`).FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	require.Fail(t, "Chromium told no address")
	return ""
}

// A browser that runs elsewhere cannot be told of SMOKE_CA: that says nothing about the deployment, and what to do is said.
func TestARemoteBrowserWithoutTheAuthority(t *testing.T) {
	d := deploy(t, fixtures.Config{})
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip(err)
	}
	s := newSuite(t, d, "SMOKE_BROWSER="+remoteBrowser(t, d), "SMOKE_SCENARIOS=notebook")
	code, r := s.run(t)
	require.Equal(t, 4, code)
	require.Equal(t, smoke.Inconclusive, r.Verdict)
	require.Len(t, r.Targets[0].Findings, 1)
	f := find(t, r, "remote-browser")
	require.Equal(t, diagnose.HopClient, f.Hop)
	require.Contains(t, f.Summary, "SMOKE_CA")
	require.Contains(t, f.Summary, "certutil -d sql:$HOME/.pki/nssdb -A")
}
