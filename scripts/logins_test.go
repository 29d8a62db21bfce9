package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
)

// secretFile keeps a secret as the settings refer to it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(name, []byte(secret+"\n"), 0o600))
	return name
}

// settingsFile makes the deployment the only target of a settings file, with further lines of the target's.
func settingsFile(t *testing.T, d *fixtures.Deployment, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "smoke.yaml")
	text := fmt.Sprintf("targets:\n  - name: t\n    binder: %s\n    hub: %s\n", d.BinderURL, d.HubURL)
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// newSuiteOf is newSuite with a settings file in the place of the environment.
func newSuiteOf(t *testing.T, d *fixtures.Deployment, file string, environ ...string) *suite {
	t.Helper()
	s := newSuite(t, d, append(environ, "SMOKE_CONFIG="+file)...)
	var kept []string
	for _, e := range s.cmd.Env {
		if !strings.HasPrefix(e, "SMOKE_BINDER=") && !strings.HasPrefix(e, "SMOKE_HUB=") {
			kept = append(kept, e)
		}
	}
	s.cmd.Env = kept
	return s
}

// requireSecret demands that a secret stands nowhere in what a run has written.
func (s *suite) requireSecret(t *testing.T, secret string) {
	t.Helper()
	require.NotEmpty(t, secret)
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		assert.NotContains(t, string(b), secret, path)
		return err
	}))
}

// requireAll demands that everything ran and passed, but for what is named with the reason that skips it.
func requireAll(t *testing.T, r smoke.Result, but ...string) {
	t.Helper()
	for _, sc := range r.Targets[0].Scenarios {
		if !assert.Contains(t, append(but, string(smoke.Pass)), map[bool]string{true: sc.Name, false: string(sc.Verdict)}[sc.Verdict == smoke.Skipped], sc.Name) {
			t.Logf("%+v", sc)
		}
	}
}

func TestLoginByToken(t *testing.T) {
	for name, config := range map[string]fixtures.Config{
		"two hosts": {Logins: true},
		"one host":  {Logins: true, OneHost: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, config)
			s := newSuite(t, d, "SMOKE_TOKEN_FILE="+secretFile(t, d.Login.Token))
			code, r := s.run(t)
			require.Equal(t, 0, code)
			requireAll(t, r, "idle", "rebuild")
			require.Contains(t, strings.Join(r.Targets[0].Notes, "\n"), "header login")
			s.requireSecret(t, d.Login.Token)
			require.Empty(t, running(t, d))
		})
	}
}

func TestARefusedTokenSaysNothingAboutTheDeployment(t *testing.T) {
	d := deploy(t, fixtures.Config{Logins: true})
	file := secretFile(t, "0123456789abcdef0123456789abcdef")
	code, r := newSuite(t, d, "SMOKE_TOKEN_FILE="+file).run(t)
	require.Equal(t, 4, code)
	require.NotEmpty(t, find(t, r, "credential-refused").Remedy)

	code, r = newSuiteOf(t, d, settingsFile(t, d, "credentials: {must_work: on, token: {file: "+file+"}}")).run(t)
	require.Equal(t, 1, code, "it must work")
	find(t, r, "credential-refused")

	code, r = newSuite(t, d).run(t)
	require.Equal(t, 4, code, "without a token")
	find(t, r, "login-required")
	require.Empty(t, running(t, d))
}

// behindBasicAuth puts nginx's basic authentication in front of both hosts.
func behindBasicAuth(t *testing.T, password string) func(*fixtures.Ingress) {
	t.Helper()
	users := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(users, []byte("ops:{PLAIN}"+password+"\n"), 0o644))
	for dir := filepath.Dir(users); dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) // nginx's worker is another user
	}
	demand := fmt.Sprintf("auth_basic \"smoke\";\nauth_basic_user_file %s;", users)
	return func(in *fixtures.Ingress) { in.Binder.Server, in.Hub.Server = demand, demand }
}

func TestLoginByBasicAuthentication(t *testing.T) {
	const password = "open-sesame-4711"
	d := deploy(t, fixtures.Config{Ingress: []func(*fixtures.Ingress){behindBasicAuth(t, password)}})
	file := settingsFile(t, d, "credentials: {basic: {user: ops, password: {env: OPS_PASSWORD}}}")

	s := newSuiteOf(t, d, file, "OPS_PASSWORD="+password)
	code, r := s.run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild")
	s.requireSecret(t, password)
	s.requireSecret(t, strings.TrimPrefix(smoke.BasicAuth("ops", password), "Basic "))

	code, r = newSuiteOf(t, d, file, "OPS_PASSWORD=another-one").run(t)
	require.Equal(t, 4, code)
	find(t, r, "credential-refused")
}

func TestAPIOnly(t *testing.T) {
	d := deploy(t, fixtures.Config{Binder: func(c *binderhub.Config) { c.APIOnly = true }})
	code, r := newSuite(t, d, "SMOKE_UI=off").run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild")
}

