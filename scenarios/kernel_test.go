package scenarios_test

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke"
)

// What is wrong with the kernel itself, on a real server with a real kernel.
func TestKernel(t *testing.T) {
	d := deployment(t)
	quick := func(step string) map[string]time.Duration { return map[string]time.Duration{step: 3 * time.Second} }
	for name, c := range map[string]struct {
		trial
		expectation
	}{
		"well":                    {trial{sick: well}, expectation{"kernel/restart", smoke.Pass, ""}},
		"raises":                  {trial{sick: raises}, expectation{"kernel/execute", smoke.Failed, "No space left on device"}},
		"prints something else":   {trial{sick: garbles}, expectation{"kernel/output", smoke.Failed, "something else"}},
		"says nothing on iopub":   {trial{sick: silent, budgets: quick("kernel/execute")}, expectation{"kernel/execute", smoke.Failed, "no idle status on iopub"}},
		"answers input()":         {trial{sick: willing}, expectation{"kernel/output", smoke.Failed, "a refusal of input()"}},
		"loses what is large":     {trial{sick: narrow}, expectation{"kernel/output", smoke.Failed, "expected 5000000 bytes of display_data, got 1000002"}},
		"loses images":            {trial{sick: imageless}, expectation{"kernel/output", smoke.Failed, "expected an image, got map[image/png:2]"}},
		"takes errors for well":   {trial{sick: forgiving}, expectation{"kernel/output", smoke.Failed, "expected the error RuntimeError: smoke, got ok"}},
		"interrupts do not pass":  {trial{sick: well, ingress: hubServer("location ~ /api/kernels/[^/]+/interrupt$ { return 403; }")}, expectation{"kernel/interrupt", smoke.Failed, "403"}},
		"restarts do not pass":    {trial{sick: well, ingress: hubServer("location ~ /api/kernels/[^/]+/restart$ { return 403; }")}, expectation{"kernel/restart", smoke.Failed, "403"}},
		"restarts never return":   {trial{sick: well, budgets: quick("kernel/restart"), ingress: hubServer("location ~ /api/kernels/[^/]+/restart$ { proxy_pass http://" + unanswering(t) + "; }")}, expectation{"kernel/restart", smoke.Failed, "The restart of the kernel at "}},
		"no kernelspec":           {trial{sick: well, ingress: hubServer(`location ~ /api/kernelspecs$ { default_type application/json; return 200 '{"default": "python3", "kernelspecs": {}}'; }`)}, expectation{"kernel/start", smoke.Failed, "at least one kernel, got none"}},
		"a kernelspec that fails": {trial{sick: well, ingress: hubServer(`location ~ /api/kernelspecs$ { default_type application/json; return 200 '{"default": "none", "kernelspecs": {"none": {"spec": {"language": "python"}}}}'; }`)}, expectation{"kernel/start", smoke.Failed, "500"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.run = []string{c.step}
			c.check(t, c.against(t, d))
		})
	}
}

func hubServer(directives string) func(*fixtures.Ingress) {
	return func(in *fixtures.Ingress) { in.Hub.Server = directives }
}

// Jupyter Server starts a kernel that dies several times, some seconds each, before it says so. It holds the websocket's
// handshake for much longer.
func TestKernelThatDiesAtItsStart(t *testing.T) {
	if testing.Short() {
		t.Skip("the server takes a quarter of a minute to say so")
	}
	d := deployment(t)
	began := time.Now()
	r := trial{sick: dying, run: []string{"kernel/channel"}}.against(t, d)
	expectation{"kernel/channel", smoke.Failed, "a kernel that starts"}.check(t, r)
	t.Logf("after %s", time.Since(began))
}

// A kernel that does not heed interrupts: neither does it heed the server that stops it, which takes its time.
func TestKernelThatIgnoresInterrupts(t *testing.T) {
	if testing.Short() {
		t.Skip("the server waits for such a kernel's end")
	}
	d := deployment(t)
	r := trial{sick: deaf, run: []string{"kernel/interrupt"}, budgets: map[string]time.Duration{"kernel/interrupt": 3 * time.Second}}.against(t, d)
	expectation{"kernel/interrupt", smoke.Failed, "no reply on the shell channel"}.check(t, r)
}

// A kernel that its server has restarted, and that never speaks again.
func TestKernelThatDoesNotComeBack(t *testing.T) {
	if testing.Short() {
		t.Skip("the server waits for such a kernel's end")
	}
	d := deployment(t)
	r := trial{sick: once, run: []string{"kernel/restart"}, budgets: map[string]time.Duration{"kernel/restart": 5 * time.Second}}.against(t, d)
	expectation{"kernel/interrupt", smoke.Pass, ""}.check(t, r)
	expectation{"kernel/restart", smoke.Failed, "The kernel's websocket at "}.check(t, r)
}

// unanswering is an address at which requests are taken and never answered.
func unanswering(t *testing.T) string {
	return listen(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then the server does not see that who asked has gone
		<-r.Context().Done()
	}))
}

// A kernel that comes back from its restart, and no new websocket leads to it.
func TestKernelThatIsNotReachedAgain(t *testing.T) {
	d := deployment(t)
	to := &url.URL{Scheme: "http", Host: proxyAddress(t, d)}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	var restarted atomic.Bool
	between := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/channels") && restarted.Load() {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/restart") {
			restarted.Store(true)
		}
		pass.ServeHTTP(w, r)
	}))
	r := trial{sick: well, run: []string{"kernel/restart"}, ingress: func(in *fixtures.Ingress) { in.Hub.Upstream = between }}.against(t, d)
	expectation{"kernel/restart", smoke.Failed, "The kernel's websocket at "}.check(t, r)
}

// A server whose kernels are of another language: its cells are not ours, and that is no fault.
func TestKernelOfAnotherLanguage(t *testing.T) {
	d := deployment(t)
	r := trial{sick: well, run: []string{"kernel", "pod"}, ingress: hubServer(
		`location ~ /api/kernelspecs$ { default_type application/json; return 200 '{"default": "python3", "kernelspecs": {"python3": {"spec": {"language": "R"}}}}'; }`,
	)}.against(t, d)
	expectation{"kernel/info", smoke.Pass, ""}.check(t, r)
	expectation{"kernel/execute", smoke.Skipped, "speaks r"}.check(t, r)
	expectation{"kernel/notebooks", smoke.Skipped, "no notebooks"}.check(t, r)
	expectation{"kernel/restart", smoke.Pass, ""}.check(t, r)
	require.Empty(t, r.Findings)
}

// What the target's settings expect of the environment.
func TestExpectations(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]struct {
		expect smoke.Expect
		expectation
	}{
		"all there":    {smoke.Expect{Python: "3", Packages: []string{"json", "IPython"}, Files: []string{"index.ipynb"}}, expectation{"kernel/output", smoke.Pass, ""}},
		"old Python":   {smoke.Expect{Python: "2.7"}, expectation{"kernel/output", smoke.Failed, "expected Python 2.7, got 3."}},
		"cut Python":   {smoke.Expect{Python: "3.1"}, expectation{"kernel/output", smoke.Failed, "expected Python 3.1, got 3."}},
		"no package":   {smoke.Expect{Packages: []string{"json", "no_such_package"}}, expectation{"kernel/output", smoke.Failed, "got no no_such_package"}},
		"no file":      {smoke.Expect{Files: []string{"index.ipynb", "data/new.csv"}}, expectation{"kernel/output", smoke.Failed, "got no data/new.csv"}},
		"versions":     {smoke.Expect{Versions: map[string]string{"binderhub": "0.2.0", "builder": "repo2docker:2024"}}, expectation{"binder-host/health", smoke.Pass, ""}},
		"old binder":   {smoke.Expect{Versions: map[string]string{"binderhub": "0.3.0"}}, expectation{"binder-host/health", smoke.Failed, "expected binderhub 0.3.0, got 0.2.0"}},
		"no such part": {smoke.Expect{Versions: map[string]string{"registry": "2"}}, expectation{"binder-host/health", smoke.Failed, "expected registry 2, got nothing of it, only of "}},
	} {
		t.Run(name, func(t *testing.T) {
			trial := trial{sick: well, run: []string{c.step}, target: func(target *smoke.Target) { target.Expect = c.expect }}
			if c.step == "binder-host/health" {
				trial.sick = "" // the borrowed server's BinderHub is played
			}
			c.check(t, trial.against(t, d))
		})
	}
}

// A repository's own notebooks: the first code cell that errs is named by its number.
func TestNotebooks(t *testing.T) {
	d := deployment(t)
	for name, c := range map[string]struct {
		notebooks []string
		expectation
	}{
		"runs":        {[]string{"index.ipynb"}, expectation{"kernel/notebooks", smoke.Pass, ""}},
		"a cell errs": {[]string{"index.ipynb", "broken.ipynb"}, expectation{"kernel/notebooks", smoke.Failed, "code cell 2 of broken.ipynb to run, got error ZeroDivisionError"}},
		"not there":   {[]string{"missing.ipynb"}, expectation{"kernel/notebooks", smoke.Failed, "missing.ipynb"}},
	} {
		t.Run(name, func(t *testing.T) {
			trial := trial{sick: well, run: []string{c.step}, target: func(target *smoke.Target) { target.Notebooks = c.notebooks }}
			c.check(t, trial.against(t, d))
		})
	}
}
