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

var ids = IDs{"binder-host": {"page", "health"}, "hub-host": {"api", "upgrade"}, "kernel": {"channel", "execute"}}

// load reads settings in a directory of the test's own, with smoke.yaml holding yaml unless it is empty.
func load(t *testing.T, yaml string, environ []string, args ...string) (Loaded, error) {
	t.Helper()
	dir := t.TempDir()
	if yaml != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "smoke.yaml"), []byte(yaml), 0o600))
	}
	writeCA(t, filepath.Join(dir, "ca.pem"))
	return Load(Source{Args: args, Environ: environ, Dir: dir, IDs: ids})
}

func mustLoad(t *testing.T, yaml string, environ []string, args ...string) Loaded {
	t.Helper()
	l, err := load(t, yaml, environ, args...)
	require.NoError(t, err)
	return l
}

func writeCA(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

func TestNothingGivenIsTheLoopbackWithDefaults(t *testing.T) {
	l := mustLoad(t, "", nil)
	assert.Empty(t, l.Settings.Targets)
	assert.Empty(t, l.File)
	assert.Equal(t, "gh/binder-examples/requirements/HEAD", l.Defaults.Spec)
	assert.True(t, l.Defaults.UI)
	assert.Equal(t, 20, l.Defaults.Repeat)
	assert.Equal(t, smoke.AppLab, l.Defaults.App)
	assert.Equal(t, 15*time.Minute, l.Settings.Timeout)
	assert.Equal(t, 10*time.Second, l.Settings.Grace)
	assert.False(t, l.Settings.FlakyFails)
	assert.True(t, filepath.IsAbs(l.Settings.Out))
	assert.Equal(t, "smoke-report", filepath.Base(l.Settings.Out))
	assert.Equal(t, "smoke-state", filepath.Base(l.Settings.State))
}

func TestSettingsOfTheLoopbackAreTheUsers(t *testing.T) {
	l := mustLoad(t, "defaults: {app: notebook}\n", []string{"SMOKE_SKIP=kernel", "SMOKE_DEPS=/somewhere"}, "--scenarios", "binder-host/page, kernel")
	assert.Equal(t, smoke.AppNotebook, l.Defaults.App)
	assert.Equal(t, []string{"kernel"}, l.Defaults.Skip)
	assert.Equal(t, []string{"binder-host/page", "kernel"}, l.Defaults.Scenarios)
}

func TestOneTargetFromTheEnvironment(t *testing.T) {
	l := mustLoad(t, "", []string{"SMOKE_BINDER=https://Binder.example.org/services/binder", "SMOKE_HUB=https://hub.example.org",
		"SMOKE_CA=ca.pem", "SMOKE_UI=off", "SMOKE_SPEC="})
	require.Len(t, l.Settings.Targets, 1)
	target := l.Settings.Targets[0]
	assert.Equal(t, "binder-example-org", target.Name)
	assert.Equal(t, "https://binder.example.org/services/binder/", target.Binder.String())
	assert.Equal(t, "https://hub.example.org/", target.Hub.String())
	assert.Contains(t, string(target.CA), "CERTIFICATE")
	assert.True(t, filepath.IsAbs(target.CAFile))
	assert.False(t, target.UI)
	assert.Equal(t, "gh/binder-examples/requirements/HEAD", target.Spec, "an empty variable counts as unset")
}

const twoTargets = `
timeout: 20m
grace: 5s
defaults:
  spec: gh/o/r/main
  skip: [hub-host]
targets:
  - name: prod
    binder: https://binder.example.org
    hub: https://hub.example.org
    resolve:
      - binder.example.org:443=192.0.2.1
  - binder: http://staging.example.org:8080/
    spec: gl/o%2Fr/main
    skip: kernel/execute, kernel/channel
`

func TestFileWithTargetsAndDefaults(t *testing.T) {
	l := mustLoad(t, twoTargets, []string{"SMOKE_GRACE=7s"}, "--timeout=30m")
	assert.Equal(t, 30*time.Minute, l.Settings.Timeout, "a flag wins")
	assert.Equal(t, 7*time.Second, l.Settings.Grace, "the environment wins over the file")
	require.Len(t, l.Settings.Targets, 2)
	prod, staging := l.Settings.Targets[0], l.Settings.Targets[1]
	assert.Equal(t, "prod", prod.Name)
	assert.Equal(t, "gh/o/r/main", prod.Spec)
	assert.Equal(t, []string{"hub-host"}, prod.Skip)
	assert.Equal(t, map[string]string{"binder.example.org:443": "192.0.2.1:443"}, prod.Resolve)
	assert.Equal(t, "staging-example-org-8080", staging.Name)
	assert.Equal(t, "gl/o%2Fr/main", staging.Spec)
	assert.Equal(t, []string{"kernel/execute", "kernel/channel"}, staging.Skip)
	assert.Nil(t, staging.Hub)
	assert.Equal(t, "smoke.yaml", filepath.Base(l.File))
}

func TestTargetsAreSelectedByName(t *testing.T) {
	l := mustLoad(t, twoTargets, []string{"SMOKE_TARGETS=staging-example-org-8080"})
	require.Len(t, l.Settings.Targets, 1)
	assert.Equal(t, "staging-example-org-8080", l.Settings.Targets[0].Name)

	l = mustLoad(t, twoTargets, []string{"SMOKE_HUB=https://other.example.org"}, "--targets", "prod")
	require.Len(t, l.Settings.Targets, 1)
	assert.Equal(t, "other.example.org", l.Settings.Targets[0].Hub.Host)
}

func TestBinderBesideFileTargetsIsNoted(t *testing.T) {
	l := mustLoad(t, twoTargets, []string{"SMOKE_BINDER=https://else.example.org"})
	require.Len(t, l.Settings.Targets, 1)
	assert.Equal(t, "gh/o/r/main", l.Settings.Targets[0].Spec, "the file's defaults apply")
	require.Len(t, l.Notes, 1)
	assert.Contains(t, l.Notes[0], "SMOKE_BINDER")
}

func TestPathsAreRelativeToWhereTheyWereGiven(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "conf"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o600))
	writeCA(t, filepath.Join(dir, "conf", "ca.pem"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf", "s.yaml"), []byte("defaults: {ca: ca.pem}\nout: reports\n"), 0o600))
	l, err := Load(Source{Environ: []string{"SMOKE_CONFIG=../conf/s.yaml"}, Dir: filepath.Join(dir, "sub")})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "conf", "ca.pem"), l.Defaults.CAFile)
	assert.Equal(t, filepath.Join(dir, "conf", "reports"), l.Settings.Out)
	assert.Equal(t, filepath.Join(dir, "smoke-state"), l.Settings.State, "defaults lie beside go.mod")
}

func TestFileBesideGoModIsFound(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "scenarios"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "smoke.yaml"), []byte("grace: 1s"), 0o600))
	l, err := Load(Source{Dir: filepath.Join(dir, "scenarios")})
	require.NoError(t, err)
	assert.Equal(t, time.Second, l.Settings.Grace)
}

func TestResolveForms(t *testing.T) {
	for given, want := range map[string][2]string{
		"a.example:443=127.0.0.1":         {"a.example:443", "127.0.0.1:443"},
		"A.example:443=127.0.0.1:8443":    {"a.example:443", "127.0.0.1:8443"},
		"a.example:443=[::1]":             {"a.example:443", "[::1]:443"},
		"a.example:443=[2001:db8::1]:844": {"a.example:443", "[2001:db8::1]:844"},
		"[2001:db8::1]:443=192.0.2.1":     {"[2001:db8::1]:443", "192.0.2.1:443"},
	} {
		l := mustLoad(t, "", nil, "--resolve="+given)
		assert.Equal(t, map[string]string{want[0]: want[1]}, l.Defaults.Resolve, given)
	}
}

func TestTheLoopbackIsTheDefaultsAtItsURLs(t *testing.T) {
	l := mustLoad(t, "", []string{"SMOKE_SKIP=kernel", "SMOKE_RESOLVE=x:1=127.0.0.1"})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, ca)
	require.NoError(t, l.Loopback("https://binder.smoke.test", "https://hub.smoke.test", ca, "binder.smoke.test:443=127.0.0.1:8443,hub.smoke.test:443=127.0.0.1:8443"))
	require.Len(t, l.Settings.Targets, 1)
	target := l.Settings.Targets[0]
	assert.Equal(t, "binder-smoke-test", target.Name)
	assert.Equal(t, "https://hub.smoke.test/", target.Hub.String())
	assert.Len(t, target.Resolve, 2)
	assert.Equal(t, []string{"kernel"}, target.Skip)
	assert.Equal(t, ca, target.CAFile)
	require.ErrorContains(t, l.Loopback("nonsense", "https://h", ca, "a:1=127.0.0.1"), "loopback deployment: binder must be")
}
