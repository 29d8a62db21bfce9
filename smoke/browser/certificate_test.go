package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPolicyThatSelectsCertificatesIsFound(t *testing.T) {
	dir := t.TempDir()
	defer func(old []string) { policies = old }(policies)
	policies = []string{filepath.Join(dir, "none"), dir}
	assert.False(t, SelectsCertificates())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.json"), []byte(`{"HomepageLocation": "about:blank"}`), 0o600))
	assert.False(t, SelectsCertificates())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.json"), []byte(`{"AutoSelectCertificateForUrls": ["{\"pattern\":\"https://x\",\"filter\":{}}"]}`), 0o600))
	assert.True(t, SelectsCertificates())
}
