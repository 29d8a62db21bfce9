package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/web"
	"binderhub-smoke/smoke/state"
)

// Outputs are the outputs for other programs, beside report.json: junit.xml and metrics.prom in the report's directory, and
// on GitHub's runners the step's summary and the annotations. It is an observer that hands on to theirs.
type Outputs struct {
	observers []interface {
		smoke.Observer
		Err() error
	}
	notes    []error // outputs that cannot be had; the run goes on without them
	commands io.Writer
}

// NewOutputs returns the outputs of a run. Annotations go to commands, the program's standard output past any Guard, or
// nowhere when that is nil. The error is about the report's directory.
func NewOutputs(s smoke.Settings, known *state.State, commands io.Writer, getenv func(string) string) (*Outputs, error) {
	junit, err := NewJUnit(s.Out, s.FlakyFails)
	if err != nil {
		return nil, err
	}
	metrics, err := NewMetrics(s, known)
	if err != nil {
		return nil, err
	}
	o := &Outputs{}
	o.observers = append(o.observers, junit, metrics)
	if path := getenv("GITHUB_STEP_SUMMARY"); path != "" {
		summary, err := NewSummary(path)
		if err != nil {
			o.notes = append(o.notes, err) // a runner's defect; the exit code speaks of the deployment
		} else {
			o.observers = append(o.observers, summary)
		}
	}
	if OnGitHub(getenv) {
		o.commands = commands
	}
	return o, nil
}

// Observe hands the event on.
func (o *Outputs) Observe(e smoke.Event) {
	for _, each := range o.observers {
		each.Observe(e)
	}
}

// Close writes the annotations of a run that has ended, which belong below the screen, and returns what kept any output
// from being written.
func (o *Outputs) Close(r smoke.Result) error {
	if o.commands != nil {
		Annotate(o.commands, r)
	}
	errs := o.notes
	for _, each := range o.observers {
		errs = append(errs, each.Err())
	}
	return errors.Join(errs...)
}

// Died writes the outputs of a run that died before it had begun, with the reason: bad settings, no deployment, no
// directory. Whoever reads them must not find those of a run before. It returns what could not be written.
func Died(out, reason string, commands io.Writer, getenv func(string) string) error {
	if commands != nil && OnGitHub(getenv) {
		annotateDeath(commands, reason)
	}
	var errs []error
	if path := getenv("GITHUB_STEP_SUMMARY"); path != "" {
		summary, err := NewSummary(path)
		if err == nil {
			summary.died(reason)
			err = summary.Err()
		}
		errs = append(errs, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return errors.Join(append(errs, err)...)
	}
	if err := os.Remove(filepath.Join(out, harName)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	now := time.Now()
	old, _ := os.ReadFile(filepath.Join(out, metricsName)) // without it nothing is remembered
	for name, encode := range map[string]func() ([]byte, error){
		"junit.xml": func() ([]byte, error) { return junitDeath(reason, now) },
		metricsName: func() ([]byte, error) { return metricsDeath(old, now) },
		pageName:    func() ([]byte, error) { return web.RenderDeath(reason, now) },
	} {
		b, err := encode()
		if err == nil {
			err = replace(filepath.Join(out, name), b)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
