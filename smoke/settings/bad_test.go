package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bad is one bad setting. What it must give is one line with these beginnings and parts.
type bad struct {
	name    string
	yaml    string
	environ []string
	args    []string
	where   string
	says    []string
}

const ok = "targets: [{binder: 'https://b.example.org'}]\n"

var badSettings = []bad{
	// flags and environment
	{name: "unknown variable", environ: []string{"SMOKE_BINDR=x"}, where: "environment", says: []string{"SMOKE_BINDR", "did you mean SMOKE_BINDER?"}},
	{name: "unknown variable like none", environ: []string{"SMOKE_ZZZZZZZZZZZZ=x"}, where: "environment", says: []string{"SMOKE_ZZZZZZZZZZZZ is unknown"}},
	{name: "unknown flag", args: []string{"--timout=3m"}, where: "flag", says: []string{"--timout", "did you mean --timeout?"}},
	{name: "flag without value", args: []string{"--timeout"}, where: "flag", says: []string{"--timeout needs a value"}},
	{name: "empty flag", args: []string{"--hub="}, where: "flag", says: []string{"--hub must be", "got nothing"}},
	{name: "flag twice", args: []string{"--ui=on", "--ui=off"}, where: "flag", says: []string{"--ui is given twice"}},
	{name: "stray word", args: []string{"https://b.example.org"}, where: "flag", says: []string{"https://b.example.org", "is no flag"}},
	{name: "headed", environ: []string{"SMOKE_HEADED=yes"}, where: "environment", says: []string{"SMOKE_HEADED must be on or off", `"yes"`}},
	{name: "browser", environ: []string{"SMOKE_BROWSER=127.0.0.1:9222"}, where: "environment", says: []string{"SMOKE_BROWSER must be a ws"}},
	{name: "mode", environ: []string{"SMOKE_MODE=fast"}, where: "environment", says: []string{"SMOKE_MODE must be gate", `"fast"`}},
	{name: "rebuild", args: []string{"--rebuild", "yes"}, where: "flag", says: []string{"--rebuild must be off or on", `"yes"`}},
	{name: "every alone", environ: []string{"SMOKE_EVERY=15m"}, where: "settings", says: []string{"SMOKE_EVERY and SMOKE_FOR must be given together"}},
	{name: "every longer than for", args: []string{"--every=1h", "--for=30m"}, where: "settings", says: []string{"SMOKE_FOR must be at least as long as SMOKE_EVERY"}},
	{name: "launches", environ: []string{"SMOKE_LAUNCHES=2"}, where: "environment", says: []string{"SMOKE_LAUNCHES must be a number from 3 to 1000"}},
	{name: "wait", environ: []string{"SMOKE_WAIT=10"}, where: "environment", says: []string{"SMOKE_WAIT must be a duration from 0 to 4h", "the unit is missing"}},
	{name: "wait without end", environ: []string{"SMOKE_WAIT=5h"}, where: "environment", says: []string{"SMOKE_WAIT must be", "out of range"}},
	{name: "idle", environ: []string{"SMOKE_IDLE=2h"}, where: "environment", says: []string{"SMOKE_IDLE must be a duration from 0 to 1h", "out of range"}},
	{name: "negative idle", environ: []string{"SMOKE_IDLE=-1s"}, where: "environment", says: []string{"out of range"}},
	{name: "metadata", environ: []string{"SMOKE_METADATA=none"}, where: "environment", says: []string{"SMOKE_METADATA must be host:port", "or off"}},
	{name: "repeat", args: []string{"--repeat=0"}, where: "flag", says: []string{"--repeat must be a number from 1 to 1000"}},
	// URLs
	{name: "relative URL", environ: []string{"SMOKE_BINDER=binder.example.org"}, where: "environment", says: []string{"SMOKE_BINDER must be an absolute", "neither"}},
	{name: "other scheme", environ: []string{"SMOKE_BINDER=ftp://b.example.org"}, where: "environment", says: []string{`"ftp://b.example.org"`}},
	{name: "no host", environ: []string{"SMOKE_BINDER=https:///x"}, where: "environment", says: []string{"no host"}},
	{name: "credentials", environ: []string{"SMOKE_BINDER=https://me:hunter2@b.example.org"}, where: "environment", says: []string{"credentials", "redacted@b.example.org"}},
	{name: "query", environ: []string{"SMOKE_BINDER=https://b.example.org/?a=b"}, where: "environment", says: []string{"query"}},
	{name: "fragment", environ: []string{"SMOKE_BINDER=https://b.example.org/#"}, where: "environment", says: []string{"fragment"}},
	{name: "port zero", environ: []string{"SMOKE_BINDER=https://b.example.org:0"}, where: "environment", says: []string{"port"}},
	{name: "dots", environ: []string{"SMOKE_BINDER=https://b.example.org/../x"}, where: "environment", says: []string{".."}},
	{name: "unreadable URL", environ: []string{"SMOKE_BINDER=https://me:hunter2@b:%zz/"}, where: "environment", says: []string{"redacted@"}},
	{name: "hub alone", environ: []string{"SMOKE_HUB=https://h.example.org"}, where: "environment", says: []string{"SMOKE_HUB must come with SMOKE_BINDER"}},
	// other values
	{name: "spec", environ: []string{"SMOKE_SPEC=/gh/a/b"}, where: "environment", says: []string{"SMOKE_SPEC must be a repository"}},
	{name: "spec of one word", environ: []string{"SMOKE_SPEC=gh"}, where: "environment", says: []string{"SMOKE_SPEC"}},
	{name: "notebook outside", environ: []string{"SMOKE_NOTEBOOK=../x.ipynb"}, where: "environment", says: []string{"SMOKE_NOTEBOOK"}},
	{name: "notebook of another kind", environ: []string{"SMOKE_NOTEBOOK=x.py"}, where: "environment", says: []string{".ipynb"}},
	{name: "app", environ: []string{"SMOKE_APP=rstudio"}, where: "environment", says: []string{"lab or notebook"}},
	{name: "ui", environ: []string{"SMOKE_UI=yes"}, where: "environment", says: []string{"on or off", `"yes"`}},
	{name: "flaky", environ: []string{"SMOKE_FLAKY=1"}, where: "environment", says: []string{"pass or fail"}},
	{name: "unit", environ: []string{"SMOKE_TIMEOUT=900"}, where: "environment", says: []string{"the unit is missing"}},
	{name: "too short", environ: []string{"SMOKE_TIMEOUT=1s"}, where: "environment", says: []string{"out of range"}},
	{name: "negative", environ: []string{"SMOKE_GRACE=-1s"}, where: "environment", says: []string{"out of range"}},
	{name: "no duration", environ: []string{"SMOKE_GRACE=soon"}, where: "environment", says: []string{"a duration", `"soon"`}},
	{name: "concurrency", environ: []string{"SMOKE_CONCURRENCY=0"}, where: "environment", says: []string{"1 to 100"}},
	{name: "resolve without port", environ: []string{"SMOKE_RESOLVE=b.example.org=127.0.0.1"}, where: "environment", says: []string{"host:port"}},
	{name: "resolve to a name", environ: []string{"SMOKE_RESOLVE=b.example.org:443=c.example.org"}, where: "environment", says: []string{"IP address"}},
	{name: "resolve bare IPv6", environ: []string{"SMOKE_RESOLVE=b.example.org:443=::1"}, where: "environment", says: []string{"brackets"}},
	{name: "resolve twice", environ: []string{"SMOKE_RESOLVE=b:443=127.0.0.1,b:443=127.0.0.2"}, where: "environment", says: []string{"b:443 is given twice"}},
	{name: "resolve with a hole", environ: []string{"SMOKE_RESOLVE=b:443=127.0.0.1,"}, where: "environment", says: []string{"got nothing"}},
	{name: "CA missing", environ: []string{"SMOKE_CA=none.pem"}, where: "environment", says: []string{"SMOKE_CA", `"none.pem"`, "no such file"}},
	{name: "CA without certificate", environ: []string{"SMOKE_CA=smoke.yaml"}, yaml: ok, where: "environment", says: []string{"no PEM certificate"}},
	{name: "CA a directory", environ: []string{"SMOKE_CA=."}, where: "environment", says: []string{"no regular file"}},
	{name: "out is a file", environ: []string{"SMOKE_OUT=ca.pem"}, where: "environment", says: []string{"that is a file"}},
	{name: "out is state", environ: []string{"SMOKE_OUT=x", "SMOKE_STATE=x"}, where: "settings", says: []string{"two directories"}},
	{name: "unknown scenario", environ: []string{"SMOKE_SCENARIOS=kernal"}, where: "environment", says: []string{"no scenario kernal", "kernel"}},
	{name: "unknown step", environ: []string{"SMOKE_SKIP=kernel/chanel"}, where: "environment", says: []string{"no step chanel", "channel"}},
	{name: "config missing", environ: []string{"SMOKE_CONFIG=none.yaml"}, where: "environment", says: []string{"SMOKE_CONFIG", "no such file"}},
	// selection
	{name: "unknown target", environ: []string{"SMOKE_TARGETS=b-example-orc"}, yaml: ok, where: "environment", says: []string{"did you mean b-example-org?"}},
	{name: "bad target name", environ: []string{"SMOKE_TARGETS=B"}, yaml: ok, where: "environment", says: []string{"a-z, 0-9"}},
	{name: "targets and binder", environ: []string{"SMOKE_TARGETS=b-example-org", "SMOKE_BINDER=https://x.example.org"}, yaml: ok, where: "environment", says: []string{"SMOKE_TARGETS", "SMOKE_BINDER"}},
	{name: "hub for two", environ: []string{"SMOKE_HUB=https://h.example.org"}, yaml: "targets:\n- binder: https://a\n- binder: https://b\n", where: "environment", says: []string{"one target"}},
	// the file
	{name: "unknown key", yaml: "timout: 3m\n", where: "smoke.yaml:1:1", says: []string{`"timout"`, "did you mean timeout?"}},
	{name: "unknown key of a target", yaml: "targets:\n  - binder: https://b\n    hubb: https://h\n", where: "smoke.yaml:3:5", says: []string{`"hubb"`, "hub?"}},
	{name: "key at the wrong place", yaml: "binder: https://b\n", where: "smoke.yaml:1:1", says: []string{"belongs to a target"}},
	{name: "run's key in a target", yaml: "targets:\n- binder: https://b\n  timeout: 3m\n", where: "smoke.yaml:3:3", says: []string{"belongs to the whole run"}},
	{name: "flag's key", yaml: "config: x\n", where: "smoke.yaml:1:1", says: []string{"--config"}},
	{name: "form", yaml: "targets:\n  - binder: https://b.example.org\n    form: sometimes\n", where: "smoke.yaml:3:11", says: []string{"form must be true or false", `"sometimes"`}},
	{name: "value", yaml: "defaults:\n  ui: maybe\n", where: "smoke.yaml:2:7", says: []string{"ui must be on or off", `"maybe"`}},
	{name: "second item of a list", yaml: "defaults:\n  skip:\n  - kernel\n  - kernl\n", where: "smoke.yaml:4:5", says: []string{"no scenario kernl"}},
	{name: "list for a text", yaml: "grace: [1s]\n", where: "smoke.yaml:1:8", says: []string{"got a list"}},
	{name: "empty list", yaml: "defaults: {skip: []}\n", where: "smoke.yaml:1:18", says: []string{"got a list"}},
	{name: "keys for a text", yaml: "grace: {a: 1s}\n", where: "smoke.yaml:1:8", says: []string{"keys with values"}},
	{name: "nothing for a text", yaml: "grace:\n", where: "smoke.yaml:1:", says: []string{"got nothing"}},
	{name: "targets no list", yaml: "targets: {a: b}\n", where: "smoke.yaml:1:10", says: []string{"a list of targets"}},
	{name: "empty target", yaml: "targets: [{}]\n", where: "smoke.yaml:1:11", says: []string{"binder must be"}},
	{name: "target no mapping", yaml: "targets: [a]\n", where: "smoke.yaml:1:11", says: []string{"target 1"}},
	{name: "defaults no mapping", yaml: "defaults: 3\n", where: "smoke.yaml:1:11", says: []string{"defaults must be"}},
	{name: "name in defaults", yaml: "defaults: {name: a}\n", where: "smoke.yaml:1:12", says: []string{`"name"`}},
	{name: "bad name", yaml: "targets:\n- name: A/B\n  binder: https://b\n", where: "smoke.yaml:2:9", says: []string{"a-z", `"A/B"`}},
	{name: "name is a list", yaml: "targets:\n- name: [a]\n  binder: https://b\n", where: "smoke.yaml:2:9", says: []string{"one text"}},
	{name: "duplicate name", yaml: "targets:\n- {name: a, binder: https://b}\n- {name: a, binder: https://c}\n", where: "smoke.yaml:3:10", says: []string{"unique", "smoke.yaml:2:10"}},
	{name: "duplicate default name", yaml: "targets:\n- binder: https://b/x\n- binder: https://b/y\n", where: "smoke.yaml:3:3", says: []string{"unique", `"b"`}},
	{name: "target without binder", yaml: "targets:\n- hub: https://h\n", where: "smoke.yaml:2:3", says: []string{"binder must be"}},
	{name: "duplicate key", yaml: "grace: 1s\ngrace: 2s\n", where: "smoke.yaml:2:1", says: []string{"already defined"}},
	{name: "no mapping", yaml: "- a\n", where: "smoke.yaml:1:1", says: []string{"got a list"}},
	{name: "no YAML", yaml: "a: [b\n", where: "smoke.yaml:1:", says: []string{"must be YAML"}},
	{name: "tab", yaml: "targets:\n\t- binder: https://b\n", where: "smoke.yaml:2:", says: []string{"must be YAML"}},
	{name: "bytes", yaml: "a: \xff\n", where: "smoke.yaml", says: []string{"UTF-8"}},
	{name: "two documents", yaml: "grace: 1s\n---\ngrace: 2s\n", where: "smoke.yaml:3:", says: []string{"one document"}},
	{name: "alias", yaml: "defaults: &d {ui: on}\ntargets: [*d]\n", where: "smoke.yaml:1:11", says: []string{"anchors"}},
	{name: "bomb", yaml: "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", where: "smoke.yaml:1:4", says: []string{"anchors"}},
	{name: "tag", yaml: "grace: !!str 1s\n", where: "smoke.yaml:1:8", says: []string{"tags"}},
	{name: "deep", yaml: "a: " + strings.Repeat("[", 5000), where: "smoke.yaml:1:", says: []string{"too deep"}},
	{name: "deep by indentation", yaml: strings.Repeat("- ", 5000) + "a", where: "smoke.yaml:1:", says: []string{"too deep"}},
	{name: "huge", yaml: strings.Repeat("# comment\n", 200_000), where: "smoke.yaml", says: []string{"more than 1048576 bytes"}},
	{name: "control characters", yaml: "\"\\e[31mred\": 1\n", where: "smoke.yaml:1:1", says: []string{`\x1b[31mred`}},
}

func TestEachBadSettingIsOneLine(t *testing.T) {
	for _, b := range badSettings {
		t.Run(b.name, func(t *testing.T) {
			_, err := load(t, b.yaml, b.environ, b.args...)
			assertLine(t, err, b.where, b.says)
		})
	}
}

// assertLine demands an error of one line that begins with where and has all parts of says.
func assertLine(t *testing.T, err error, where string, says []string) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 78, e.ExitCode())
	require.Len(t, e.Lines, 1, err)
	line := e.Lines[0]
	assert.True(t, strings.HasPrefix(line, where), line)
	for _, part := range says {
		assert.Contains(t, line, part)
	}
	assert.NotContains(t, line, "hunter2", "a password is never shown")
	assert.NotContains(t, line, "\x1b")
	assert.LessOrEqual(t, len(line), maxLine+3)
}

func TestAllBadSettingsAreSaidAtOnce(t *testing.T) {
	_, err := load(t, "grace: x\ndefaults: {ui: x}\ntargets: [{binder: 'https://a'}, {binder: 'https://b'}]\n", []string{"SMOKE_APP=x"}, "--flaky=x")
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Lines, 4, err)
}

func TestAPipeIsNotWaitedFor(t *testing.T) {
	_, err := load(t, "", []string{"SMOKE_CONFIG=/dev/null"})
	require.ErrorContains(t, err, "no regular file")
}

func TestTheDefaultFileMustBeReadable(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "smoke.yaml"), 0o700))
	_, err := Load(Source{Dir: dir})
	require.ErrorContains(t, err, "smoke.yaml: the settings file must be readable")
}
