package scenarios_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATargetIsGiven(t *testing.T) {
	const file = "targets:\n  - name: example\n    binder: https://binder.example.org\n"
	for name, c := range map[string]struct {
		file    string
		environ []string
		want    bool
	}{
		"nothing":                    {"", nil, false},
		"other settings":             {"", []string{"SMOKE_IDLE=5s", "LANG=C"}, false},
		"an empty variable":          {"", []string{"SMOKE_BINDER="}, false},
		"a variable":                 {"", []string{"SMOKE_BINDER=https://binder.example.org"}, true},
		"a file alone":               {file, nil, true},
		"a file without targets":     {"defaults: {idle: 5s}\n", nil, false},
		"of a file's targets, one":   {file, []string{"SMOKE_TARGETS=example"}, true},
		"a name that no file has":    {"", []string{"SMOKE_TARGETS=example"}, true},
		"a file that cannot be read": {"targets: yes\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if c.file != "" {
				require.NoError(t, os.WriteFile(filepath.Join(root, "smoke.yaml"), []byte(c.file), 0o600))
			}
			require.Equal(t, c.want, givenTarget(root, c.environ))
		})
	}
}

// With a target, go test ./scenarios tests that and nothing else; -run asks for what it names all the same.
func TestOnlyTheTargetIsTested(t *testing.T) {
	binder := serve(t, http.NotFound)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "TestScenarios"},
		{[]string{"-test.run=^TestATargetIsGiven$"}, "TestATargetIsGiven"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], append(c.args, "-test.v")...)
		cmd.Env = append(os.Environ(), "SMOKE_BINDER="+binder.String(), "SMOKE_SCENARIOS=binder-host/dns",
			"SMOKE_OUT="+t.TempDir(), "SMOKE_STATE="+t.TempDir())
		out, _ := cmd.CombinedOutput()
		var ran []string
		for _, m := range regexp.MustCompile(`(?m)^=== RUN   (Test\w+)$`).FindAllStringSubmatch(string(out), -1) {
			ran = append(ran, m[1])
		}
		require.Equal(t, []string{c.want}, ran, "%s", out)
	}
}
