package settings

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the README's table of settings anew")

func TestTheReadmeHasTheTable(t *testing.T) {
	const name, begin, end = "../../README.md", "<!-- settings: kept equal to smoke/settings by a test -->\n", "<!-- end of settings -->"
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), begin)
	require.True(t, ok, "the README has no beginning of the settings")
	table, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "the README has no end of the settings")
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(before+begin+Table()+end+after), 0o644))
		return
	}
	assert.Equal(t, Table(), table, "go test ./smoke/settings -run Readme -update writes it")
}

func TestTheReadmesExampleIsRight(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(b), "```yaml\ndefaults:\n")
	example, _, ok := strings.Cut("defaults:\n"+rest, "```")
	require.True(t, ok, "the README has no example of a settings file")
	target := mustLoad(t, example, nil).Settings.Targets[0]
	assert.NotEmpty(t, target.Expect.Versions)
	assert.NotEmpty(t, target.Notebooks)
	assert.NotEmpty(t, target.Egress)
	assert.NotEmpty(t, target.Isolation)
}

func TestTheTableNamesEverySetting(t *testing.T) {
	table, help := Table(), Help()
	for _, d := range definitions {
		assert.Contains(t, table, "| `"+d.env()+"` |")
		assert.Contains(t, help, "  "+d.flag()+"\n")
		assert.Regexp(t, `[.]$`, d.help, "help is a sentence")
	}
	for key, d := range leaves() {
		assert.Contains(t, table, "| target's `"+key+"` |")
		assert.Contains(t, help, "  "+key+"\n")
		assert.Regexp(t, `[.]$`, d.help, "help is a sentence")
		assert.False(t, d.take == nil && d.takePair == nil && d.begin == nil, key)
		assert.NotEmpty(t, d.must, key)
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
		require.NotNil(t, d.take, d.name)
		assert.NotEmpty(t, d.must, d.name)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"timeout", "targets", "grace"}
	assert.Equal(t, "timeout", nearest("timout", known))
	assert.Equal(t, "targets", nearest("target", known))
	assert.Equal(t, "--out", nearest("--ot", []string{"--out", "--app"}))
	assert.Equal(t, "SMOKE_HUB", nearest("SMOKE_HUBB", []string{"SMOKE_CA", "SMOKE_HUB"}))
	assert.Empty(t, nearest("zzz", known))
	assert.Empty(t, nearest("--bogus", []string{"--out", "--hub", "--a-b"}))
	assert.Empty(t, nearest("SMOKE_XY", []string{"SMOKE_CA", "SMOKE_UI"}))
	assert.Empty(t, didYouMean(strings.Repeat("x", 1<<20), known))
}
