package scenarios_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// Quiet sockets through ingresses with timeouts of their own. The server pings each 30 s, so each silence here is as quiet as
// a longer one would be. That they outlive a healthy ingress is seen by TestScenarios, for as long as users have it.
func TestIdle(t *testing.T) {
	d := deployment(t)
	address := proxyAddress(t, d)
	short := func(path string) func(*fixtures.Ingress) {
		return hubServer(fmt.Sprintf("location ~ %s { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; "+
			"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 2s; }", path, address))
	}
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		idle    time.Duration
		expectation
	}{
		// Longer than the handshake of a kernel's socket is held on a busy machine.
		"kernels are cut":   {func(in *fixtures.Ingress) { in.Hub.ReadTimeout = "5s" }, 9 * time.Second, expectation{"idle/hold", smoke.Failed, "an open websocket for 9s of silence"}},
		"terminals are cut": {short("/terminals/websocket/"), 5 * time.Second, expectation{"idle/hold", smoke.Failed, "The terminal's websocket"}},
		"events are cut":    {short("/api/events/"), 3 * time.Second, expectation{"idle/hold", smoke.Pass, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			r := trial{sick: well, ingress: c.ingress, run: []string{"idle"}, target: func(target *smoke.Target) { target.Idle = c.idle }}.against(t, d)
			c.check(t, r)
			if c.verdict == smoke.Pass {
				requireWarning(t, r, "idle/resume", "The server's events websocket")
				require.Regexp(t, `got .+, [12]\.\d s after the last byte`, step(t, r, "idle/resume").Reason)
			}
			require.Len(t, r.Findings, 1)
			require.Equal(t, "ws-idle-60s", r.Findings[0].Cause)
			expectation{"idle/stop", smoke.Pass, ""}.check(t, r)
		})
	}
}

// relay passes connections on to an address, until it is told to cut them all. It goes on with those that come later.
type relay struct {
	to   string
	seen chan string // what each connection began with

	mu   sync.Mutex
	open []net.Conn
}

// relaying starts a relay, and returns its address.
func relaying(t *testing.T, to string) (*relay, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{to: to, seen: make(chan string, 1000)}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go r.pass(c)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
	})
	return r, listener.Addr().String()
}

func (r *relay) pass(from net.Conn) {
	to, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = from.Close()
		return
	}
	r.mu.Lock()
	r.open = append(r.open, from, to)
	r.mu.Unlock()
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	head := make([]byte, 4096)
	n, _ := from.Read(head)
	r.seen <- string(head[:n])
	_, _ = to.Write(head[:n])
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

// All websockets go at once, busy ones too: an ingress was reloaded. The cause is found when the step ends, and stays.
func TestSocketsThatAreCutTogether(t *testing.T) {
	d := deployment(t)
	between, address := relaying(t, proxyAddress(t, d))
	go func() {
		for head := range between.seen {
			if strings.Contains(head, "/terminals/websocket/") { // the last that is opened
				time.AfterFunc(1500*time.Millisecond, between.cut)
				return
			}
		}
	}()
	seen := &endings{steps: map[string]smoke.StepResult{}}
	r := trial{sick: well, observer: seen, run: []string{"idle"}, ingress: func(in *fixtures.Ingress) { in.Hub.Upstream = address },
		target: func(target *smoke.Target) { target.Idle = 20 * time.Second }}.against(t, d)
	expectation{"idle/hold", smoke.Failed, "websocket"}.check(t, r)
	require.Equal(t, "ingress-reload-cuts-ws", findingOf(t, r, "idle/hold").Cause)
	require.Equal(t, step(t, r, "idle/hold").Finding, seen.steps["idle/hold"].Finding, "it was known at once")
}
