package main

import (
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rhysd/actionlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// workflowFiles are all files of .github that GitHub reads.
func workflowFiles(t *testing.T) (workflows, actions []string) {
	t.Helper()
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	actions, err = filepath.Glob("../.github/actions/*/action.yml")
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	require.NotEmpty(t, actions)
	return workflows, actions
}

func TestWorkflowsAreInOrder(t *testing.T) {
	shellcheck, _ := exec.LookPath("shellcheck") // without it the scripts in the workflows are not looked at
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: shellcheck})
	require.NoError(t, err)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	project, err := actionlint.NewProject(root)
	require.NoError(t, err)
	workflows, _ := workflowFiles(t)
	for _, name := range workflows {
		problems, err := linter.LintFile(name, project)
		require.NoError(t, err)
		assert.Empty(t, problems, name)
	}
}

// The workflow offers what there is to choose, begins as the README says, and may do no more than read.
func TestTheWorkflowOffersWhatThereIs(t *testing.T) {
	b, err := os.ReadFile("../.github/workflows/smoke.yml")
	require.NoError(t, err)
	var w struct {
		On          map[string]any
		Permissions map[string]string
		Jobs        map[string]struct {
			Permissions map[string]string
			Concurrency map[string]any
			Timeout     int `yaml:"timeout-minutes"`
		}
	}
	require.NoError(t, yaml.Unmarshal(b, &w))
	require.ElementsMatch(t, []string{"workflow_call", "workflow_dispatch", "repository_dispatch", "schedule"}, slices.Collect(maps.Keys(w.On)))
	byHand := struct {
		Inputs map[string]struct {
			Type    string
			Options []string
		}
	}{}
	again, err := yaml.Marshal(w.On["workflow_dispatch"])
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(again, &byHand))
	assert.Equal(t, "choice", byHand.Inputs["target"].Type)
	assert.ElementsMatch(t, []string{string(smoke.ModeGate), string(smoke.ModeQuick), string(smoke.ModeSoak)}, byHand.Inputs["mode"].Options)
	assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions)
	for name, job := range w.Jobs {
		assert.Empty(t, job.Permissions, name)
	}
	assert.Equal(t, false, w.Jobs["smoke"].Concurrency["cancel-in-progress"], "who has launched is not cancelled")
	assert.Greater(t, w.Jobs["smoke"].Timeout, 4*60, "a soak of four hours has the time")
}

// pinned is an action of another repository at a commit, with the version for people.
var pinned = regexp.MustCompile(`^[a-z-]+/[a-z-]+(/[a-z-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

func TestActionsOfOthersArePinnedByTheSameDigestEverywhere(t *testing.T) {
	workflows, actions := workflowFiles(t)
	digests := map[string]string{}
	for _, name := range append(workflows, actions...) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			_, used, ok := strings.Cut(strings.TrimSpace(line), "uses: ")
			if !ok || strings.HasPrefix(used, "./") {
				continue
			}
			require.Regexp(t, pinned, used, name)
			action, version, _ := strings.Cut(used, "@")
			action = strings.Join(strings.Split(action, "/")[:2], "/")
			if earlier := digests[action]; earlier != "" {
				assert.Equal(t, earlier, version, "%s: %s", name, action)
			}
			digests[action] = version
		}
	}
	assert.Len(t, digests, 6)
}

// action is what the tests look at of an action.yml.
type action struct {
	Inputs map[string]struct{ Description, Default string }
	Runs   struct {
		Using string
		Steps []struct {
			Name, ID, Shell, Run, Uses, If string
			Env                            map[string]string
		}
	}
}

func readAction(t *testing.T) action {
	t.Helper()
	b, err := os.ReadFile("../.github/actions/smoke/action.yml")
	require.NoError(t, err)
	var a action
	require.NoError(t, yaml.Unmarshal(b, &a))
	return a
}

func TestTheActionsScriptsAreInOrder(t *testing.T) {
	a := readAction(t)
	assert.Equal(t, "composite", a.Runs.Using)
	scripts, kept := 0, 0
	for _, step := range a.Runs.Steps {
		if strings.HasPrefix(step.Uses, "actions/upload-artifact@") || strings.HasPrefix(step.Uses, "actions/cache/save@") {
			assert.Equal(t, "always()", step.If, "what a failed run leaves is wanted most")
			kept++
		}
		if step.Run == "" {
			continue
		}
		scripts++
		assert.Equal(t, "bash", step.Shell, "a composite action's step needs a shell")
		assert.NotContains(t, step.Run, "${{", "a value must not become a script: it goes through the environment")
		checkScript(t, step.Run)
	}
	assert.Equal(t, 3, scripts)
	assert.Equal(t, 2, kept)
	for name, input := range a.Inputs {
		assert.NotEmpty(t, input.Description, name)
	}
	b, err := os.ReadFile("../.github/actions/smoke/targets.sh")
	require.NoError(t, err)
	checkScript(t, string(b))
}

// checkScript has shellcheck look at a script, where there is one.
func checkScript(t *testing.T, script string) {
	t.Helper()
	if _, err := exec.LookPath("shellcheck"); err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), "shellcheck", "--shell=bash", "-")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, string(out))
}

// What the action hands to the suite must be settings, or every run ends with 78.
func TestTheActionSetsOnlySettings(t *testing.T) {
	for _, step := range readAction(t).Runs.Steps {
		for name := range step.Env {
			if strings.HasPrefix(name, "SMOKE_") {
				t.Setenv(name, "")
				code, _, stderr := shellList(t)
				assert.Equal(t, 0, code, stderr)
			}
		}
	}
}

// shellList calls the program's list with this environment.
func shellList(t *testing.T) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems strings.Builder
	p := &program{stdout: &out, stderr: &problems, environ: os.Environ(), stop: newInterrupt(t.Context(), io.Discard)}
	t.Chdir(t.TempDir())
	return p.main([]string{"list"}), out.String(), problems.String()
}

// step runs a step's script as GitHub does, and returns what it sets.
func runStep(t *testing.T, id string, env ...string) string {
	t.Helper()
	for _, step := range readAction(t).Runs.Steps {
		if step.ID != id {
			continue
		}
		output := filepath.Join(t.TempDir(), "output")
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Env = append(os.Environ(), append(env, "GITHUB_OUTPUT="+output)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		b, err := os.ReadFile(output)
		require.NoError(t, err)
		return string(b)
	}
	require.Fail(t, "no such step", id)
	return ""
}

func TestTheActionReadsTheVerdict(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, "verdict=\n", runStep(t, "verdict", "REPORT="+dir), "nothing began")
	url, _ := silent(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--binder", url, "--scenarios", "idle", "--skip", "idle,binder-host,hub-host,launch", "--out", dir)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), asProgram+"=1")
	_ = cmd.Run()
	assert.Equal(t, "verdict=skip\n", runStep(t, "verdict", "REPORT="+dir))
}

func TestTheActionFindsTheSuite(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	out := runStep(t, "suite", "ACTION="+root+"/.github/actions/smoke", "RUNNER_TEMP=/tmp/x")
	assert.Regexp(t, "^root="+regexp.QuoteMeta(root)+"\nmodules=[0-9a-f]{16}\nreport=/tmp/x/smoke-report\n$", out)
}

func TestTheMatrixIsMadeOfTheTargets(t *testing.T) {
	script, err := filepath.Abs("../.github/actions/smoke/targets.sh")
	require.NoError(t, err)
	const file = "targets:\n  - {name: production, binder: \"https://a.example.org\"}\n  - {name: staging-2, binder: \"https://b.example.org\"}\n"
	built := t.TempDir() // the program, once
	names := func(content string, env ...string) (string, error) {
		dir := t.TempDir()
		if content != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "smoke.yaml"), []byte(content), 0o600))
		}
		cmd := exec.CommandContext(t.Context(), script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "SMOKE_DEPS="+built)...)
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	out, err := names(file)
	require.NoError(t, err)
	assert.JSONEq(t, `["production", "staging-2"]`, out)
	out, err = names(strings.ReplaceAll(file, "}", ", credentials: {token: {env: NOT_OF_THIS_JOB}}}"))
	require.NoError(t, err, "the job that makes the matrix is given no secrets")
	assert.JSONEq(t, `["production", "staging-2"]`, out)
	out, err = names(file, "SMOKE_TARGETS=staging-2")
	require.NoError(t, err)
	assert.JSONEq(t, `["staging-2"]`, out)
	out, err = names("")
	require.NoError(t, err)
	assert.JSONEq(t, `[]`, out)
	_, err = names(file, "SMOKE_TARGETS=moon")
	require.Error(t, err)
	_, err = names("targets: 3\n")
	require.Error(t, err)
}
