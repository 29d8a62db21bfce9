package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/state"
)

// Metrics is the observer that writes metrics.prom, for the textfile collector of Prometheus's node_exporter, which reads
// files of that ending. It is written when the run ends and not before: a run under way is no news of the deployment, and
// the file of the run before stays until then.
type Metrics struct {
	path       string
	flakyFails bool
	targets    map[string]*state.Target
	now        func() time.Time
	err        error
}

// metricsName is the file's name in the report's directory.
const metricsName = "metrics.prom"

// NewMetrics returns the observer that writes metrics.prom into the settings' directory and remembers in known when each
// target last passed.
func NewMetrics(s smoke.Settings, known *state.State) (*Metrics, error) {
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return nil, fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	m := &Metrics{path: filepath.Join(s.Out, metricsName), flakyFails: s.FlakyFails, targets: map[string]*state.Target{}, now: time.Now}
	for _, t := range s.Targets {
		if at := t.Home(); at != nil {
			m.targets[t.Name] = known.Target(at)
		}
	}
	return m, nil
}

// Err is what kept a success from being remembered or the file from being written, or nil. It is for after the run.
func (m *Metrics) Err() error { return m.err }

// Observe remembers successes, and writes the file when the run has ended.
func (m *Metrics) Observe(e smoke.Event) {
	switch e.Kind {
	case smoke.TargetEnded:
		m.remember(e.Target, e.Snapshot())
	case smoke.RunEnded:
		m.err = errors.Join(m.err, m.write(e.Snapshot()))
	}
}

// remember notes a target that passed. The wait for another run's lock is state's, which bounds it.
func (m *Metrics) remember(target string, r smoke.Result) {
	i := slices.IndexFunc(r.Targets, func(t smoke.TargetResult) bool { return t.Name == target })
	if i < 0 || m.targets[target] == nil || succeeded(r.Targets[i].Verdict, m.flakyFails) == 0 {
		return
	}
	if err := m.targets[target].SetSuccess(context.Background(), m.now().UTC()); err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("that %s passed cannot be remembered: %w", target, err))
	}
}

func (m *Metrics) write(r smoke.Result) error {
	last := map[string]time.Time{}
	for name, t := range m.targets {
		last[name] = t.Success()
	}
	b, err := EncodeMetrics(r, last, m.flakyFails)
	if err == nil {
		err = renameio.WriteFile(m.path, b, 0o644, renameio.WithTempDir(filepath.Dir(m.path)))
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", m.path, err)
	}
	return nil
}

// succeeded is 1 for what passed.
func succeeded(v smoke.Verdict, flakyFails bool) float64 {
	if v == smoke.Pass || (v == smoke.Flaky && !flakyFails) {
		return 1
	}
	return 0
}

// gauges are the metrics. Their labels are names of ours and of the settings, never a server's words: each target adds a
// bounded number of series.
type gauges struct {
	success, stepSuccess, stepSeconds, phaseSeconds, lastSuccess, finding, ended *prometheus.GaugeVec
}

func newGauges(r *prometheus.Registry) gauges {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	return gauges{
		success:      gauge("smoke_success", "Whether the target passed. Without a target: the run did not begin.", "target"),
		stepSuccess:  gauge("smoke_step_success", "Whether the step passed, of steps that ran.", "target", "scenario", "step"),
		stepSeconds:  gauge("smoke_step_duration_seconds", "How long the step took, of steps that ran.", "target", "scenario", "step"),
		phaseSeconds: gauge("smoke_phase_duration_seconds", "How long the launch stayed in a phase that BinderHub tells.", "target", "phase"),
		lastSuccess:  gauge("smoke_last_success_timestamp_seconds", "When the target last passed, in this run or before it.", "target"),
		finding:      gauge("smoke_finding_info", "What is wrong: a cause and the hop where it is. The value is 1.", "target", "cause", "hop", "severity"),
		ended:        gauge("smoke_run_ended_timestamp_seconds", "When the run ended."),
	}
}

// EncodeMetrics writes a result in the OpenMetrics text format; as all metrics are gauges, a reader of Prometheus's older
// text format, such as node_exporter, understands it too. The times in last are when the targets last passed; zero is never.
func EncodeMetrics(r smoke.Result, last map[string]time.Time, flakyFails bool) ([]byte, error) {
	registry := prometheus.NewRegistry()
	g := newGauges(registry)
	g.ended.WithLabelValues().Set(unix(r.Started.Add(time.Duration(r.Seconds))))
	for _, t := range r.Targets {
		g.success.WithLabelValues(t.Name).Set(succeeded(t.Verdict, flakyFails))
		if at := last[t.Name]; !at.IsZero() {
			g.lastSuccess.WithLabelValues(t.Name).Set(unix(at))
		}
		g.steps(t, flakyFails)
		for _, p := range t.Phases {
			g.phaseSeconds.WithLabelValues(t.Name, p.Name).Set(time.Duration(p.Seconds).Seconds())
		}
		for _, f := range t.Findings {
			g.finding.WithLabelValues(t.Name, known(f.Cause, causeIDs), known(string(f.Hop), hops), string(f.Severity)).Set(1)
		}
	}
	return encodeMetrics(registry)
}

// metricsDeath are the metrics of a run that died before it had begun. Which targets it would have had is not known; when
// they last passed is taken from the file of the run before.
func metricsDeath(before []byte, when time.Time) ([]byte, error) {
	registry := prometheus.NewRegistry()
	g := newGauges(registry)
	g.ended.WithLabelValues().Set(unix(when))
	g.success.WithLabelValues("").Set(0)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(before))
	if err != nil {
		return encodeMetrics(registry) // it was not ours
	}
	for _, m := range families["smoke_last_success_timestamp_seconds"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "target" {
				g.lastSuccess.WithLabelValues(label.GetValue()).Set(m.GetGauge().GetValue())
			}
		}
	}
	return encodeMetrics(registry)
}

// steps adds the steps that ran: of those skipped or blocked nothing is known.
func (g gauges) steps(t smoke.TargetResult, flakyFails bool) {
	for _, sc := range t.Scenarios {
		for _, st := range sc.Steps {
			if st.Verdict == smoke.Skipped || st.Verdict == smoke.Blocked {
				continue
			}
			g.stepSuccess.WithLabelValues(t.Name, sc.Name, st.Name).Set(succeeded(st.Verdict, flakyFails))
			g.stepSeconds.WithLabelValues(t.Name, sc.Name, st.Name).Set(time.Duration(st.Seconds).Seconds())
		}
	}
}

func encodeMetrics(registry *prometheus.Registry) ([]byte, error) {
	families, err := registry.Gather()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToOpenMetrics(&b, family); err != nil {
			return nil, err
		}
	}
	_, err = expfmt.FinalizeOpenMetrics(&b)
	return b.Bytes(), err
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

var causeIDs = diagnose.Causes()

// hops are the values that the label may have.
var hops = []string{
	string(diagnose.HopClient), string(diagnose.HopDNS), string(diagnose.HopTLS), string(diagnose.HopEdge), string(diagnose.HopLB),
	string(diagnose.HopIngress), string(diagnose.HopBinderHub), string(diagnose.HopBuilder), string(diagnose.HopRegistry),
	string(diagnose.HopHub), string(diagnose.HopCHP), string(diagnose.HopSpawner), string(diagnose.HopServer),
	string(diagnose.HopKernel), string(diagnose.HopPod),
}

// known is a value that a label may have, or "other".
func known(value string, allowed []string) string {
	if slices.Contains(allowed, value) {
		return value
	}
	return "other"
}
