package smoke_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// tree is what TestTree shows as subtests. Names of a target may be the user's, so one has a space.
var tree = [][3]string{
	{"one", "launch", "build"}, {"one", "launch", "spawn"}, {"one", "kernel", "execute"}, {"one", "kernel", "stop"},
	{"two words", "launch", "build"}, {"two words", "kernel", "execute"}, {"one-more", "kernel", "execute-again"},
}

const treeVariable = "SMOKE_TEST_TREE"

// TestTree shows the tree to package testing with each of the patterns, where shown runs it; it is nothing by itself.
func TestTree(t *testing.T) {
	if os.Getenv(treeVariable) == "" {
		t.Skip("TestTestFilter runs this")
	}
	for i, c := range filters {
		require.NoError(t, flag.Set("test.run", c[0]))
		require.NoError(t, flag.Set("test.skip", c[1]))
		testing.RunTests(regexp.MatchString, []testing.InternalTest{{Name: "TestTree", F: func(t *testing.T) { showTree(t, i) }}})
	}
}

func showTree(t *testing.T, i int) {
	for _, target := range slices.Compact(column(tree, 0)) {
		t.Run(target, func(t *testing.T) {
			below := within(tree, 0, target)
			for _, scenario := range slices.Compact(column(below, 1)) {
				t.Run(scenario, func(t *testing.T) {
					for _, step := range column(within(below, 1, scenario), 2) {
						t.Run(step, func(t *testing.T) { fmt.Printf("shown %d %s|%s|%s\n", i, target, scenario, step) })
					}
				})
			}
		})
	}
}

func column(rows [][3]string, i int) (names []string) {
	for _, row := range rows {
		names = append(names, row[i])
	}
	return names
}

func within(rows [][3]string, i int, name string) (found [][3]string) {
	for _, row := range rows {
		if row[i] == name {
			found = append(found, row)
		}
	}
	return found
}

// shown is what package testing shows of the tree for each of the filters, by its own matching.
func shown(t *testing.T) map[int][]string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestTree$")
	cmd.Env = append(os.Environ(), treeVariable+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	found := map[int][]string{}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "shown "); ok {
			number, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
			i, err := strconv.Atoi(number)
			require.NoError(t, err)
			found[i] = append(found[i], name)
		}
	}
	return found
}

// filters are values of -test.run and -test.skip.
var filters = [][2]string{
	{"^TestTree$", ""},
	{"TestTree/one/kernel/execute", ""},
	{"TestTree/one/kernel/^execute$", ""},
	{"TestTree/^one$/kernel", ""},
	{"TestTree/two words/kernel", ""},
	{"TestTree/two_words", ""},
	{"TestTree//kernel", ""},
	{"TestTree///stop", ""},
	{"TestTree///stop/deeper", ""},
	{"TestTree/none", ""},
	{"^TestTree$/one/launch|^TestTree$/two/kernel", ""},
	{"^TestTree$/(one|two)/(launch/x|kernel)", ""},
	{"^TestTree$/one/(launch|kernel)/(build|stop)", ""},
	{"^TestTree$/[/o]ne", ""},
	{`^TestTree$/o\w+/k[]e]rnel`, ""},
	{`^TestTree$/one\|more|^TestTree$//launch/spawn`, ""},
	{"^TestTree$", "TestTree/one"},
	{"^TestTree$", "TestTree//launch"},
	{"^TestTree$", "TestTree///execute"},
	{"^TestTree$", "TestTree/one/kernel/execute/deeper"},
	{"^TestTree$", "TestTree/one/kernel/stop|TestTree/one/launch"},
	{"^TestTree$", "TestTree/one/kernel/stop|TestTree/one"},
	{"^TestTree$", "TestTree/two words/launch"},
	{"TestTree/one", "TestTree//kernel/execute"},
	{"TestTree//kernel", "//kernel/execute$"},
	{"^TestTree$", "^Tree"},
}

// TestTestFilter holds the filter against package testing itself.
func TestTestFilter(t *testing.T) {
	want := shown(t)
	require.Len(t, want[0], len(tree), "the first filter names everything")
	for i, c := range filters {
		filter, asked := smoke.FilterOf("TestTree", c[0], c[1]), []string(nil)
		for _, row := range tree {
			if filter(row[0], row[1], row[2]) == smoke.Asked {
				asked = append(asked, strings.Join(row[:], "|"))
			}
		}
		assert.Equal(t, want[i], asked, "-run %q -skip %q", c[0], c[1])
	}
}

func TestWhatSkipNamesIsLeftOut(t *testing.T) {
	filter := smoke.FilterOf("TestScenarios", "TestScenarios//kernel", "TestScenarios//launch")
	assert.Equal(t, smoke.LeftOut, filter("t", "launch", "build"))
	assert.Equal(t, smoke.Asked, filter("t", "kernel", "start"))
	assert.Equal(t, smoke.NotAsked, filter("t", "notebook", "run"))
}

func flagOf(name string) string { return flag.Lookup(name).Value.String() }

func TestTestFilterReadsTheFlags(t *testing.T) {
	assert.Equal(t, smoke.FilterOf(t.Name(), flagOf("test.run"), flagOf("test.skip"))("t", "a", "x"), smoke.TestFilter(t.Name())("t", "a", "x"))
	assert.Equal(t, smoke.Asked, smoke.FilterOf("TestScenarios", "", "")("t", "a", "x"))
	assert.Equal(t, smoke.NotAsked, smoke.FilterOf("TestScenarios", "TestScenarios/(", "")("t", "a", "x"), "no expression matches nothing")
}
