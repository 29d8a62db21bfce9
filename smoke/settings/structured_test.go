package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

const structuredTargets = `
defaults:
  idle: 5m
  rebuild: on
  metadata: 100.100.100.200:80
  expect:
    versions: {binderhub: "0.2", builder: repo2docker}
    python: 3.10
    packages: [numpy, matplotlib.pyplot]
  notebooks: [a.ipynb, "sub dir/b, c.ipynb"]
  egress: [PyPI.org:443]
  isolation: ["10.0.0.1:443", "[FD00:ec2::254]:80"]
targets:
  - name: plain
    binder: https://a.example.org
  - name: other
    binder: https://b.example.org
    idle: 0
    rebuild: off
    metadata: off
    expect:
      versions: {binderhub: 0.3.0}
      packages: [on]
      files: [environment.yml, .binder]
    notebooks:
      - c.ipynb
    egress: []
`

func TestStructuredKeysOfTargetsAndDefaults(t *testing.T) {
	l := mustLoad(t, structuredTargets, nil)
	require.Len(t, l.Settings.Targets, 2)
	plain, other := l.Settings.Targets[0], l.Settings.Targets[1]

	assert.Equal(t, smoke.Expect{
		Versions: map[string]string{"binderhub": "0.2", "builder": "repo2docker"},
		Python:   "3.10", Packages: []string{"numpy", "matplotlib.pyplot"},
	}, plain.Expect, "3.10 is read as it was written, not as a number")
	assert.Equal(t, []string{"a.ipynb", "sub dir/b, c.ipynb"}, plain.Notebooks)
	assert.Equal(t, []string{"pypi.org:443"}, plain.Egress)
	assert.Equal(t, []string{"10.0.0.1:443", "[fd00:ec2::254]:80"}, plain.Isolation)
	assert.Equal(t, "100.100.100.200:80", plain.Metadata)
	assert.Equal(t, 5*time.Minute, plain.Idle)
	assert.True(t, plain.Rebuild)

	assert.Equal(t, smoke.Expect{
		Versions: map[string]string{"binderhub": "0.3.0", "builder": "repo2docker"},
		Python:   "3.10", Packages: []string{"on"}, Files: []string{"environment.yml", ".binder"},
	}, other.Expect, "what a target does not say is as in the defaults; its lists replace theirs")
	assert.Equal(t, []string{"c.ipynb"}, other.Notebooks)
	assert.Empty(t, other.Egress, "an empty list is rid of the defaults'")
	assert.Equal(t, plain.Isolation, other.Isolation)
	assert.Empty(t, other.Metadata)
	assert.Zero(t, other.Idle)
	assert.False(t, other.Rebuild)
}

func TestDefaultsOfTheRawJourney(t *testing.T) {
	target := mustLoad(t, "", []string{"SMOKE_BINDER=https://b.example.org"}).Settings.Targets[0]
	assert.Equal(t, 65*time.Second, target.Idle)
	assert.False(t, target.Rebuild)
	assert.Equal(t, "169.254.169.254:80", target.Metadata)
	assert.Equal(t, smoke.Expect{}, target.Expect)
	assert.Empty(t, target.Notebooks)
	assert.Empty(t, target.Egress)
	assert.Empty(t, target.Isolation)
}

func TestFlagsAndEnvironmentOfTheRawJourney(t *testing.T) {
	l := mustLoad(t, structuredTargets, []string{"SMOKE_IDLE=1h", "SMOKE_METADATA=[fd00:ec2::254]:80"}, "--rebuild=on")
	for _, target := range l.Settings.Targets {
		assert.Equal(t, time.Hour, target.Idle)
		assert.Equal(t, "[fd00:ec2::254]:80", target.Metadata)
		assert.True(t, target.Rebuild)
	}
}

func TestTheLoopbackIsNeverAskedForTheMetadata(t *testing.T) {
	const file = "defaults:\n  isolation: ['169.254.169.254:80']\n  egress: ['169.254.169.254:80']\n  notebooks: [a.ipynb]\n"
	for _, environ := range [][]string{nil, {"SMOKE_METADATA=169.254.169.254:80"}} {
		l := mustLoad(t, file, environ)
		require.NotEmpty(t, l.Defaults.Metadata)
		ca := t.TempDir() + "/ca.pem"
		writeCA(t, ca)
		require.NoError(t, l.Loopback("https://binder.smoke.test", "https://hub.smoke.test", ca, "binder.smoke.test:443=127.0.0.1:8443"))
		target := l.Settings.Targets[0]
		assert.Empty(t, target.Metadata)
		assert.Empty(t, target.Isolation)
		assert.Empty(t, target.Egress)
		assert.Equal(t, []string{"a.ipynb"}, target.Notebooks, "the repository is the user's")
	}
}

// badStructured are bad values of a target's structured keys, each with the column of what is wrong in the line of the key.
var badStructured = []struct {
	name, text string
	where      string
	says       []string
}{
	{"expect is a text", "expect: latest", "2:11", []string{"expect must be keys with values", `"latest"`}},
	{"expect is a list", "expect: [python]", "2:11", []string{"expect must be keys with values", "a list"}},
	{"expect is nothing", "expect:", "2:", []string{"expect must be keys with values", "got nothing"}},
	{"unknown key of expect", "expect: {pyhton: '3.12'}", "2:12", []string{`"pyhton" is an unknown key of expect; did you mean python?`}},
	{"key of expect beside it", "python: '3.12'", "2:3", []string{`"python" is an unknown key`}},
	{"unknown key of versions", "expect: {versions: {binderhb: x}}", "2:23", []string{"unknown key of expect.versions", "binderhub?"}},
	{"versions is a text", "expect: {versions: '0.2'}", "2:22", []string{"expect.versions must be keys with values"}},
	{"version is a list", "expect: {versions: {binderhub: [a]}}", "2:34", []string{"expect.versions.binderhub must be a text", "a list"}},
	{"empty version", "expect: {versions: {binderhub: ''}}", "2:34", []string{"expect.versions.binderhub", "got nothing"}},
	{"version of control characters", `expect: {versions: {builder: "a\e[1m"}}`, "2:32", []string{"expect.versions.builder", "printable"}},
	{"long version", "expect: {versions: {builder: " + strings.Repeat("a", 201) + "}}", "2:32", []string{"at most 200"}},
	{"python by name", "expect: {python: python3}", "2:20", []string{"expect.python", `"python3"`}},
	{"python of dots", "expect: {python: ..}", "2:20", []string{"expect.python"}},
	{"python is a list", "expect: {python: ['3.12']}", "2:20", []string{"expect.python", "a list"}},
	{"python twice", "expect: {python: '3.12', python: '3.13'}", "2:28", []string{"already defined"}},
	{"packages is a text", "expect: {packages: numpy}", "2:22", []string{"expect.packages must be a list", `"numpy"`}},
	{"package of a distribution", "expect: {packages: [scikit-learn]}", "2:23", []string{"as Python imports it", `"scikit-learn"`}},
	{"package with code", "expect: {packages: [os, 'os; print(1)']}", "2:27", []string{"expect.packages"}},
	{"package with a line", `expect: {packages: ["os\nprint(1)"]}`, "2:23", []string{"expect.packages"}},
	{"package ending in a line", `expect: {packages: ["os\n"]}`, "2:23", []string{"expect.packages"}},
	{"package with a quote", `expect: {packages: ['os")']}`, "2:23", []string{"expect.packages"}},
	{"package of other letters", "expect: {packages: [оs]}", "2:23", []string{"expect.packages"}},
	{"relative package", "expect: {packages: [.os]}", "2:23", []string{"expect.packages"}},
	{"package by number", "expect: {packages: [3]}", "2:23", []string{"expect.packages", `"3"`}},
	{"package twice", "expect: {packages: [os, os]}", "2:27", []string{"given twice"}},
	{"package is a mapping", "expect: {packages: [numpy: '2']}", "2:", []string{"expect.packages", "keys with values"}},
	{"package is nothing", "expect: {packages: [~]}", "2:23", []string{"expect.packages", "got nothing"}},
	{"empty package", "expect: {packages: ['']}", "2:23", []string{"expect.packages", "got nothing"}},
	{"absolute file", "expect: {files: [/etc/passwd]}", "2:20", []string{"expect.files"}},
	{"file above", "expect: {files: [../x]}", "2:20", []string{"expect.files"}},
	{"file above by detour", "expect: {files: [a/../../x]}", "2:20", []string{"expect.files"}},
	{"file is the repository", "expect: {files: [.]}", "2:20", []string{"expect.files"}},
	{"file with a backslash", `expect: {files: ['a\b']}`, "2:20", []string{"expect.files"}},
	{"file with a line", `expect: {files: ["a\nb"]}`, "2:20", []string{"expect.files"}},
	{"file twice", "expect: {files: [a, a]}", "2:23", []string{"given twice"}},
	{"notebooks is a text", "notebooks: a.ipynb", "2:14", []string{"notebooks must be a list"}},
	{"notebooks is nothing", "notebooks:", "2:", []string{"notebooks must be a list", "got nothing"}},
	{"notebooks is a mapping", "notebooks: {a: b}", "2:14", []string{"notebooks must be a list", "keys with values"}},
	{"absolute notebook", "notebooks: [/a.ipynb]", "2:15", []string{"notebooks", "without a leading /"}},
	{"notebook above", "notebooks: [../a.ipynb]", "2:15", []string{"notebooks"}},
	{"notebook of another kind", "notebooks: [a.py]", "2:15", []string{".ipynb"}},
	{"notebook is a list", "notebooks: [[a.ipynb]]", "2:15", []string{"notebooks", "a list"}},
	{"notebook twice", "notebooks: [a.ipynb, b.ipynb, a.ipynb]", "2:33", []string{"given twice"}},
	{"too many notebooks", "notebooks: [" + strings.Repeat("a.ipynb, ", 101) + "]", "2:14", []string{"at most 100 items; got 101"}},
	{"egress is a text", "egress: pypi.org:443", "2:11", []string{"egress must be a list"}},
	{"egress without a port", "egress: [pypi.org]", "2:12", []string{"host:port"}},
	{"egress of a URL", "egress: ['https://pypi.org']", "2:12", []string{"host:port"}},
	{"egress with a named port", "egress: ['pypi.org:https']", "2:12", []string{"port"}},
	{"egress twice", "egress: ['pypi.org:443', 'PYPI.org:443']", "2:28", []string{"given twice"}},
	{"egress with code", `egress: ['a"); print(1) #:80']`, "2:12", []string{"neither a name nor an address"}},
	{"isolation with port zero", "isolation: ['10.0.0.1:0']", "2:15", []string{"port"}},
	{"isolation with a port too large", "isolation: ['10.0.0.1:65536']", "2:15", []string{"port"}},
	{"isolation with a mistyped address", "isolation: ['169.254.169.2544:80']", "2:15", []string{"no IP address"}},
	{"isolation with an address as a number", "isolation: ['0xA9FEA9FE:80']", "2:15", []string{"no IP address"}},
	{"isolation without brackets", "isolation: ['fd00:ec2::254:80']", "2:15", []string{"brackets"}},
	{"isolation with a zone", `isolation: ["[fe80::1%\"]:80"]`, "2:15", []string{"zone"}},
	{"isolation with needless brackets", "isolation: ['[10.0.0.1]:80']", "2:15", []string{"host:port"}},
	{"isolation without a host", "isolation: [':80']", "2:15", []string{"isolation"}},
	{"metadata", "metadata: 169.254.169.254", "2:13", []string{"metadata must be host:port", "or off"}},
	{"metadata is a list", "metadata: ['169.254.169.254:80']", "2:13", []string{"metadata", "a list"}},
	{"idle too long", "idle: 61m", "2:9", []string{"idle must be a duration", "out of range"}},
	{"idle without unit", "idle: 65", "2:9", []string{"the unit is missing"}},
	{"rebuild", "rebuild: always", "2:12", []string{"rebuild must be off or on"}},
	{"bomb", "expect: &e {packages: [os]}", "2:11", []string{"anchors"}},
	{"deep", "expect: {versions: " + strings.Repeat("[", 40) + "}", "2:", []string{"too deep"}},
}

func TestEachBadStructuredValueIsOneLine(t *testing.T) {
	for _, b := range badStructured {
		t.Run(b.name, func(t *testing.T) {
			_, err := load(t, "defaults:\n  "+b.text+"\ntargets: [{binder: 'https://a'}, {binder: 'https://b'}]\n", nil)
			assertLine(t, err, "smoke.yaml:"+b.where, b.says)
		})
	}
}

func TestStructuredKeysAreGivenOnlyOfATargetInTheFile(t *testing.T) {
	_, err := load(t, "egress: ['pypi.org:443']\n", nil)
	assertLine(t, err, "smoke.yaml:1:1", []string{"egress belongs to a target, or under defaults"})
	_, err = load(t, "rebuild: on\n", nil)
	assertLine(t, err, "smoke.yaml:1:1", []string{"rebuild belongs to a target"})
	_, err = load(t, "", nil, "--egress=pypi.org:443")
	assertLine(t, err, "flag", []string{"--egress must be given in the settings file"})
	_, err = load(t, "", []string{"SMOKE_EXPECT=x"})
	assertLine(t, err, "environment", []string{"SMOKE_EXPECT must be given in the settings file"})
}

func TestATargetsOwnBadValuesAreFoundToo(t *testing.T) {
	_, err := load(t, "defaults: {egress: ['a:1']}\ntargets:\n- binder: https://b\n  egress: [a]\n  expct: {}\n", nil)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Lines, 2)
	assert.Contains(t, err.Error(), `smoke.yaml:4:12: egress must be host:port`)
	assert.Contains(t, err.Error(), `smoke.yaml:5:3: "expct" is an unknown key; did you mean expect?`)
}
