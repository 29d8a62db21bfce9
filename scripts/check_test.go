package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckSaysWhatTheSettingsComeTo(t *testing.T) {
	examples, err := filepath.Abs("../fixtures/targets")
	require.NoError(t, err)
	code, out, stderr := call(t, "check", "--config", filepath.Join(examples, "lone.yaml"))
	assert.Equal(t, 0, code, stderr)
	assert.Contains(t, out, "lone.yaml: the settings are in order; one target: binder\n")

	code, out, stderr = call(t, "check")
	assert.Equal(t, 0, code, stderr)
	assert.Contains(t, out, "no settings file: the settings are in order; without a target")

	code, out, stderr = call(t, "check", "--config", filepath.Join(examples, "fleet.yaml"))
	assert.Equal(t, 78, code, "its secrets are not there")
	assert.Empty(t, out)
	assert.Contains(t, stderr, "headers.X-Fleet-Gate must be {env: NAME} or {file: path}")
}

func TestCheckSaysThatAKnownCauseIsOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
targets:
  - {name: a, binder: 'https://a', known: [{cause: ws-upgrade-missing, until: 2020-01-01, why: long ago}]}
  - {name: b, binder: 'https://b'}
`), 0o600))
	code, out, stderr := call(t, "check", "--config", file)
	assert.Equal(t, 0, code)
	assert.Contains(t, stderr, "a: ws-upgrade-missing was known until 2020-01-01: long ago; that day is over")
	assert.Contains(t, out, "2 targets: a, b")
}

func TestListShowsEachTargetsOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
targets:
  - name: a
    binder: https://a
    labels: {site: east}
    credentials: {token: {env: A_TOKEN}}
    budgets: {launch/spawn: 90s}
    known: [{cause: ws-upgrade-missing, until: 2030-01-31, why: ticket}]
  - {name: b, binder: 'https://b', skip: [kernel]}
`), 0o600))
	code, out, stderr := callIn(t, []string{"A_TOKEN=not-to-be-shown"}, "list", "--config", file)
	require.Equal(t, 0, code, stderr)
	assert.Contains(t, out, "  labels site=east\n  login  API token (header login)\n  known  ws-upgrade-missing (known until 2030-01-31: ticket)\n")
	assert.Regexp(t, `(?m)^    spawn +up to 90 s$`, out)
	assert.NotContains(t, out, "not-to-be-shown")
	assert.Regexp(t, `(?s)\nb\n.*channel +would not run: skip asked for\n`, out)
}
