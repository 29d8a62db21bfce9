package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
)

// Certificates of both hosts, in every way in which they go bad.
func TestCertificates(t *testing.T) {
	d := deployment(t)
	days := func(n int) fixtures.Certificate {
		return fixtures.Certificate{Expires: time.Now().Add(time.Duration(n)*24*time.Hour + time.Hour)}
	}
	for name, c := range map[string]struct {
		shown   fixtures.Certificate
		verdict smoke.Verdict
		says    string
	}{
		"good":         {fixtures.Certificate{}, smoke.Pass, ""},
		"expired":      {fixtures.Certificate{Expires: time.Now().Add(-time.Hour)}, smoke.Failed, "expired"},
		"wrong name":   {fixtures.Certificate{Names: []string{"other.smoke.test"}}, smoke.Failed, "other.smoke.test"},
		"other CA":     {fixtures.Certificate{Untrusted: true}, smoke.Failed, "authority"},
		"half a chain": {fixtures.Certificate{Intermediate: "an authority in between"}, smoke.Failed, "authority"},
		"5 days left":  {days(5), smoke.Failed, "5 days"},
	} {
		t.Run(name, func(t *testing.T) {
			trial := trial{run: []string{"binder-host/tls", "hub-host/tls"}, ingress: func(in *fixtures.Ingress) {
				in.Binder.Certificate, in.Hub.Certificate = c.shown, c.shown
			}}
			r := trial.against(t, d)
			expectation{"binder-host/tls", c.verdict, c.says}.check(t, r)
			expectation{"hub-host/tls", c.verdict, c.says}.check(t, r)
		})
	}
	t.Run("15 days left", func(t *testing.T) {
		r := trial{run: []string{"binder-host/tls"}, ingress: func(in *fixtures.Ingress) { in.Binder.Certificate = days(15) }}.against(t, d)
		requireWarning(t, r, "binder-host/tls", "15 days")
	})
}

// What an ingress does to the binder host, one thing at a time.
func TestBinderHostBehindAnIngress(t *testing.T) {
	d := deployment(t)
	server := func(directives string) func(*fixtures.Ingress) {
		return func(in *fixtures.Ingress) { in.Binder.Server = directives }
	}
	plain := func(directives string) func(*fixtures.Ingress) {
		return func(in *fixtures.Ingress) { in.Binder.PlainHTTP = directives }
	}
	for name, c := range map[string]struct {
		ingress func(*fixtures.Ingress)
		expectation
	}{
		"redirects":              {nil, expectation{"binder-host/redirect", smoke.Pass, ""}},
		"redirect to elsewhere":  {plain("return 301 https://elsewhere.smoke.test$request_uri;"), expectation{"binder-host/redirect", smoke.Failed, "elsewhere.smoke.test"}},
		"redirect to itself":     {plain("return 301 http://$host$request_uri;"), expectation{"binder-host/redirect", smoke.Failed, "301"}},
		"plain HTTP is broken":   {plain("return 502;"), expectation{"binder-host/redirect", smoke.Failed, "502"}},
		"assets":                 {nil, expectation{"binder-host/assets", smoke.Pass, ""}},
		"script missing":         {server("location = /static/dist/bundle.js { return 404; }"), expectation{"binder-host/assets", smoke.Failed, "404"}},
		"stylesheet as text":     {server("location = /static/dist/styles.css { default_type text/plain; return 200 x; }"), expectation{"binder-host/assets", smoke.Failed, "text/plain"}},
		"encoded paths":          {nil, expectation{"binder-host/encoded", smoke.Pass, ""}},
		"encoded paths refused":  {server("if ($request_uri ~* %2F) { return 400; }"), expectation{"binder-host/encoded", smoke.Failed, "400"}},
		"encoded paths decoded":  {decoding(binderHub(t, d, func(*binderhub.Config) {})), expectation{"binder-host/encoded", smoke.Failed, "encoded/slash"}},
		"page of another server": {server("location = / { default_type text/html; return 200 '<title>Welcome</title>'; }"), expectation{"binder-host/page", smoke.Failed, "Welcome"}},
		"health unreachable":     {server("location = /health { return 503; }"), expectation{"binder-host/health", smoke.Failed, "503"}},
		"repeat":                 {nil, expectation{"binder-host/repeat", smoke.Pass, ""}},
		"hub's API unreachable":  {func(in *fixtures.Ingress) { in.Hub.Upstream = fixtures.UpstreamRefused }, expectation{"hub-host/api", smoke.Failed, "502"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.check(t, trial{ingress: c.ingress, run: []string{c.step}}.against(t, d))
		})
	}
	t.Run("no redirect", func(t *testing.T) {
		r := trial{ingress: plain("return 200 hello;"), run: []string{"binder-host/redirect"}}.against(t, d)
		requireWarning(t, r, "binder-host/redirect", "a redirect to https://")
	})
}

// decoding passes paths on as nginx does when proxy_pass has a path of its own: with every percent-encoding undone.
func decoding(upstream string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) {
		in.Binder.Upstream = upstream
		in.Binder.Server = fmt.Sprintf("location /v2/ { proxy_set_header Host $http_host; proxy_pass http://%s/v2/; }", upstream)
	}
}

// One of two replicas is gone, and the ingress does not notice: half of all fresh connections fail.
func TestRepeatFindsOneOfTwoReplicas(t *testing.T) {
	d := deployment(t)
	pair := func(address string) func(*fixtures.Ingress) {
		return func(in *fixtures.Ingress) {
			in.HTTP = fmt.Sprintf("upstream pair { server %s max_fails=0; server %s max_fails=0; }", proxyAddress(t, d), address)
			in.Hub.Upstream, in.Hub.Location = "pair", "proxy_next_upstream off;"
		}
	}
	r := trial{ingress: pair(closedPort(t)), run: []string{"hub-host/repeat"}}.against(t, d)
	expectation{"hub-host/repeat", smoke.Failed, "on each of 6 fresh connections"}.check(t, r)
	r = trial{ingress: pair(proxyAddress(t, d)), run: []string{"hub-host/repeat"}}.against(t, d)
	expectation{"hub-host/repeat", smoke.Pass, ""}.check(t, r)
}
