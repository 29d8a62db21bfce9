package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// validate checks a report against the schema, by a validator that is not ours.
func validate(t *testing.T, report []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource("report.schema.json", doc))
	s, err := c.Compile("report.schema.json")
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(report))
	require.NoError(t, err)
	return s.Validate(instance)
}

func TestReportsAreValid(t *testing.T) {
	for name, r := range map[string]smoke.Result{
		"seed":    seed(),
		"healthy": healthy(),
		"begun":   {Schema: smoke.Schema, RunID: "x", Verdict: smoke.Running, Ended: smoke.EndedRunning},
		"nil lists": {Schema: smoke.Schema, RunID: "x", Verdict: smoke.Running, Ended: smoke.EndedRunning,
			Targets: []smoke.TargetResult{{Name: "a", Verdict: smoke.Running, Scenarios: []smoke.ScenarioResult{{Name: "s", Verdict: smoke.Running}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Encode(r)
			require.NoError(t, err)
			require.NoError(t, validate(t, b))
		})
	}
}

func TestTheSchemaKnowsEveryField(t *testing.T) {
	b, err := Encode(seed())
	require.NoError(t, err)
	strict := strings.ReplaceAll(string(Schema()), `"type": "object",`, `"type": "object", "additionalProperties": false,`)
	defer func(old []byte) { schema = old }(schema)
	schema = []byte(strict)
	require.NoError(t, validate(t, b), "a field is missing from the schema")
}

func TestTheSchemaRefuses(t *testing.T) {
	b, err := Encode(seed())
	require.NoError(t, err)
	for _, change := range [][2]string{
		{`"schema": 1`, `"schema": 2`}, {`"verdict": "fail"`, `"verdict": "red"`}, {`"exchanges": [`, `"exchanges": null, "x": [`},
		{`"proved_at": 0.3`, `"proved_at": -1`}, {`"reason": "needs page",`, ``}, {`"2026-05-01T03:00:00Z"`, `"today"`},
	} {
		changed := strings.Replace(string(b), change[0], change[1], 1)
		require.NotEqual(t, string(b), changed, change)
		assert.Error(t, validate(t, []byte(changed)), change)
	}
}

func TestLaterFieldsAreAllowed(t *testing.T) {
	b, err := Encode(seed())
	require.NoError(t, err)
	require.NoError(t, validate(t, bytes.ReplaceAll(b, []byte(`"name":`), []byte(`"later": {}, "name":`))))
}

func TestEncodeChangesNothing(t *testing.T) {
	r := smoke.Result{Targets: []smoke.TargetResult{{}}}
	_, err := Encode(r)
	require.NoError(t, err)
	assert.Nil(t, r.Targets[0].Leaked)
}

func BenchmarkJSON(b *testing.B) {
	for b.Loop() {
		_, err := Encode(seed())
		require.NoError(b, err)
	}
}
