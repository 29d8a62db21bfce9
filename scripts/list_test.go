package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListShowsWhatIsDemanded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
defaults:
  metadata: 100.100.100.200:80
  expect: {versions: {binderhub: "0.2"}, python: 3.12, packages: [numpy], files: [a.txt]}
  notebooks: [a.ipynb, b.ipynb]
  egress: [pypi.org:443]
  isolation: [10.0.0.1:443]
`), 0o600))
	code, out, err := call(t, "list", "--config", file, "--binder=https://binder.example.org")
	require.Equal(t, 0, code, err)
	assert.Contains(t, out, `  expect binderhub 0.2, python 3.12, package numpy, file a.txt
  notebooks a.ipynb, b.ipynb
  egress pypi.org:443
  isolation 10.0.0.1:443
  metadata 100.100.100.200:80
`)

	code, out, err = call(t, "list", "--config", file)
	require.Equal(t, 0, code, err)
	assert.Contains(t, out, "  notebooks a.ipynb, b.ipynb\n")
	for _, never := range []string{"egress pypi", "isolation 10", "metadata 100"} {
		assert.NotContains(t, out, never, "the deployment on loopback is not asked")
	}
}
