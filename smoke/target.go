package smoke

import (
	"net/http"
	"net/url"
	"time"
)

// App is the front end that a notebook is opened in.
type App string

// The front ends.
const (
	AppLab      App = "lab"      // JupyterLab
	AppNotebook App = "notebook" // Notebook 7
)

// Target is one BinderHub under test, with everything the user said of it. Settings have been checked when a Target
// exists: its URLs are absolute, its files were read.
type Target struct {
	Name   string            // [a-z0-9-]+, names the directory of its evidence
	Labels map[string]string // what the user says of it for people and other programs, or nil
	Kind   Kind
	Binder *url.URL // BinderHub's base URL; the path ends in a slash. It is nil for KindJupyterHub
	Hub    *url.URL // base URL of JupyterHub's proxy, or nil: then it is learned from a launch and remembered

	Spec     string // what is launched, "gh/binder-examples/requirements/HEAD"
	Notebook string // path of the notebook in the repository to open; empty: the suite uploads its own
	UI       bool   // BinderHub shows pages; off for API-only mode
	App      App
	Form     bool // launch by the form of BinderHub's front page, which spends the rate limit

	Resolve map[string]string // "host:port" to "address:port", instead of DNS
	CA      []byte            // PEM of further certificate authorities, or nil
	CAFile  string            // where CA was read from
	Token   string            // JupyterHub API token, or empty
	Headers http.Header       // sent to the target's own hosts only, or nil

	Credentials Credentials

	Scenarios []string // "scenario" or "scenario/step": what to run, with what it needs; empty is everything
	Skip      []string // "scenario" or "scenario/step": what not to run
	Repeat    int      // fresh connections in the repeat steps
	// Budgets replaces the time budgets of steps, by "scenario/step"; nil changes none.
	Budgets map[string]time.Duration
	Known   []Known

	Idle    time.Duration // how long quiet websockets are held; zero skips the scenario
	Rebuild bool          // build and launch an image that is not cached

	Expect    Expect
	Notebooks []string // paths of the repository's own notebooks whose every cell must run
	Egress    []string // "host:port" that a user pod must reach
	Isolation []string // "host:port" that a user pod must not reach
	// Metadata is the cloud's metadata address, "host:port", that a user pod must not reach; empty asks nothing.
	Metadata string
}

// Expect is what the newly deployed software must show of itself, so that an old deployment that still answers is noticed.
type Expect struct {
	Versions map[string]string // of BinderHub's /versions: "binderhub" or "builder" to a text that must be in it
	Python   string            // prefix of the kernel's Python version, "3.12"
	Packages []string          // that can be imported in the kernel
	Files    []string          // that are there, relative to the repository
}

// Settings is everything the user said of a run.
type Settings struct {
	Targets     []Target
	Mode        Mode
	Concurrency int             // targets at once
	Wait        time.Duration   // for the deployment to be ready; zero: it is expected to be
	Timeout     time.Duration   // of the whole run, the wait not counted; in soak mode of each round
	Soak        []time.Duration // when soak mode's rounds begin, since the first
	Launches    int             // of a target in an hour, at most, in soak mode; zero: any number
	Grace       time.Duration   // for clean-up after an interrupt: how long to wait for a launch that has not ended
	Probing     time.Duration   // for the diagnosis's questions to one target, in all; zero: 10 s, in quick mode 1 s
	FlakyFails  bool            // exit code 1 for flaky
	Headed      bool            // show the browser
	Browser     string          // address of a browser that runs elsewhere; empty: one is started
	Out         string          // directory of the report; absolute
	State       string          // directory that outlives runs; absolute
}
