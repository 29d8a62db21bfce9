package scenarios_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// plans constructs the scenarios of every kind of target: which steps there are, and what they need, depends on its pages, on
// TLS, and on whether its hub is known.
func plans(t *testing.T, check func(t *testing.T, plan []smoke.Scenario)) {
	for _, ui := range []bool{true, false} {
		for _, scheme := range []string{"http", "https"} {
			for _, known := range []bool{true, false} {
				target := smoke.Target{Name: "example", Binder: &url.URL{Scheme: scheme, Host: "binder.example.org", Path: "/"}, UI: ui, Spec: "gh/binder-examples/requirements/HEAD"}
				if known {
					target.Hub = &url.URL{Scheme: scheme, Host: "hub.example.org", Path: "/"}
				}
				t.Run(fmt.Sprintf("ui=%t,%s,hub=%t", ui, scheme, known), func(t *testing.T) { check(t, scenarios.Plan(target)) })
			}
		}
	}
}

func TestEveryPlanIsSound(t *testing.T) {
	plans(t, func(t *testing.T, plan []smoke.Scenario) { require.NoError(t, smoke.Check(plan)) })
}

// The shapes of targets differ in what needs what, and never in names: settings, reports and the runbook rely on them.
func TestEveryPlanHasTheSameSteps(t *testing.T) {
	plans(t, func(t *testing.T, plan []smoke.Scenario) {
		names := map[string][]string{}
		for _, sc := range plan {
			names[sc.Name] = stepsOf(sc)
		}
		require.Equal(t, scenarios.Names(), names)
	})
}

func TestEveryStepHasARunbookSection(t *testing.T) {
	plans(t, func(t *testing.T, plan []smoke.Scenario) {
		for _, sc := range plan {
			for _, step := range stepsOf(sc) {
				text, ok := diagnose.Section("step-" + sc.Name + "-" + step)
				require.True(t, ok, "runbook.md has no section step-%s-%s", sc.Name, step)
				_, says, _ := strings.Cut(text, "\n\n")
				require.NotEmpty(t, strings.TrimSpace(says), "the section step-%s-%s says nothing", sc.Name, step)
			}
		}
	})
}

func stepsOf(sc smoke.Scenario) []string {
	var names []string
	for _, st := range sc.Steps {
		names = append(names, st.Name)
	}
	return names
}

// What the README says is tested is what is.
func TestReadmeNamesEveryScenario(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## What is tested\n")
	require.True(t, ok, "README.md has no section What is tested")
	section, _, _ = strings.Cut(section, "\n## ")
	_, table, ok := strings.Cut(section, "|---|---|---|\n")
	require.True(t, ok, "the section has no table")
	table, _, _ = strings.Cut(table, "\n\n")
	require.Equal(t, whatIsTested(), strings.Split(strings.ReplaceAll(strings.TrimSpace(table), "`", ""), "\n"))
}

// whatIsTested is the README's table, a line each scenario, without the marks of code.
func whatIsTested() []string {
	binder := &url.URL{Scheme: "https", Host: "binder.example.org", Path: "/"}
	var rows []string
	for _, sc := range scenarios.Plan(smoke.Target{Name: "example", Binder: binder, UI: true}) {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", sc.Name, strings.Join(stepsOf(sc), ", "), sc.Proves))
	}
	return rows
}
