package main

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report"
)

// deploy starts a deployment on loopback for a test.
func deploy(t *testing.T, config fixtures.Config) *fixtures.Deployment {
	t.Helper()
	if err := fixtures.Prerequisites(); err != nil {
		require.Empty(t, os.Getenv("CI"), err.Error())
		t.Skip(err)
	}
	d, err := fixtures.Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, d.Stop(ctx))
	})
	return d
}

// suite is one call of the program against a deployment, in a process of its own as a user has it.
type suite struct {
	cmd *exec.Cmd
	dir string
}

func (s *suite) String() string { return strings.Join(s.cmd.Args, " ") }

func newSuite(t *testing.T, d *fixtures.Deployment, environ ...string) *suite {
	t.Helper()
	s := &suite{dir: t.TempDir()}
	s.cmd = exec.CommandContext(t.Context(), os.Args[0], "run")
	s.cmd.Dir = s.dir
	s.cmd.Stderr = os.Stderr
	s.cmd.Env = append(os.Environ(), asProgram+"=1",
		"SMOKE_BINDER="+d.BinderURL, "SMOKE_HUB="+d.HubURL, "SMOKE_CA="+d.CAFile, "SMOKE_RESOLVE="+d.Resolve,
		"SMOKE_METADATA=off", "SMOKE_IDLE=0") // a user server here is no pod; quiet sockets have tests of their own
	s.cmd.Env = append(s.cmd.Env, slices.DeleteFunc(environ, func(e string) bool { return e == "" })...)
	return s
}

// run runs the program to its end.
func (s *suite) run(t testing.TB) (code int, r smoke.Result) {
	t.Helper()
	out, _ := s.cmd.Output()
	r = s.result(t)
	if t.Failed() || s.cmd.ProcessState.ExitCode() != 0 {
		t.Logf("%s", out)
	}
	return s.cmd.ProcessState.ExitCode(), r
}

// result reads the report and holds it against its schema.
func (s *suite) result(t testing.TB) smoke.Result {
	t.Helper()
	return s.resultIn(t, ".")
}

// resultIn is result of a report in a directory below.
func (s *suite) resultIn(t testing.TB, below string) (r smoke.Result) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "smoke-report", below, "report.json"))
	require.NoError(t, err)
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(report.Schema())))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("report.schema.json", schema))
	compiled, err := compiler.Compile("report.schema.json")
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(document))
	require.NoError(t, json.Unmarshal(b, &r))
	return r
}

func find(t *testing.T, r smoke.Result, cause string) diagnose.Finding {
	t.Helper()
	i := slices.IndexFunc(r.Targets[0].Findings, func(f diagnose.Finding) bool { return f.Cause == cause })
	require.GreaterOrEqual(t, i, 0, "no finding of cause %s in %+v", cause, r.Targets[0].Findings)
	return r.Targets[0].Findings[i]
}

// proofs are the scenario/step of every proof of a finding.
func proofs(f diagnose.Finding) []string {
	return append([]string{f.Scenario + "/" + f.Step}, f.Also...)
}

// requirePrompt wants every failed step to have failed within a second of its proof.
func requirePrompt(t *testing.T, r smoke.Result) {
	t.Helper()
	for _, sc := range r.Targets[0].Scenarios {
		for _, st := range sc.Steps {
			if st.FailedAt != nil {
				require.NotNil(t, st.ProvedAt, "%s/%s", sc.Name, st.Name)
				require.Less(t, time.Duration(*st.FailedAt-*st.ProvedAt), time.Second, "%s/%s", sc.Name, st.Name)
			}
		}
	}
}

// running are the deployment's user servers that still answer.
func running(t *testing.T, d *fixtures.Deployment) []string {
	t.Helper()
	servers, err := d.Servers(t.Context())
	require.NoError(t, err)
	var alive []string
	for _, s := range servers {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.HubURL+"/user/"+s.User+"/api", nil)
		require.NoError(t, err)
		resp, err := d.Client().Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			alive = append(alive, s.User)
		}
	}
	return alive
}

// The incident of 9 March 2026, as its first hour would have shown it: the binder host's ingress cannot reach the binderhub
// service, and the hub host's does not upgrade websockets.
func TestSeedIncident(t *testing.T) {
	d := deploy(t, fixtures.Config{})
	refused := func(t *testing.T, r smoke.Result) {
		f := find(t, r, "upstream-refused")
		require.Equal(t, "binder-host/page", f.Scenario+"/"+f.Step)
		require.Equal(t, diagnose.HopIngress, f.Hop)
		require.Contains(t, f.Suspects, "selector-overmatch")
		requireRemedies(t, f)
	}
	upgrade := func(t *testing.T, r smoke.Result) {
		f := find(t, r, "ws-upgrade-missing")
		require.Equal(t, "hub-host/upgrade", f.Scenario+"/"+f.Step)
		requireRemedies(t, f)
	}
	for name, c := range map[string]struct {
		faults   []func(*fixtures.Ingress)
		environ  []string
		findings int
		check    []func(*testing.T, smoke.Result)
	}{
		"both at once":   {[]func(*fixtures.Ingress){fixtures.BinderUpstreamRefused, fixtures.HubWithoutUpgrade}, nil, 2, []func(*testing.T, smoke.Result){refused, upgrade}},
		"upstream alone": {[]func(*fixtures.Ingress){fixtures.BinderUpstreamRefused}, nil, 1, []func(*testing.T, smoke.Result){refused}},
		"upgrade alone":  {[]func(*fixtures.Ingress){fixtures.HubWithoutUpgrade}, nil, 1, []func(*testing.T, smoke.Result){upgrade}},
		"upgrade alone, without the canary": {[]func(*fixtures.Ingress){fixtures.HubWithoutUpgrade}, []string{"SMOKE_SKIP=hub-host/upgrade"}, 1, []func(*testing.T, smoke.Result){func(t *testing.T, r smoke.Result) {
			f := find(t, r, "ws-upgrade-missing")
			require.Contains(t, proofs(f), "kernel/channel")
			require.True(t, slices.ContainsFunc(proofs(f), func(p string) bool { return strings.HasPrefix(p, "notebook/") }), proofs(f))
			requireRemedies(t, f)
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, d.ChangeIngress(t.Context(), c.faults...))
			defer func() { require.NoError(t, d.HealIngress(context.Background())) }()
			code, r := newSuite(t, d, c.environ...).run(t)
			require.Equal(t, 1, code)
			require.Equal(t, smoke.Failed, r.Verdict)
			require.Len(t, r.Targets[0].Findings, c.findings, "%+v", r.Targets[0].Findings)
			for _, check := range c.check {
				check(t, r)
			}
			requirePrompt(t, r)
			require.Empty(t, running(t, d))
		})
	}
}

func requireRemedies(t *testing.T, f diagnose.Finding) {
	t.Helper()
	for _, controller := range []string{"F5", "ommunity ingress-nginx", "lain nginx"} {
		require.Contains(t, f.Remedy, controller)
	}
	_, section, _ := strings.Cut(f.Link, "#")
	_, ok := diagnose.Section(section)
	require.True(t, ok, f.Link)
}

// Whatever scenario a SIGTERM hits, the program ends in time with a valid report, and what was launched is gone.
func TestSigtermInEveryScenario(t *testing.T) {
	d := deploy(t, fixtures.Config{})
	hit := map[string]struct{ after, setting string }{
		"binder-host": {"", ""},
		"hub-host":    {"hub-host/api", ""},
		"launch":      {"launch/build", ""},
		"server":      {"launch/route", ""},
		"kernel":      {"kernel/start", ""},
		"terminal":    {"terminal/open", ""},
		"idle":        {"kernel/stop", "SMOKE_IDLE=10m"},
		"pod":         {"kernel/execute", ""},
		"notebook":    {"notebook/launch", ""},
		"rebuild":     {"rebuild/build", "SMOKE_REBUILD=on"},
		"clean-up":    {"clean-up/shutdown", ""},
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(scenarios.Names())), slices.Collect(maps.Keys(hit)))
	for scenario, c := range hit {
		t.Run(scenario, func(t *testing.T) {
			s := newSuite(t, d, "SMOKE_GRACE=60s", c.setting) // enough for a busy machine's launches
			s.terminateAfter(t, c.after, 70*time.Second)
			require.Equal(t, 143, s.cmd.ProcessState.ExitCode())
			r := s.result(t)
			require.Equal(t, smoke.EndedSignal, r.Ended)
			require.Equal(t, smoke.Inconclusive, r.Verdict, "%+v", r.Targets[0].Findings)
			require.Empty(t, r.Targets[0].Leaked)
			for _, sc := range r.Targets[0].Scenarios {
				for _, st := range sc.Steps {
					require.NotEqual(t, smoke.Running, st.Verdict, "%s/%s", sc.Name, st.Name)
				}
			}
			require.Empty(t, running(t, d))
		})
	}
}

// terminateAfter starts the program, sends it SIGTERM when a step has passed (at once for ""), and waits for its end.
func (s *suite) terminateAfter(t *testing.T, step string, within time.Duration) {
	t.Helper()
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), " "+step+" ") && step != "" {
	}
	began := time.Now()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() {
	}
	_ = s.cmd.Wait()
	require.Less(t, time.Since(began), within, "10 s and the grace period")
}

// A launch that does not end within the grace period is named in the report: BinderHub goes on with it.
func TestSigtermBeforeReadyNamesTheLeak(t *testing.T) {
	repos := filepath.Join(t.TempDir(), "repos.yaml")
	require.NoError(t, os.WriteFile(repos, []byte(`repositories:
  - slug: gh/binder-examples/requirements
    directory: .
    refs: {HEAD: 50533eb470ee6c24e872043d30b2fee463d6943f}
    build: {duration: 10m, log: ["Collecting numpy"]}
`), 0o600))
	d := deploy(t, fixtures.Config{Binder: func(c *binderhub.Config) { c.ReposFile = repos }})
	s := newSuite(t, d, "SMOKE_GRACE=1s", "SMOKE_SKIP=notebook")
	s.terminateAfter(t, "hub-host/upgrade", 11*time.Second)
	require.Equal(t, 143, s.cmd.ProcessState.ExitCode())
	leaked := s.result(t).Targets[0].Leaked
	require.Len(t, leaked, 1)
	require.Equal(t, "gh/binder-examples/requirements/HEAD", leaked[0].Repository)
}
