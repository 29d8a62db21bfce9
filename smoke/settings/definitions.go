package settings

import (
	"slices"
	"strings"
)

// scope tells what a setting belongs to, and so where in the file it stands.
type scope int

const (
	ofRun    scope = iota // top level of the file
	ofTarget              // a target of the file, or its defaults
	ofFlags               // flags and environment only
)

// definition is one setting. Flags, environment, file keys, --help and the table in the README are made from these. Those
// that only the file can hold are in fileOnly.
type definition struct {
	name     string // BINDER is SMOKE_BINDER, --binder and the key binder
	scope    scope
	fallback string // the default; empty: unset
	shows    string // how --help shows the default, when not as it is
	must     string // completes "must be …"
	help     string // one sentence
	list     bool   // takes several, comma-separated or as a list in the file
	sequence bool   // takes a list in the file, and nothing else
	path     bool   // is a path, relative to where it was given
	secret   bool   // takes {env: NAME} or {file: path}; of pairs, each value does
	credible bool   // is a credential, or is read from one's file: only of targets that run
	take     func(d *draft, item string) error
	takePair func(d *draft, key, item string) error // of a setting whose keys the user names
	begin    func(d *draft)                         // of a sequence of keys with values: one more begins
	within   []*definition                          // the keys below it; then it has no value of its own

	enum    []string // the values that there are, for the schema
	pattern string   // that a text must have, for the schema
}

func (d *definition) env() string { return "SMOKE_" + d.name }
func (d *definition) flag() string {
	return "--" + strings.ReplaceAll(strings.ToLower(d.name), "_", "-")
}
func (d *definition) key() string { return strings.ToLower(d.name) }

// definitions is every setting, in the order in which --help and the README show them.
var definitions = []*definition{
	{name: "KIND", scope: ofTarget, fallback: "binderhub", must: "binderhub or jupyterhub", take: takeKind, enum: []string{"binderhub", "jupyterhub"},
		help: "`jupyterhub` for a JupyterHub without a BinderHub: a server is started by the hub's own API. It needs `hub`, a login or a token, and no `binder`."},
	{name: "BINDER", scope: ofTarget, must: mustURL, take: takeBinder, pattern: "^https?://",
		help: "BinderHub's base URL. Without it and without targets the loopback deployment is tested."},
	{name: "HUB", scope: ofTarget, must: mustURL, take: takeHub, pattern: "^https?://", shows: "learned from a launch",
		help: "Base URL of JupyterHub's proxy. Without it the hub host is learned from a launch and remembered."},
	{name: "SPEC", scope: ofTarget, fallback: "gh/binder-examples/requirements/HEAD", take: takeSpec,
		must: "a repository as in BinderHub's launch URLs, such as gh/owner/name/ref",
		help: "What is launched, as it stands in BinderHub's launch URLs."},
	{name: "NOTEBOOK", scope: ofTarget, take: takeNotebook, shows: "the suite uploads its own",
		must: mustNotebook,
		help: "Notebook of the repository that the browser opens and runs."},
	{name: "APP", scope: ofTarget, fallback: "lab", must: "lab or notebook", take: takeApp, enum: []string{"lab", "notebook"},
		help: "Front end in which the browser opens it: `lab` (JupyterLab) or `notebook` (Notebook 7)."},
	{name: "UI", scope: ofTarget, fallback: "on", must: mustSwitch, take: takeUI, enum: []string{"on", "off"},
		help: "`off` for a BinderHub in API-only mode, which has no pages."},
	{name: "RESOLVE", scope: ofTarget, list: true, take: takeResolve,
		must: "host:port=address or host:port=address:port, IPv6 addresses in brackets",
		help: "`host:port=address[:port]`, comma-separated: addresses to use instead of DNS, in raw clients and browser. Tests a cluster before DNS moves."},
	{name: "CA", scope: ofTarget, path: true, must: "a readable PEM file with at least one certificate", take: takeCA,
		help: "PEM file of further certificate authorities to trust."},
	{name: "SCENARIOS", scope: ofTarget, list: true, must: "a scenario or scenario/step", take: takeScenario, shows: "all",
		help: "`scenario` or `scenario/step`, comma-separated: what to run, with what it needs."},
	{name: "SKIP", scope: ofTarget, list: true, must: "a scenario or scenario/step", take: takeSkip,
		help: "`scenario` or `scenario/step`, comma-separated: what not to run. What needs it is skipped too."},
	{name: "REPEAT", scope: ofTarget, fallback: "20", must: "a number from 1 to 1000", take: takeRepeat,
		help: "Fresh connections in the `repeat` steps, which find a fault of one backend among several."},
	{name: "IDLE", scope: ofTarget, fallback: "65s", must: "a duration from 0 to 1h, such as 65s; 0 skips the scenario", take: takeIdle, pattern: durationPattern,
		help: "How long `idle` holds quiet websockets; longer than the proxies' timeouts, which are often 60 s. `0` skips it."},
	{name: "REBUILD", scope: ofTarget, fallback: "off", must: "off or on", take: takeRebuild, enum: []string{"off", "on"},
		help: "`off`: launch what may be cached. `on`: also build and launch an image that is not cached."},
	{name: "METADATA", scope: ofTarget, fallback: "169.254.169.254:80", must: mustHostPort + ", or off", take: takeMetadata,
		help: "The cloud's metadata address, which a user pod must not reach, or `off`. Not asked of the loopback deployment."},
	{name: "TOKEN_FILE", scope: ofTarget, path: true, credible: true, must: mustSecret("a file", "the token"), take: takeTokenFile,
		help: "File with a JupyterHub API token: raw clients and browser are known by it (header login). It wins over `credentials.token`."},
	{name: "HEADERS_FILE", scope: ofTarget, path: true, credible: true, must: "a readable file with one `Name: value` a line", take: takeHeadersFile,
		help: "File with headers, `Name: value` on each line, that are sent to the target's own hosts only. They win over `headers`."},
	{name: "TARGETS", scope: ofFlags, list: true, must: "the name of a target in the settings file, or label=value", take: takeName, shows: "all",
		help: "Which of the settings file's targets to run: names, or `label=value`, comma-separated."},
	{name: "CONCURRENCY", scope: ofRun, fallback: "2", must: "a number from 1 to 100", take: takeConcurrency,
		help: "How many targets are tested at once."},
	{name: "MODE", scope: ofRun, fallback: "gate", must: "gate, quick or soak", take: takeMode, enum: []string{"gate", "quick", "soak"},
		help: "`gate`: everything, as after a redeploy. `quick`: the hosts only, without a launch; needs the hub's URL. `soak`: the gate at once, after 10 and after 60 minutes."},
	{name: "EVERY", scope: ofRun, must: "a duration from 1m to 24h, such as 15m", take: takeEvery, pattern: durationPattern,
		help: "In soak mode, with `for`: how long after the beginning of a round the next one begins."},
	{name: "FOR", scope: ofRun, must: "a duration from 1m to 168h, such as 4h", take: takeFor, pattern: durationPattern,
		help: "In soak mode, with `every`: until when rounds begin."},
	{name: "LAUNCHES", scope: ofRun, fallback: "10", must: "a number from 3 to 1000", take: takeLaunches,
		help: "In soak mode, the launches of a target in any hour, those of earlier runs included; a round that would exceed them begins later."},
	{name: "WAIT", scope: ofRun, fallback: "0", must: "a duration from 0 to 4h, such as 10m", take: takeWait, pattern: durationPattern,
		help: "How long to wait for a new deployment to answer before it is tested; exit code 3 when it does not. `0`: it is expected to be ready."},
	{name: "TIMEOUT", scope: ofRun, fallback: "15m", must: "a duration from 10s to 24h, such as 15m", take: takeTimeout, pattern: durationPattern,
		help: "Time for the whole run, the wait not counted. What has not ended then is reported as not reached, and the exit code is 124."},
	{name: "GRACE", scope: ofRun, fallback: "10s", must: "a duration from 0s to 10m, such as 10s", take: takeGrace, pattern: durationPattern,
		help: "After an interrupt, how long to wait for a launch that has not ended, so that its server can be shut down."},
	{name: "FLAKY", scope: ofRun, fallback: "pass", must: "pass or fail", take: takeFlaky, enum: []string{"pass", "fail"},
		help: "`fail`: what passed only when repeated exits 1, else 0."},
	{name: "OUT", scope: ofRun, fallback: "smoke-report", path: true, shows: "`smoke-report` beside go.mod, else in the working directory",
		must: "a directory that can be written", take: takeOut,
		help: "Directory of the report. Its report.json is replaced by each run."},
	{name: "STATE", scope: ofRun, fallback: "smoke-state", path: true, shows: "`smoke-state`, likewise",
		must: "a directory that can be written", take: takeState,
		help: "Directory that outlives runs: hub URLs learned, the last results, launch times."},
	{name: "CONFIG", scope: ofFlags, path: true, must: "a readable settings file", take: takeNothing,
		shows: "`smoke.yaml` in the working directory or beside go.mod, if there", help: "The settings file."},

	{name: "HEADED", scope: ofRun, fallback: "off", must: mustSwitch, take: takeHeaded, enum: []string{"on", "off", "1", "0"},
		help: "`on`: show the browser while it works, which needs a display."},
	{name: "BROWSER", scope: ofRun, must: "a ws, wss, http or https URL", take: takeBrowser, pattern: "^(ws|http)s?://", shows: "one of this machine's",
		help: "Address of a browser that runs elsewhere with remote debugging, such as `ws://127.0.0.1:9222`. It has its own DNS and its own trust."},
}

// foreign are variables that look like ours and belong to the suite's own fixtures.
var foreign = []string{"SMOKE_DEPS"}

// lookup finds a definition by the name that one of its forms makes.
func lookup(form func(*definition) string, name string) *definition {
	return find(definitions, form, name)
}

func find(list []*definition, form func(*definition) string, name string) *definition {
	i := slices.IndexFunc(list, func(d *definition) bool { return form(d) == name })
	if i < 0 {
		return nil
	}
	return list[i]
}

// names lists what may be given, in one form, in some scopes.
func names(form func(*definition) string, scopes ...scope) []string {
	var out []string
	for _, d := range definitions {
		if slices.Contains(scopes, d.scope) {
			out = append(out, form(d))
		}
	}
	return out
}
