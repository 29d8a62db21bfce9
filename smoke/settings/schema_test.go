package settings

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const schemaFile = "smoke.schema.json"

func TestTheSchemaIsOfTheDefinitions(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, Schema(), 0o644))
		return
	}
	b, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	assert.Equal(t, string(b), string(Schema()), "go test ./smoke/settings -run Schema -update writes it")
}

// byTheSchema checks a settings file as an editor does, by a reader of YAML and a validator that are not ours.
func byTheSchema(t *testing.T, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(schemaFile, doc))
	schema, err := c.Compile(schemaFile)
	require.NoError(t, err)
	content, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	return schema.Validate(instance)
}

func TestTheSchemaTakesWhatLoadTakes(t *testing.T) {
	for name, text := range map[string]string{"targets": twoTargets, "structured": structuredTargets, "empty defaults": "defaults:\n"} {
		_, err := load(t, text, nil)
		require.NoError(t, err, name)
		require.NoError(t, byTheSchema(t, text), name)
	}
}

func TestTheSchemaRefusesWhatHasAnotherShape(t *testing.T) {
	for _, text := range []string{
		"targts: []\n", one("  credentials: {token: hunter2}\n"), one("  ui: maybe\n"), one("  known: [{cause: a}]\n"), one("  headers: {X: {env: a, file: b}}\n"),
		"grace: soon\n", "timeout: 900\n", "targets: {}\n", one("  notebooks: a.ipynb\n"), one("  name: A/B\n"), one("  hub: ftp://x\n"),
	} {
		assert.Error(t, byTheSchema(t, text), text)
	}
}

// examples are the settings files that an operator may begin with.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../fixtures/targets/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 5)
	return files
}

func TestTheExamplesAreRight(t *testing.T) {
	count := map[string]int{}
	for _, name := range examples(t) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, byTheSchema(t, string(b)), name)
		assert.True(t, strings.HasPrefix(string(b), "# yaml-language-server: $schema=../../smoke/settings/"+schemaFile+"\n"), name)
		l, err := Load(Source{Args: []string{"--config", name}, Dir: ".", IDs: exampleIDs, Environ: []string{
			"BINDER_TOKEN=0123456789abcdef", "FLEET_GATE=0123456789abcdef", "BINDER_PASSWORD=0123456789abcdef",
		}})
		require.NoError(t, err, name)
		count[filepath.Base(name)] = len(l.Settings.Targets)
	}
	assert.Equal(t, 100, count["fleet.yaml"])
	assert.Equal(t, 1, count["lone.yaml"])
	assert.GreaterOrEqual(t, count["federation.yaml"], 3)
}

// exampleIDs are the steps that the examples name.
var exampleIDs = IDs{
	"launch": {"build", "spawn", "route"}, "notebook": {"launch"}, "rebuild": {"build"}, "binder-host": {"page"}, "hub-host": {"api"}, "pod": {"egress"},
	"idle": {"hold"}, "kernel": {"channel"},
}
