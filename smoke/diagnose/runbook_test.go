package diagnose

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryCauseHasARunbookSection(t *testing.T) {
	for _, id := range Causes() {
		text, ok := Section(id)
		require.True(t, ok, "runbook.md has no section %q", id)
		require.Contains(t, text, "**Confirm.**", "the section %q does not say how to confirm", id)
		require.Contains(t, text, "**Remedy.**", "the section %q has no remedy", id)
	}
}

func TestEverySectionIsOfACauseOrAStep(t *testing.T) {
	known := strings.Join(Causes(), " ")
	for line := range strings.Lines(Runbook()) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), "## ")
		if !ok || strings.HasPrefix(id, "step-") {
			continue
		}
		require.Contains(t, known, id)
	}
}

func TestSection(t *testing.T) {
	text, ok := Section("ws-upgrade-missing")
	require.True(t, ok)
	require.True(t, strings.HasPrefix(text, "## ws-upgrade-missing\n"))
	require.NotContains(t, text, "\n## step")
	_, ok = Section("ws-upgrade")
	require.False(t, ok)
	_, ok = Section("")
	require.False(t, ok)
}
