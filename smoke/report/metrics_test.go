package report

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/state"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// parse reads metrics as node_exporter does, and as a reader of OpenMetrics does, and lints them, all by Prometheus's own
// code. The values are by "name{label=value,...}".
func parse(t *testing.T, b []byte) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	text, err := parser.TextToMetricFamilies(bytes.NewReader(b))
	require.NoError(t, err, string(b))
	problems, err := promlint.New(bytes.NewReader(b)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)

	values := samples(text)
	open := map[string]*dto.MetricFamily{}
	decoder := expfmt.NewDecoder(bytes.NewReader(b), expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for {
		family := &dto.MetricFamily{}
		if decoder.Decode(family) != nil {
			break
		}
		open[family.GetName()] = family
	}
	assert.Equal(t, values, samples(open), "both formats say the same")
	assert.True(t, bytes.HasSuffix(b, []byte("\n# EOF\n")))
	return values
}

func samples(families map[string]*dto.MetricFamily) map[string]float64 {
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			values[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue()
		}
	}
	return values
}

func TestMetricsOfTheSeedIncident(t *testing.T) {
	b, err := EncodeMetrics(seed(), map[string]time.Time{"binder-example-org": noon}, false)
	require.NoError(t, err)
	const target = "target=binder-example-org"
	assert.Equal(t, map[string]float64{
		"smoke_success{" + target + "}":                                                         0,
		"smoke_step_success{scenario=binder-host,step=page," + target + "}":                     0,
		"smoke_step_success{scenario=hub-host,step=api," + target + "}":                         1,
		"smoke_step_success{scenario=hub-host,step=upgrade," + target + "}":                     0,
		"smoke_step_success{scenario=notebook,step=launch," + target + "}":                      0,
		"smoke_step_duration_seconds{scenario=binder-host,step=page," + target + "}":            0.31,
		"smoke_step_duration_seconds{scenario=hub-host,step=api," + target + "}":                0.2,
		"smoke_step_duration_seconds{scenario=hub-host,step=upgrade," + target + "}":            0.2,
		"smoke_step_duration_seconds{scenario=notebook,step=launch," + target + "}":             0.1,
		"smoke_last_success_timestamp_seconds{" + target + "}":                                  float64(noon.Unix()),
		"smoke_finding_info{cause=upstream-refused,hop=ingress,severity=fail," + target + "}":   1,
		"smoke_finding_info{cause=ws-upgrade-missing,hop=ingress,severity=fail," + target + "}": 1,
		"smoke_phase_duration_seconds{phase=launching," + target + "}":                          12,
		"smoke_phase_duration_seconds{phase=waiting," + target + "}":                            0.5,
		"smoke_run_ended_timestamp_seconds{}":                                                   1777604431.4,
	}, parse(t, b))
}

func TestFlakyIsSuccessUnlessItFails(t *testing.T) {
	for flakyFails, want := range map[bool]float64{false: 1, true: 0} {
		b, err := EncodeMetrics(oneStep(smoke.Flaky), nil, flakyFails)
		require.NoError(t, err)
		values := parse(t, b)
		assert.Equal(t, want, values["smoke_success{target=a}"])
		assert.Equal(t, want, values["smoke_step_success{scenario=kernel,step=execute,target=a}"])
		assert.NotContains(t, values, "smoke_last_success_timestamp_seconds{target=a}", "never is no time")
	}
}

// The labels' values are names of ours: nothing that a server says makes a series.
func TestAServersWordsMakeNoSeries(t *testing.T) {
	want, err := EncodeMetrics(hostile("x"), nil, false)
	require.NoError(t, err)
	parse(t, want)
	for _, text := range hostileTexts {
		r := hostile(text)
		r.Targets[0].Scenarios[2].Steps[0].Name = "x" // a step's name is ours
		got, err := EncodeMetrics(r, nil, false)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
	r := seed()
	r.Targets[0].Findings[0].Cause, r.Targets[0].Findings[0].Hop = "https://x.example/?token=1", "moon"
	b, err := EncodeMetrics(r, nil, false)
	require.NoError(t, err)
	assert.Contains(t, parse(t, b), "smoke_finding_info{cause=other,hop=other,severity=fail,target=binder-example-org}")
	assert.NotContains(t, string(b), "token")
}

func TestAFailingRunKeepsTheLastSuccess(t *testing.T) {
	dir := t.TempDir()
	binder := &url.URL{Scheme: "https", Host: "a.example.org", Path: "/"}
	s := smoke.Settings{Out: filepath.Join(dir, "out"), Targets: []smoke.Target{{Name: "a", Binder: binder}}}
	run := func(v smoke.Verdict, at time.Time) map[string]float64 {
		known, _, err := state.Open(t.Context(), filepath.Join(dir, "state"))
		require.NoError(t, err)
		m, err := NewMetrics(s, known)
		require.NoError(t, err)
		m.now = func() time.Time { return at }
		for _, kind := range []smoke.EventKind{smoke.RunStarted, smoke.TargetEnded, smoke.RunEnded} {
			m.Observe(smoke.Event{Kind: kind, Target: "a", Snapshot: func() smoke.Result { return oneStep(v) }})
		}
		require.NoError(t, m.Err())
		return read(t, s.Out)
	}
	const last = "smoke_last_success_timestamp_seconds{target=a}"
	assert.NotContains(t, run(smoke.Failed, noon), last)
	assert.Equal(t, float64(noon.Unix()), run(smoke.Pass, noon)[last])
	failed := run(smoke.Failed, noon.Add(time.Hour))
	assert.Equal(t, float64(noon.Unix()), failed[last])
	assert.Zero(t, failed["smoke_success{target=a}"])
	assert.Equal(t, float64(noon.Unix()), run(smoke.Inconclusive, noon.Add(2*time.Hour))[last])

	require.NoError(t, Died(s.Out, "bad settings", nil, func(string) string { return "" }))
	died := read(t, s.Out)
	assert.Equal(t, float64(noon.Unix()), died[last], "also when the settings cannot be read")
	assert.Contains(t, died, "smoke_success{target=}")
	entries, err := os.ReadDir(s.Out)
	require.NoError(t, err)
	assert.Len(t, entries, 3, "nothing temporary is left beside junit.xml and report.html")
}

func read(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "metrics.prom"))
	require.NoError(t, err)
	return parse(t, b)
}

func TestARunUnderWayWritesNoMetrics(t *testing.T) {
	known, _, err := state.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	dir := t.TempDir()
	m, err := NewMetrics(smoke.Settings{Out: dir}, known)
	require.NoError(t, err)
	m.Observe(smoke.Event{Kind: smoke.RunStarted, Snapshot: seed})
	m.Observe(smoke.Event{Kind: smoke.StepEnded, Result: &smoke.StepResult{}, Snapshot: seed})
	assert.NoFileExists(t, filepath.Join(dir, "metrics.prom"))
	require.NoError(t, os.RemoveAll(dir))
	m.Observe(smoke.Event{Kind: smoke.RunEnded, Snapshot: seed})
	require.ErrorContains(t, m.Err(), "cannot be written")
}

func BenchmarkMetrics(b *testing.B) {
	for b.Loop() {
		_, err := EncodeMetrics(seed(), nil, false)
		require.NoError(b, err)
	}
}
