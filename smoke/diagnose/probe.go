package diagnose

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// ProbeKind tells what a probe does.
type ProbeKind string

// The kinds of probes. Each is a few requests without a body; none is ever a launch.
const (
	ProbeAgain     ProbeKind = "again"            // the URL over some fresh connections, by turns over HTTP/1.1 and HTTP/2
	ProbePlain     ProbeKind = "plain"            // the URL once, without Upgrade
	ProbeUpgrade   ProbeKind = "upgrade"          // a websocket handshake over HTTP/1.1
	ProbeExtended  ProbeKind = "extended-connect" // a websocket handshake over HTTP/2 (RFC 8441)
	ProbeAddresses ProbeKind = "addresses"        // a connection to every address of the host, of both families
	ProbeClock     ProbeKind = "clock"            // the host's plain HTTP port, for the time that it tells
)

// Probe is a question to the target whose answer tells causes apart that look alike. The diagnosis asks; whoever executes
// it appends what it saw to the timeline, as records of client Probe, and diagnoses again.
type Probe struct {
	Kind ProbeKind
	URL  string // of the target's own, without a query; or, where that is empty:
	Role wire.Role
	Path string // below the base URL of the binder host or the hub host
}

// String names the probe for a person: "plain hub-host hub/api/".
func (p Probe) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", p.Kind, p.URL, p.Role, p.Path)), " ")
}

// asks are the probes that would tell this view's cause from its look-alikes; c is nil where no rule fits. A warning is
// worth no traffic.
func (v *View) asks(c *Cause) []Probe {
	ask := askUnrecognised
	if c != nil {
		ask = c.Ask
	}
	if ask == nil || v.Warning() || v.X.ID == 0 || v.X.Open.Role == wire.RoleOther {
		return nil
	}
	return ask(v)
}

// ask joins questions.
func ask(all ...func(*View) []Probe) func(*View) []Probe {
	return func(v *View) []Probe {
		var out []Probe
		for _, each := range all {
			out = append(out, each(v)...)
		}
		return out
	}
}

// same is a probe of the deciding exchange's own URL.
func same(kind ProbeKind) func(*View) []Probe {
	return func(v *View) []Probe {
		if url := askable(v.X); url != "" {
			return []Probe{{Kind: kind, URL: url}}
		}
		return nil
	}
}

// askable is the URL of an exchange without its query, or empty where it must not be asked again: a launch costs, and a
// secret was taken out of the record.
func askable(x *wire.Exchange) string {
	url, _, _ := strings.Cut(x.Open.URL, "?")
	url, _, _ = strings.Cut(url, "#")
	if strings.HasPrefix(url, "ws") {
		url = "http" + strings.TrimPrefix(url, "ws")
	}
	if strings.Contains(url, wire.Redacted) || strings.Contains(url, "/build/") {
		return ""
	}
	return url
}

// askAgain asks the same over fresh connections: does it fail always, now and then, or in one version of HTTP only?
func askAgain(v *View) []Probe {
	if v.X.Open.Type != wire.TypeHTTP || v.X.Open.Method != http.MethodGet {
		return nil
	}
	return same(ProbeAgain)(v)
}

// askLater asks that where the good answers came before, in another step.
func askLater(v *View) []Probe {
	if v.In("*/repeat") {
		return nil
	}
	return askAgain(v)
}

// askHost asks the same host for something that its application always answers.
func askHost(v *View) []Probe { return []Probe{health(host(v.Role()))} }

// askOther asks that of the other host.
func askOther(v *View) []Probe {
	if host(v.Role()) == "hub" {
		return []Probe{health("binder")}
	}
	return []Probe{health("hub")}
}

// health is a URL that answers without a login: BinderHub's versions, JupyterHub's API.
func health(host string) Probe {
	if host == "hub" {
		return Probe{Kind: ProbePlain, Role: wire.RoleHub, Path: "hub/api/"}
	}
	return Probe{Kind: ProbePlain, Role: wire.RoleBinder, Path: "versions"}
}

// askProxy asks CHP for its own health, behind which no hub is.
func askProxy(*View) []Probe {
	return []Probe{{Kind: ProbePlain, Role: wire.RoleHub, Path: strings.TrimPrefix(healthPath, "/")}}
}

// askCanary asks whether an upgrade arrives on another path than the one that failed.
func askCanary(v *View) []Probe {
	if kind(v.X) == "canary" {
		return nil
	}
	return []Probe{{Kind: ProbeUpgrade, Role: wire.RoleHub, Path: strings.TrimPrefix(healthPath, "/")}}
}

// askOpenAPI asks the user server for the one thing that needs no login.
func askOpenAPI(v *View) []Probe {
	base := serverBase(v.X)
	at := strings.Index(v.X.Open.URL, base)
	if at < 0 || openAPI(v.X) {
		return nil
	}
	server := &wire.Exchange{Open: wire.Open{URL: v.X.Open.URL[:at] + base + "api"}}
	if url := askable(server); url != "" {
		return []Probe{{Kind: ProbePlain, URL: url}}
	}
	return nil
}

// askBrowsers asks for a browser's websocket in the two ways in which one opens.
func askBrowsers(v *View) []Probe {
	if v.X.Client != wire.Browser || !socket(v.X) || v.X.Opened() {
		return nil
	}
	return ask(same(ProbeUpgrade), same(ProbeExtended))(v)
}

// askUnrecognised asks for what would at least tell more of a failure that no rule knows.
func askUnrecognised(v *View) []Probe {
	s := status(v.X)
	switch {
	case v.X.Open.Type == wire.TypeConnect:
		return same(ProbeAddresses)(v)
	case socket(v.X) && !v.X.Opened():
		return ask(same(ProbePlain), askBrowsers, askOpenAPI, askHost)(v)
	case launchStream(v.X):
		return askHost(v)
	case s == 0 || s >= 400:
		return ask(askAgain, askOpenAPI, askHost)(v)
	}
	return nil
}

// repeats are the probes' answers to the deciding exchange's own request.
func (v *View) repeats() []*wire.Exchange {
	return v.Others(func(x *wire.Exchange) bool {
		return x.Client == wire.Probe && x.Open.Type == v.X.Open.Type && v.SameHost(x) && urlOf(x).Path == urlOf(v.X).Path && x.Open.Method == v.X.Open.Method
	})
}

// asBad tells whether an exchange came to no more than the deciding one.
func (v *View) asBad(x *wire.Exchange) bool {
	s := status(x)
	return s == 0 || s >= 500 || s == status(v.X)
}

// lostAmong is a request without an answer that a probe had answered over one fresh connection and not over another: it is
// not the moment that was bad, but one of several.
func (v *View) lostAmong() bool {
	lost := func(x *wire.Exchange) bool { return x.Response == nil }
	repeats := v.repeats()
	return lost(v.X) && slices.ContainsFunc(repeats, lost) && slices.ContainsFunc(repeats, v.sameButServed)
}

// diedBefore tells whether an exchange that was served says nothing of now: it came before the deciding one, in another
// step, and since then every fresh connection has failed.
func (v *View) diedBefore(served *wire.Exchange) bool {
	repeats := v.repeats()
	healed := slices.ContainsFunc(repeats, func(x *wire.Exchange) bool { return !v.asBad(x) })
	elsewhere := served.Scenario != v.Scenario || served.Step != v.Step
	return len(repeats) > 0 && !healed && elsewhere && served.Open.At < v.X.Open.At
}

// tally counts the same request over fresh connections, by version of HTTP.
type tally struct{ all, bad int }

func (v *View) tallies() (first, second tally) {
	for _, x := range v.repeats() {
		t := &first
		if v2(x) {
			t = &second
		}
		t.all++
		if v.asBad(x) {
			t.bad++
		}
	}
	return first, second
}

// none and every tell whether a version of HTTP always works, or never, as far as more than one connection shows.
func (t tally) none() bool  { return t.all > 1 && t.bad == 0 }
func (t tally) every() bool { return t.all > 1 && t.bad == t.all }

// byVersion tells whether one version of HTTP always works and the other never.
func (v *View) byVersion() bool {
	first, second := v.tallies()
	return (first.none() && second.every()) || (first.every() && second.none())
}

// compared says what came of the same request over fresh connections, as the end of a sentence; empty where nobody asked.
func (v *View) compared() string {
	first, second := v.tallies()
	switch all, bad := first.all+second.all, first.bad+second.bad; {
	case all == 0:
		return ""
	case bad == 0:
		return fmt.Sprintf("; the same request over %d further connections was served", all)
	case bad == all:
		return fmt.Sprintf("; the same on each of %d further connections", all)
	case first.none() && second.every():
		return "; over HTTP/1.1 the same request is served, over HTTP/2 it is not"
	case first.every() && second.none():
		return "; over HTTP/2 the same request is served, over HTTP/1.1 it is not"
	default:
		return fmt.Sprintf("; the same on %d of %d further connections, the others were served", bad, all)
	}
}

// v2 tells whether an exchange went over HTTP/2: by the answer, or else by what the handshake agreed on.
func v2(x *wire.Exchange) bool {
	if x.Response != nil {
		return x.Response.Proto == "HTTP/2.0" || x.Response.Proto == "h2"
	}
	return x.TLS != nil && x.TLS.ALPN == "h2"
}

// elsewhere are the other addresses of the same host that take connections, as the end of a sentence.
func (v *View) elsewhere() string {
	var good []string
	for _, x := range v.Others(func(x *wire.Exchange) bool {
		return v.SameHost(x) && x.Open.Type == wire.TypeConnect && x.Close != nil && x.Close.Error == ""
	}) {
		for _, t := range x.TCP {
			if t.Error == "" && !strings.Contains(addresses(v.X), t.Address) && !slices.Contains(good, t.Address) {
				good = append(good, t.Address)
			}
		}
	}
	if len(good) == 0 {
		return ""
	}
	return "; " + strings.Join(good, ", ") + " of the same host does"
}
