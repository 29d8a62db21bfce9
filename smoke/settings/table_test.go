package settings

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheTableNamesEverySetting(t *testing.T) {
	table, help := Table(), Help()
	for _, d := range definitions {
		if d.later {
			assert.NotContains(t, table, d.env()+"`")
			continue
		}
		assert.Contains(t, table, "| `"+d.env()+"` |")
		assert.Contains(t, help, "  "+d.flag()+"\n")
		assert.Regexp(t, `[.]$`, d.help, "help is a sentence")
	}
	for line := range strings.Lines(table) {
		assert.Equal(t, 6, strings.Count(line, "|"), line)
	}
}

func TestHelpFitsEightyColumns(t *testing.T) {
	for line := range strings.Lines(Help()) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 80, line)
	}
}

func TestDefinitionsAreWhole(t *testing.T) {
	for _, d := range definitions {
		assert.Regexp(t, regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`), d.name)
		if !d.later {
			require.NotNil(t, d.take, d.name)
			assert.NotEmpty(t, d.must, d.name)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"timeout", "targets", "grace"}
	assert.Equal(t, "timeout", nearest("timout", known))
	assert.Equal(t, "targets", nearest("target", known))
	assert.Empty(t, nearest("zzz", known))
	assert.Empty(t, didYouMean(strings.Repeat("x", 1<<20), known))
}
