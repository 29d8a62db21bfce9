package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// What an ingress does to the way to a user server. The server is well.
func TestServerBehindAnIngress(t *testing.T) {
	d := deployment(t)
	server := func(directives string) func(*fixtures.Ingress) {
		return func(in *fixtures.Ingress) { in.Hub.Server = directives }
	}
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		expectation
	}{
		"login":                 {nil, expectation{"server/login", smoke.Pass, ""}},
		"login loop":            {server("location ~ ^/user/([^/]+)/lab { return 302 https://$host/user/$1/; }"), expectation{"server/login", smoke.Failed, "a redirect loop through"}},
		"redirect to nowhere":   {server("location ~ ^/user/[^/]+/lab { return 302 https://other.smoke.test/; }"), expectation{"server/login", smoke.Failed, "other.smoke.test"}},
		"lab":                   {nil, expectation{"server/lab", smoke.Pass, ""}},
		"lab is another page":   {server("location ~ ^/user/[^/]+/lab { default_type text/html; return 200 '<title>Welcome</title>'; }"), expectation{"server/lab", smoke.Failed, "without jupyter-config-data"}},
		"lab's script missing":  {server(`location ~ ^/user/[^/]+/static/lab/.*\.js$ { return 404; }`), expectation{"server/lab", smoke.Failed, "404"}},
		"lab's script as text":  {server(`location ~ ^/user/[^/]+/static/lab/.*\.js$ { default_type text/plain; return 200 x; }`), expectation{"server/lab", smoke.Failed, "text/plain"}},
		"API forbidden":         {server("location ~ ^/user/[^/]+/api/contents { return 403; }"), expectation{"server/api", smoke.Failed, "403"}},
		"token taken off":       {func(in *fixtures.Ingress) { in.Hub.Location = `proxy_set_header Authorization "";` }, expectation{"server/api", smoke.Failed, "403"}},
		"files":                 {nil, expectation{"server/files", smoke.Pass, ""}},
		"body limit":            {func(in *fixtures.Ingress) { in.Hub.MaxBodySize = "1m" }, expectation{"server/files", smoke.Failed, "413"}},
		"another file":          {server(`location ~ ^/user/[^/]+/api/contents/binderhub { if ($request_method = PUT) { return 201 '{}'; } if ($request_method = DELETE) { return 204; } default_type application/json; return 200 '{"content": "YWJj"}'; }`), expectation{"server/files", smoke.Failed, "3 others"}},
		"a firewall":            {server(`location ~ ^/user/[^/]+/api/contents/.*\.txt$ { return 406; }`), expectation{"server/files", smoke.Failed, "406"}},
		"route":                 {nil, expectation{"launch/route", smoke.Pass, ""}},
		"route to the hub":      {server("location ~ ^/user/[^/]+/api$ { return 302 /hub$request_uri; }"), expectation{"launch/route", smoke.Failed, "302"}},
		"route to a dead proxy": {func(in *fixtures.Ingress) { in.Hub.Upstream = fixtures.UpstreamRefused }, expectation{"launch/route", smoke.Failed, "502"}},
	} {
		t.Run(name, func(t *testing.T) {
			trial := trial{ingress: c.ingress, sick: well, run: []string{c.step}, target: func(target *smoke.Target) {
				target.Resolve["other.smoke.test:443"] = closedPort(t)
			}}
			c.check(t, trial.against(t, d))
		})
	}
}

// cookieless is an ingress that lets no cookie through: scripts with a token do not notice, and nobody with a browser
// has a kernel.
func cookieless(in *fixtures.Ingress) { in.Hub.Location = "proxy_hide_header Set-Cookie;" }

// framed refuses the websockets whose headers Upgrade and Sec-WebSocket-Protocol together match a pattern of nginx's map.
func framed(refused string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.HTTP = "map $http_upgrade$http_sec_websocket_protocol $refused { default 0; " + refused + " 1; }"
		in.Hub.Server = "if ($refused) { return 400; }"
	}
}

// Sockets of the kernel through an ingress, in each of the ways in which they are opened.
func TestChannelBehindAnIngress(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		says    string
	}{
		"upgrade dropped":      {fixtures.HubWithoutUpgrade, "The kernel's websocket at "},
		"older framing only":   {framed(`"~^websocket.+"`), "The kernel's websocket at "},
		"newer framing only":   {framed(`websocket`), "in the older framing, at "},
		"cookies lost":         {cookieless, "opened as a browser does, at "},
		"cookies' path wrong":  {func(in *fixtures.Ingress) { in.Hub.Location = "proxy_cookie_path ~^/user/ /servers/;" }, "opened as a browser does, at "},
		"subprotocol stripped": {func(in *fixtures.Ingress) { in.Hub.Location = `proxy_set_header Sec-WebSocket-Protocol "";` }, "101 without it"},
		"host rewritten":       {rewriting(proxyAddress(t, d)), "opened as a browser does, at "},
	} {
		t.Run(name, func(t *testing.T) {
			r := trial{ingress: c.ingress, sick: well, run: []string{"kernel/channel"}}.against(t, d)
			expectation{"kernel/channel", smoke.Failed, c.says}.check(t, r)
			expectation{"kernel/stop", smoke.Pass, ""}.check(t, r)
		})
	}
}

// rewriting passes another Host on, so that a browser's Origin is no longer the server's own.
func rewriting(upstream string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Hub.WithoutRoot = true
		in.Hub.Server = fmt.Sprintf("location / { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host internal.example; %s }", upstream, upgrading)
	}
}

const upgrading = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 600s;"

// An ingress that lets only the kernels' path upgrade: kernels are well, so the canary is a warning, and terminals are not.
func TestUpgradeOnKernelsPathOnly(t *testing.T) {
	d := deployment(t)
	address := proxyAddress(t, d)
	r := trial{sick: well, run: []string{"kernel/channel", "terminal", "hub-host/upgrade"}, ingress: func(in *fixtures.Ingress) {
		in.Hub.Websocket = false
		in.Hub.Server = fmt.Sprintf("location ~ ^/user/[^/]+/api/kernels/ { proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Host $http_host; %s }", address, upgrading)
	}}.against(t, d)
	expectation{"kernel/channel", smoke.Pass, ""}.check(t, r)
	expectation{"terminal/open", smoke.Failed, "events websocket"}.check(t, r)
	expectation{"hub-host/upgrade", smoke.Pass, "the Upgrade header did not arrive"}.check(t, r)
	require.NotEmpty(t, step(t, r, "hub-host/upgrade").Finding)
}

func TestTerminal(t *testing.T) {
	d := deployment(t)
	quick := map[string]time.Duration{"terminal/echo": 2 * time.Second}
	disabled := func(body string) func(*fixtures.Ingress) {
		return func(in *fixtures.Ingress) {
			in.Hub.Server = "location ~ ^/user/[^/]+/api/terminals { " + body + " }"
		}
	}
	// The server's own answer for what it does not have.
	without := fmt.Sprintf(`rewrite ^(/user/[^/]+)/ $1/api/no-such-thing break; proxy_pass http://%s;`, proxyAddress(t, d))
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"well":                {trial{sick: well}, expectation{"terminal/echo", smoke.Pass, ""}},
		"no echo":             {trial{sick: mute, budgets: quick}, expectation{"terminal/echo", smoke.Failed, "on the terminal"}},
		"disabled":            {trial{sick: well, ingress: disabled(without)}, expectation{"terminal/open", smoke.Skipped, "no terminals"}},
		"not let through":     {trial{sick: well, ingress: disabled("return 403;")}, expectation{"terminal/open", smoke.Failed, "403"}},
		"unknown to ingress":  {trial{sick: well, ingress: disabled("return 404;")}, expectation{"terminal/open", smoke.Failed, "404"}},
		"its socket dropped":  {trial{sick: well, ingress: func(in *fixtures.Ingress) { in.Hub.Server = "location ~ /terminals/websocket/ { return 400; }" }}, expectation{"terminal/open", smoke.Failed, "The terminal's websocket"}},
		"events not let pass": {trial{sick: well, ingress: func(in *fixtures.Ingress) { in.Hub.Server = "location ~ /api/events/ { return 404; }" }}, expectation{"terminal/open", smoke.Failed, "events"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.run = []string{"terminal"}
			r := c.against(t, d)
			c.check(t, r)
			if c.verdict == smoke.Skipped {
				require.Equal(t, smoke.Skipped, step(t, r, "terminal/echo").Verdict)
			}
		})
	}
}
