package settings

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// loadIn reads settings in a directory that holds files.
func loadIn(t *testing.T, files map[string]string, environ []string, args ...string) (Loaded, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return Load(Source{Args: args, Environ: environ, Dir: dir, IDs: ids})
}

func TestCredentialsByReference(t *testing.T) {
	l, err := loadIn(t, map[string]string{"smoke.yaml": `
defaults:
  headers: {x-gate: {env: GATE}, X-Site: {file: site}}
targets:
  - name: token
    binder: https://a.example.org
    credentials: {token: {file: token}, must_work: on}
  - name: basic
    binder: https://b.example.org
    headers: {X-Site: {env: SITE}}
    credentials: {basic: {user: ops, password: {env: PASSWORD}}}
  - name: login
    binder: https://c.example.org
    credentials: {login: {user: smoke, password: {file: token}}}
`, "token": "abcdef123456\n", "site": "east"}, []string{"GATE=open sesame", "PASSWORD=hunter2!", "SITE=west"})
	require.NoError(t, err)
	token, basic, login := l.Settings.Targets[0], l.Settings.Targets[1], l.Settings.Targets[2]
	assert.Equal(t, "abcdef123456", token.Token)
	assert.True(t, token.Credentials.MustWork)
	assert.Equal(t, "open sesame", token.Headers.Get("X-Gate"))
	assert.Equal(t, "east", token.Headers.Get("X-Site"))
	assert.Equal(t, "west", basic.Headers.Get("X-Site"), "a target's own header wins")
	assert.Equal(t, "Basic b3BzOmh1bnRlcjIh", basic.Headers.Get("Authorization"))
	assert.False(t, basic.Credentials.MustWork)
	assert.Equal(t, &smoke.Login{User: "smoke", Password: "abcdef123456"}, login.Credentials.Login)
	assert.Empty(t, l.Defaults.Headers, "the loopback deployment gets no credentials")
}

func TestCredentialFilesOfTheEnvironment(t *testing.T) {
	files := map[string]string{"token": "abcdef123456", "headers": "# mine\nX-Gate: open sesame\r\n\n  x-site:east\n"}
	l, err := loadIn(t, files, []string{"SMOKE_BINDER=https://a", "SMOKE_TOKEN_FILE=token", "SMOKE_HEADERS_FILE=headers"})
	require.NoError(t, err)
	assert.Equal(t, "abcdef123456", l.Settings.Targets[0].Token)
	assert.Equal(t, "open sesame", l.Settings.Targets[0].Headers.Get("X-Gate"))
	assert.Equal(t, "east", l.Settings.Targets[0].Headers.Get("X-Site"))
}

func TestSavedCookies(t *testing.T) {
	l, err := loadIn(t, map[string]string{"smoke.yaml": one("  credentials: {cookies: jar}\n"), "jar": "# Netscape HTTP Cookie File\n\n" +
		"#HttpOnly_hub.example.org\tFALSE\t/hub/\tTRUE\t0\tjupyterhub-hub-login\t\"2|1:0|x\"\n" +
		".example.org\tTRUE\t/\tFALSE\t1900000000\tjupyterhub-session-id\tabc\n"}, nil)
	require.NoError(t, err)
	cookies := l.Settings.Targets[0].Credentials.Cookies
	require.Len(t, cookies, 2)
	assert.Equal(t, "jupyterhub-hub-login", cookies[0].Name)
	assert.Equal(t, "hub.example.org", cookies[0].Domain)
	assert.True(t, cookies[0].HttpOnly && cookies[0].Secure)
	assert.Equal(t, 2030, cookies[1].Expires.Year())
}

func TestAClientCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	l, err := loadIn(t, map[string]string{
		"smoke.yaml": one("  credentials: {certificate: {file: c.crt, key: c.key}}\n"),
		"c.crt":      string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"c.key":      string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, nil)
	require.NoError(t, err)
	require.NotNil(t, l.Settings.Targets[0].Credentials.Certificate)
}

func TestCredentialsOfTargetsThatDoNotRunAreNotRead(t *testing.T) {
	l, err := loadIn(t, map[string]string{"smoke.yaml": `
targets:
  - {name: a, binder: 'https://a', labels: {site: east}, credentials: {token: {env: A}}}
  - {name: b, binder: 'https://b', labels: {site: west}, credentials: {token: {env: B}}}
`}, []string{"A=abcdef"}, "--targets=site=east")
	require.NoError(t, err)
	require.Len(t, l.Settings.Targets, 1)
	assert.Equal(t, "a", l.Settings.Targets[0].Name)
}

func TestWhoOnlyLooksNeedsNoCredentials(t *testing.T) {
	src := Source{Dir: t.TempDir(), IDs: ids, Look: true}
	require.NoError(t, os.WriteFile(filepath.Join(src.Dir, "smoke.yaml"), []byte(`
targets:
  - {name: a, binder: 'https://a', credentials: {login: {user: u, password: {env: NONE}}}}
  - {name: b, binder: 'https://b', token_file: none, headers: {X-Gate: {env: GATE}}}
`), 0o600))
	src.Environ = []string{"GATE=open sesame"}
	l, err := Load(src)
	require.NoError(t, err)
	require.Len(t, l.Settings.Targets, 2)
	assert.Nil(t, l.Settings.Targets[0].Credentials.Login)
	assert.Equal(t, "open sesame", l.Settings.Targets[1].Headers.Get("X-Gate"))
	require.Len(t, l.Notes, 2)
	assert.Contains(t, l.Notes[0], "left out: smoke.yaml:3:")
	assert.Contains(t, l.Notes[0], "got {env: NONE}: that variable is not set")

	src.Args = []string{"--ui=maybe"}
	_, err = Load(src)
	require.Error(t, err, "what is no credential is refused as ever")
}

func TestAHubWithoutABinder(t *testing.T) {
	l, err := loadIn(t, nil, []string{"SMOKE_KIND=jupyterhub", "SMOKE_HUB=https://hub.example.org"})
	require.NoError(t, err)
	require.Len(t, l.Settings.Targets, 1)
	assert.Equal(t, smoke.KindJupyterHub, l.Settings.Targets[0].Kind)
	assert.Equal(t, "hub-example-org", l.Settings.Targets[0].Name)
	assert.Nil(t, l.Settings.Targets[0].Binder)
}

func TestKnownCausesBudgetsAndLabels(t *testing.T) {
	l := mustLoad(t, `
defaults:
  labels: {site: east, tier: test}
  budgets: {kernel/channel: 3m}
  known: [{cause: ws-upgrade-missing, until: 2030-01-31, why: "ticket 4711: the ingress is replaced"}]
targets:
  - {name: a, binder: 'https://a', labels: {tier: prod}, budgets: {binder-host/page: 10s}}
  - {name: b, binder: 'https://b', known: []}
`, nil)
	a, b := l.Settings.Targets[0], l.Settings.Targets[1]
	assert.Equal(t, map[string]string{"site": "east", "tier": "prod"}, a.Labels)
	assert.Equal(t, map[string]time.Duration{"kernel/channel": 3 * time.Minute, "binder-host/page": 10 * time.Second}, a.Budgets)
	require.Len(t, a.Known, 1)
	assert.Equal(t, "known until 2030-01-31: ticket 4711: the ingress is replaced", a.Known[0].String())
	assert.Empty(t, b.Known, "an empty list is rid of the defaults'")
}
