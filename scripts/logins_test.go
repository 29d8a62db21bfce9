package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// long skips a shape that runs with the long tests only.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
}

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

// oldBrowser tells whether the run says that this machine's browser cannot send headers in websockets' handshakes.
func oldBrowser(r smoke.Result) bool {
	return slices.ContainsFunc(r.Targets[0].Findings, func(f diagnose.Finding) bool {
		return f.Severity == diagnose.Inconclusive && strings.Contains(f.Expected, "151 or later")
	})
}

func TestLoginByToken(t *testing.T) {
	for name, config := range map[string]fixtures.Config{
		"two hosts": {Logins: true},
		"one host":  {Logins: true, OneHost: true},
	} {
		t.Run(name, func(t *testing.T) {
			if !config.OneHost {
				long(t)
			}
			d := deploy(t, config)
			s := newSuite(t, d, "SMOKE_TOKEN_FILE="+secretFile(t, d.Login.Token))
			code, r := s.run(t)
			if oldBrowser(r) {
				require.Equal(t, 4, code)
				return
			}
			require.Equal(t, 0, code)
			requireAll(t, r, "idle", "rebuild")
			require.Contains(t, strings.Join(r.Targets[0].Notes, "\n"), "header login")
			require.Empty(t, r.Targets[0].Findings, "nothing to warn of either")
			s.requireSecret(t, d.Login.Token)
			require.Empty(t, running(t, d))
		})
	}
}

func TestARefusedTokenSaysNothingAboutTheDeployment(t *testing.T) {
	long(t)
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
	long(t)
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
	long(t)
	d := deploy(t, fixtures.Config{Binder: func(c *binderhub.Config) { c.APIOnly = true }})
	code, r := newSuite(t, d, "SMOKE_UI=off").run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild")
}

func TestAHubWithoutABinder(t *testing.T) {
	long(t)
	d := deploy(t, fixtures.Config{Logins: true})
	file := filepath.Join(t.TempDir(), "smoke.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "targets:\n  - {name: t, kind: jupyterhub, hub: '%s', credentials: {token: {file: %s}}}\n",
		d.HubURL, secretFile(t, d.Login.Token)), 0o600))
	s := newSuiteOf(t, d, file)
	code, r := s.run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle")
	s.requireSecret(t, d.Login.Token)
	require.Empty(t, running(t, d))

	require.NoError(t, d.StartServer(t.Context()))
	code, r = newSuiteOf(t, d, file).run(t)
	require.Equal(t, 4, code, "somebody's server is in the way")
	find(t, r, "leftover-state")
	servers, err := d.Servers(t.Context())
	require.NoError(t, err)
	require.Len(t, servers, 1, "and goes on")
}

// clientCertificate writes a certificate that vouches for itself, and its key.
func clientCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smoke test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return certificate, key
}

func TestLoginByClientCertificate(t *testing.T) {
	long(t)
	certificate, key := clientCertificate(t)
	demand := fmt.Sprintf("ssl_client_certificate %s;\nssl_verify_client on;", certificate)
	d := deploy(t, fixtures.Config{Ingress: []func(*fixtures.Ingress){func(in *fixtures.Ingress) { in.Binder.Server, in.Hub.Server = demand, demand }}})

	code, r := newSuiteOf(t, d, settingsFile(t, d, fmt.Sprintf("credentials: {certificate: {file: %s, key: %s}}", certificate, key))).run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild", "notebook")

	code, r = newSuite(t, d).run(t)
	require.NotEqual(t, 0, code, "without a certificate")
	find(t, r, "client-cert-required")
}

func TestLoginByForm(t *testing.T) {
	long(t)
	d := deploy(t, fixtures.Config{Logins: true})
	file := settingsFile(t, d, "credentials: {login: {user: "+d.Login.User+", password: {env: FORM_PASSWORD}}}")
	s := newSuiteOf(t, d, file, "FORM_PASSWORD="+d.Login.Password)
	code, r := s.run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild")
	require.NotContains(t, strings.Join(r.Targets[0].Notes, "\n"), "header login")
	s.requireSecret(t, d.Login.Password)
	require.Empty(t, running(t, d))

	code, r = newSuiteOf(t, d, file, "FORM_PASSWORD=not-the-password").run(t)
	require.Equal(t, 4, code)
	find(t, r, "credential-refused")
}

// cookieFile logs in at the hub's form and keeps the session's cookies as a browser's extension would.
func cookieFile(t *testing.T, d *fixtures.Deployment) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := d.Client()
	client.Jar = jar
	at, err := url.Parse(d.HubURL + "/hub/login")
	require.NoError(t, err)
	form, err := client.Get(at.String())
	require.NoError(t, err)
	require.NoError(t, form.Body.Close())
	var xsrf string
	for _, c := range jar.Cookies(at) {
		if c.Name == "_xsrf" {
			xsrf = c.Value
		}
	}
	in, err := client.PostForm(at.String(), url.Values{"username": {d.Login.User}, "password": {d.Login.Password}, "_xsrf": {xsrf}})
	require.NoError(t, err)
	require.NoError(t, in.Body.Close())
	require.Equal(t, http.StatusFound, in.StatusCode)
	text := "# Netscape HTTP Cookie File\n"
	for _, c := range in.Cookies() {
		value := c.Value
		if c.Quoted {
			value = `"` + value + `"`
		}
		text += fmt.Sprintf("#HttpOnly_%s\tFALSE\t%s\tTRUE\t0\t%s\t%s\n", at.Hostname(), c.Path, c.Name, value)
	}
	name := filepath.Join(t.TempDir(), "cookies.txt")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestLoginBySavedCookies(t *testing.T) {
	long(t)
	d := deploy(t, fixtures.Config{Logins: true})
	file := settingsFile(t, d, "credentials: {cookies: "+cookieFile(t, d)+"}")
	code, r := newSuiteOf(t, d, file).run(t)
	require.Equal(t, 0, code)
	requireAll(t, r, "idle", "rebuild")

	stale := filepath.Join(t.TempDir(), "stale.txt")
	require.NoError(t, os.WriteFile(stale, []byte(fixtures.HubHost+"\tFALSE\t/hub/\tTRUE\t0\tjupyterhub-hub-login\t2|1:0|10:0|x|y|z\n"), 0o600))
	code, r = newSuiteOf(t, d, settingsFile(t, d, "credentials: {cookies: "+stale+"}")).run(t)
	require.Equal(t, 4, code)
	find(t, r, "credential-refused")
}
