package scenarios_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// proxyCase tells the process that this test starts which case it is.
const proxyCase = "BINDERHUB_SMOKE_PROXY_CASE"

// tunnel is a forward proxy as companies have them: it looks names up itself, and all of them are on loopback.
func tunnel(w http.ResponseWriter, r *http.Request) {
	_, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from, begun, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(to, begun); to.Close() }()
	go func() { _, _ = io.Copy(from, to); from.Close() }()
}

// The environment's proxy is read once in a process, so each case has one of its own.
func TestBehindAProxy(t *testing.T) {
	living := httptest.NewServer(http.HandlerFunc(tunnel))
	defer living.Close()
	wanting := httptest.NewServer(text(http.StatusProxyAuthRequired, "text/plain", "who are you?"))
	defer wanting.Close()
	if which := os.Getenv(proxyCase); which != "" {
		behind(t, which)
		return
	}
	for which, proxy := range map[string]string{"lives": living.URL, "dead": "http://" + closedPort(t), "wants a login": wanting.URL} {
		t.Run(which, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBehindAProxy$", "-test.v")
			cmd.Env = append(os.Environ(), proxyCase+"="+which, "HTTPS_PROXY="+proxy, "HTTP_PROXY=", "NO_PROXY=", "https_proxy="+proxy, "http_proxy=", "no_proxy=")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "--- PASS: TestBehindAProxy")
		})
	}
}

// behind is one case, in a process whose environment names a proxy. DNS knows nothing: the proxy looks names up.
func behind(t *testing.T, which string) {
	names(t, nil)
	u, authorities := replicas(t, "proxied.smoke.test", map[string]time.Duration{"127.0.0.1": 80 * 24 * time.Hour})
	r := engine(t, asked(u, authorities, "binder-host"), patience{}, nil)
	expectation{"binder-host/dns", smoke.Skipped, "go through the proxy 127.0.0.1:"}.check(t, r)
	expectation{"binder-host/tls", smoke.Skipped, "go through the proxy 127.0.0.1:"}.check(t, r)
	if which == "lives" {
		expectation{"binder-host/page", smoke.Pass, ""}.check(t, r)
		expectation{"binder-host/repeat", smoke.Pass, ""}.check(t, r)
		require.Empty(t, r.Findings)
		return
	}
	for _, id := range []string{"binder-host/page", "binder-host/health", "binder-host/repeat"} {
		expectation{id, smoke.Inconclusive, ""}.check(t, r)
	}
	require.Equal(t, []string{"proxy-variable"}, causes(r))
	says := map[string]string{"dead": "connection refused", "wants a login": "407 Proxy Authentication Required"}[which]
	require.True(t, strings.Contains(r.Findings[0].Summary, says), r.Findings[0].Summary)
}
