package scenarios_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
)

// question is one request as the ingress saw it.
type question struct{ path, upgrade, accept, agent string }

// In a whole run every request tells the operator of the other side who asks: the suite's version and the run.
func TestEveryRequestSaysWhoAsks(t *testing.T) {
	d := deployment(t)
	ingress(t, d, func(in *fixtures.Ingress) {
		in.HTTP = "log_format agents '$uri|$http_upgrade|$http_accept|$http_user_agent';\naccess_log logs/agents.log agents;"
	})
	file := filepath.Join(d.Dir, "logs", "agents.log")
	before := agentsIn(t, file)
	run, err := smoke.Start(context.Background(), smoke.Options{
		Settings: smoke.Settings{Targets: []smoke.Target{loopback(t, d)}, Timeout: 3 * time.Minute, Grace: 10 * time.Second, Out: t.TempDir()},
		Version:  smoke.Version, Scenarios: scenarios.All(nil),
	})
	require.NoError(t, err)
	result := run.Wait()
	run.Close()
	require.Equal(t, smoke.Pass, result.Verdict, overview(result.Targets[0]))

	agent := run.Targets()[0].UserAgent()
	require.Contains(t, agent, smoke.Version)
	require.Contains(t, agent, result.RunID)
	requests := agentsIn(t, file)[len(before):]
	for _, r := range requests {
		require.True(t, r.agent == agent || strings.HasPrefix(r.agent, "Mozilla/5.0 ") && strings.HasSuffix(r.agent, " "+agent), "%+v", r)
	}
	requireEachKind(t, requests)
}

// requireEachKind wants each way in which the suite asks to be among the requests: else nothing was said of it.
func requireEachKind(t *testing.T, requests []question) {
	t.Helper()
	for name, is := range map[string]func(r question) bool{
		"a request":            func(r question) bool { return strings.HasSuffix(r.path, "/api/kernels") },
		"an event stream":      func(r question) bool { return strings.HasPrefix(r.path, "/build/") },
		"a kernel's websocket": func(r question) bool { return r.upgrade == "websocket" && strings.HasSuffix(r.path, "/channels") },
	} {
		for client, browser := range map[string]bool{"raw": false, "browser": true} {
			require.Truef(t, slices.ContainsFunc(requests, func(r question) bool { return is(r) && strings.HasPrefix(r.agent, "Mozilla") == browser }), "%s, %s", name, client)
		}
	}
	for name, is := range map[string]func(r question) bool{
		"the canary": func(r question) bool { return strings.HasSuffix(r.path, "/_chp_healthz") && r.upgrade == "websocket" },
		"a terminal": func(r question) bool { return strings.Contains(r.path, "/terminals/websocket/") },
		"BinderHub page": func(r question) bool {
			return strings.HasPrefix(r.path, "/v2/") && strings.Contains(r.accept, "text/html")
		},
		"a page's asset": func(r question) bool { return regexp.MustCompile(`/static/.*\.js$`).MatchString(r.path) },
	} {
		require.True(t, slices.ContainsFunc(requests, is), name)
	}
}

// agentsIn reads the log of who asked.
func agentsIn(t *testing.T, file string) []question {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []question
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		require.Len(t, f, 4, line)
		all = append(all, question{f[0], f[1], f[2], f[3]})
	}
	return all
}
