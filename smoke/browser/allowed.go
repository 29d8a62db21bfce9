package browser

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// aborted is Chromium's word for a request that the page, or a navigation, gave up.
const aborted = "net::ERR_ABORTED"

// allowance is something that looks like trouble and that healthy pages do. The list is to stay short: whatever is on it
// can no longer fail a deployment.
type allowance struct {
	why string
	// One of these says what is allowed.
	request  func(q *request) bool  // that was answered with 4xx or 5xx
	failure  func(text string) bool // of a request that a script made
	socket   func(text string) bool // that was given up before it was open
	uncaught *regexp.Regexp         // error of a page
	dialog   *regexp.Regexp         // that Jupyter shows, and that is dismissed
}

var allowances = []allowance{
	{
		why:     "JupyterLab does not read the empty answers to its saved layout and gives them up, and BinderHub's page gives its stream up at ready",
		failure: func(text string) bool { return text == aborted },
	},
	{
		why:    "JupyterLab gives one websocket up while it opens another to the same kernel",
		socket: regexp.MustCompile(`closed before the connection is established`).MatchString,
	},
	{
		why: "BinderHub names icons for its three states that it does not ship (favicon_building.ico and others), and browsers ask for /favicon.ico of their own accord",
		request: func(q *request) bool {
			return q.response.Status == http.StatusNotFound && icons.MatchString(pathOf(q.url))
		},
	},
	{
		why:     "what a notebook's own text links to, such as an image that is not there, is the repository's",
		request: func(q *request) bool { return contents.MatchString(pathOf(q.url)) },
	},
	{
		why:      "Chromium reports it as an error when a layout needs a second pass; nothing is lost",
		uncaught: regexp.MustCompile(`^(Uncaught )?ResizeObserver loop`),
	},
	{
		why:      "JupyterLab lets the requests to a kernel go that it has left, and does not catch what that raises",
		uncaught: regexp.MustCompile(`Canceled future for \w+ message before replies were done`),
	},
	{
		why: "Notebook 7, seen with 7.6.5, now and then reads a plugin's settings before it has their schema, or asks its list of files for " +
			"something before that has started, and works all the same",
		uncaught: regexp.MustCompile(`^Uncaught \(in promise\) (TypeError: Cannot read properties of undefined \(reading 'schema'\)|` +
			`Error: Command 'filebrowser:open-path' not registered)`),
	},
	{
		why:    "an image may hold an extension that JupyterLab would like to compile; it works without",
		dialog: regexp.MustCompile(`^Build Recommended`),
	},
}

var (
	icons    = regexp.MustCompile(`/favicon[^/]*\.ico$`)
	contents = regexp.MustCompile(`/user/[^/]+/files/`)
)

// allowed tells whether some allowance fits.
func allowed(fits func(a allowance) bool) bool { return slices.ContainsFunc(allowances, fits) }

func allowedRequest(q *request) bool {
	return allowed(func(a allowance) bool { return a.request != nil && a.request(q) })
}

func allowedFailure(text string) bool {
	return allowed(func(a allowance) bool { return a.failure != nil && a.failure(text) })
}

func allowedSocket(text string) bool {
	return allowed(func(a allowance) bool { return a.socket != nil && a.socket(text) })
}

func allowedError(text string) bool {
	return allowed(func(a allowance) bool { return a.uncaught != nil && a.uncaught.MatchString(text) })
}

func allowedDialog(text string) bool {
	return allowed(func(a allowance) bool { return a.dialog != nil && a.dialog.MatchString(text) })
}

func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Path
}

// severity is what trouble with a part of a page means.
type severity int

const (
	harmless severity = iota // third parties', or what healthy pages do
	notable                  // a person can work, and something is missing: a warning
	grave                    // a person cannot work
)

// corePaths are the parts of the user server's API without which no front end works. Source: jupyter_server and
// jupyterlab_server, their handlers.
var corePaths = regexp.MustCompile(`/user/[^/]+/(api/(contents|kernels|kernelspecs|sessions|me)|lab/api/(settings|workspaces|translations|themes))(/|$)`)

// polls are lists that front ends ask for again and again. A server that has just lost a kernel may answer one of them with
// an error of its own.
var polls = regexp.MustCompile(`/api/(kernels|sessions|terminals)$`)

// severityOf tells what it means that a request was answered badly, or not at all.
func severityOf(q *request) severity {
	core := corePaths.MatchString(pathOf(q.url))
	switch {
	case !q.ours(), q.isReport():
		return harmless
	case q.main, q.stream != nil, q.resource == network.ResourceTypeScript, q.resource == network.ResourceTypeStylesheet:
		return grave
	case q.resource != network.ResourceTypeFetch && q.resource != network.ResourceTypeXHR:
		return notable
	case core && q.serverSays() && q.method == http.MethodGet && polls.MatchString(pathOf(q.url)):
		return notable
	case core, q.response != nil && q.response.Status >= 500 && !q.serverSays():
		return grave
	}
	return notable
}

// isReport tells whether the browser itself reports something, as a policy wants it to: nobody waits for an answer to that.
func (q *request) isReport() bool {
	kinds := []network.ResourceType{network.ResourceTypeCSPViolationReport, network.ResourceTypePing, network.ResourceTypeOther}
	return q.method == http.MethodPost && slices.Contains(kinds, q.resource)
}

// serverSays tells whether the user server itself answered. Source: jupyter_server/base/handlers.py, whose policy names a
// place for reports below the server's path, and jupyterhub-singleuser, which names the hub's version.
func (q *request) serverSays() bool {
	if q.response == nil || q.role != wire.RoleServer {
		return false
	}
	policy := get(q.header, "Content-Security-Policy")
	return reports.MatchString(policy) || get(q.header, "X-JupyterHub-Version") != ""
}

var reports = regexp.MustCompile(`report-uri \S*/user/`)

// get reads a header whose name may be written in any way: HTTP/2's are in lower case.
func get(h http.Header, name string) string {
	for k, values := range h {
		if http.CanonicalHeaderKey(k) == name && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
