package scenarios_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/history"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/settings"
	"binderhub-smoke/smoke/state"
)

func TestMain(m *testing.M) {
	fixtures.Supervise()
	// go test hands on no signal: when it is ended, its output goes with it and we live on. Then a write must not kill us
	// before the servers that we launched are shut down.
	signal.Ignore(syscall.SIGPIPE)
	flag.Parse()
	if run := flag.Lookup("test.run"); run.Value.String() == "" && givenTarget("..", os.Environ()) {
		// Whoever names a target wants that tested, and not the suite.
		if err := run.Value.Set("^TestScenarios$"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "the tests' deployment did not end in order:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// givenTarget tells whether the user names a target, in the environment or in smoke.yaml. Settings that are wrong count: they
// were meant for something, and TestScenarios says what is wrong with them.
func givenTarget(root string, environ []string) bool {
	loaded, err := settings.Load(settings.Source{Environ: environ, Dir: root, IDs: scenarios.Names()})
	return err != nil || len(loaded.Settings.Targets) > 0
}

// TestScenarios runs the suite against the targets of the environment and of smoke.yaml, or else against the deployment on
// loopback, and shows each step as a subtest. The engine runs the steps; the subtests only wait for them.
func TestScenarios(t *testing.T) {
	ctx, stop := interruptible(t)
	defer stop()
	chosen := load(t, ctx)
	chosen.Timeout = min(chosen.Timeout, timeLeft(t))
	jsonReport, err := report.NewJSON(chosen.Out)
	require.NoError(t, err)
	known, notes, err := state.Open(ctx, chosen.State)
	require.NoError(t, err)
	for _, note := range notes {
		t.Log(note)
	}
	require.NotEqual(t, smoke.ModeSoak, chosen.Mode, "go test runs the scenarios once: use scripts/smoke for a soak")
	require.NoError(t, scenarios.CheckHubs(chosen, known))
	outputs, err := report.NewOutputs(chosen, known, os.Stdout, os.Getenv)
	require.NoError(t, err)
	book := history.Open(known, chosen)
	pages := report.NewPages(chosen.Out, book.Earlier)
	progress := report.NewProgress(report.Guard(os.Stdout, os.Getenv), report.Terminal{})
	run, err := smoke.Start(ctx, smoke.Options{
		Settings: chosen, Version: smoke.Version, Scenarios: scenarios.All(known), Filter: smoke.TestFilter("TestScenarios"),
		Changes: book.Changes, Observers: []smoke.Observer{jsonReport, outputs, progress, book, pages},
	})
	require.NoError(t, err)
	defer run.Close()
	project(t, run)
	result := run.Wait()
	t.Log("\n" + report.GuardText(report.Screen{Out: chosen.Out}.Render(result), os.Getenv))
	require.NoError(t, errors.Join(jsonReport.Err(), outputs.Close(result), book.Err(), pages.Err()))
	require.Zero(t, report.ExitCode(result, chosen.FlakyFails, nil), "the suite's verdict is %s", result.Verdict)
}

// project shows a run as subtests.
func project(t *testing.T, run *smoke.Run) {
	for _, target := range run.Targets() {
		t.Run(target.Name(), func(t *testing.T) {
			for _, scenario := range target.Scenarios() {
				t.Run(scenario.Name(), func(t *testing.T) {
					for _, step := range scenario.Steps() {
						t.Run(step.Name(), func(t *testing.T) { show(t, step.Wait()) })
					}
				})
			}
		})
	}
}

// show gives a subtest the verdict of its step. A blocked step is skipped: what blocks it has failed.
func show(t *testing.T, step smoke.StepResult) {
	switch step.Verdict {
	case smoke.Pass, smoke.Flaky:
	case smoke.Skipped, smoke.Blocked:
		t.Skipf("%s: %s", step.Verdict, report.GuardText(step.Reason, os.Getenv))
	default:
		t.Errorf("%s: %s", step.Verdict, report.GuardText(step.Reason, os.Getenv))
	}
}

// load reads the settings. Without a target it starts the deployment on loopback and makes that the target.
func load(t *testing.T, ctx context.Context) smoke.Settings {
	root, err := filepath.Abs("..") // beside go.mod
	require.NoError(t, err)
	loaded, err := settings.Load(settings.Source{Environ: os.Environ(), Dir: root, IDs: scenarios.Names()})
	require.NoError(t, err)
	if len(loaded.Settings.Targets) > 0 {
		return loaded.Settings
	}
	if err := fixtures.Prerequisites(); err != nil {
		t.Fatalf("no target: set SMOKE_BINDER, or make the deployment on loopback possible: %v", err)
	}
	deployment, err := fixtures.Start(ctx, fixtures.Config{})
	require.NoError(t, err)
	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, deployment.Stop(limit))
	})
	require.NoError(t, loaded.Loopback(deployment.BinderURL, deployment.HubURL, deployment.CAFile, deployment.Resolve))
	return loaded.Settings
}

var errOrphan = errors.New("go test has gone")

// interruptible ends with SIGINT, with SIGTERM, and when go test has gone: it hands on no signal.
func interruptible(t *testing.T) (context.Context, func()) {
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(signalled)
	parent := os.Getppid()
	go func() {
		for tick := time.Tick(time.Second); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick:
				if os.Getppid() != parent {
					cancel(errOrphan)
				}
			}
		}
	}()
	return ctx, func() { cancel(nil); stop() }
}

// timeLeft is what -timeout leaves for the run: its panic would skip every clean-up, so the run has to end before it.
func timeLeft(t *testing.T) time.Duration {
	deadline, limited := t.Deadline()
	if !limited {
		return 24 * time.Hour
	}
	left := time.Until(deadline)
	return left - max(30*time.Second, left/20)
}
