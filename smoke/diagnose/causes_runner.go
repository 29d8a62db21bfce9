package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// runnerCauses are troubles of the suite and of the machine it runs on: they say nothing about the deployment.
var runnerCauses = []Cause{
	{
		ID: "cancelled", Title: "The run was interrupted", Hop: HopClient, Severity: Inconclusive,
		Match:    func(v *View) bool { return v.Fault.Symptom == wire.Cancelled },
		Sentence: func(v *View) string { return "The run was interrupted before this step could end" },
		Suspects: []string{"cancelled"},
		Remedy:   "Run again; raise SMOKE_TIMEOUT, or the CI job's own limit, if that is what ended it.",
	},
	{
		ID: "remote-browser", Title: "The browser that SMOKE_BROWSER names cannot test this target", Hop: HopClient, Severity: Inconclusive,
		Match: unavailable("SMOKE_BROWSER"),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The browser that SMOKE_BROWSER names is not set up for this target: expected %s, got %s", v.Fault.Want, v.Fault.Got)
		},
		Suspects: []string{"remote-browser"},
		Remedy:   "It has its own network, DNS and trust: start it as the finding says, where it reaches the target, or leave SMOKE_BROWSER out, so that one is started here.",
	},
	{
		ID: "no-certutil", Title: "The browser cannot be told about SMOKE_CA", Hop: HopClient, Severity: Inconclusive,
		Match:    unavailable("certutil", "SMOKE_CA"),
		Sentence: sentence("The browser was not started: certutil is missing, so it cannot learn to trust SMOKE_CA"),
		Suspects: []string{"no-certutil"},
		Remedy:   "Debian, Ubuntu: `apt-get install libnss3-tools`. Fedora: `dnf install nss-tools`. Elsewhere skip the scenario: SMOKE_SKIP=notebook.",
	},
	{
		ID: "no-sandbox", Title: "Chromium cannot start its sandbox", Hop: HopClient, Severity: Inconclusive,
		Match:    unavailable("sandbox"),
		Sentence: sentence("Chromium did not start: its sandbox needs user namespaces, which this machine does not give"),
		Suspects: []string{"no-sandbox"},
		Remedy:   "Allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu `kernel.apparmor_restrict_unprivileged_userns=0`), or run in a container that is allowed to, or as root.",
	},
	{
		ID: "browser-crashed", Title: "The browser crashed", Hop: HopClient, Severity: Inconclusive,
		Match:    func(v *View) bool { return v.Fault.Symptom == wire.Crashed },
		Sentence: sentence("The browser, or its tab, crashed on the machine that runs the suite"),
		Suspects: []string{"browser-crashed"},
		Remedy:   "Give the runner more memory (1 GiB free) and, in a container, a larger /dev/shm (`--shm-size=1g`).",
	},
	{
		ID: "another-run", Title: "Another run launches on this target", Hop: HopClient, Severity: Inconclusive,
		Match:    unavailable("another run"),
		Sentence: func(v *View) string { return "Nothing was launched: " + v.Fault.Got },
		Suspects: []string{"another-run"},
		Remedy:   "Wait for that run, or end it: runs that share SMOKE_STATE take turns, since BinderHub counts the launches of all of them. In CI use one concurrency group for each target.",
	},
	{
		ID: "no-browser", Title: "There is no browser that could be used", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool { return v.Fault.Symptom == wire.Unavailable && v.Says("chrom", "browser") },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The machine that runs the suite has no Chrome or Chromium that could be used: expected %s, got %s", v.Fault.Want, v.Fault.Got)
		},
		Suspects: []string{"no-browser"},
		Remedy:   "Install one, or a newer one: `apt-get install chromium`. Without one, skip the scenario: SMOKE_SKIP=notebook.",
	},
	{
		ID: "proxy-variable", Title: "A proxy stands between the runner and the target", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool {
			return v.Says("proxyconnect", "ERR_PROXY_", "ERR_TUNNEL_CONNECTION_FAILED") || status(v.X) == 407
		},
		Sentence: func(v *View) string {
			text := "A proxy that the runner's environment names does not let the suite through"
			if _, said, found := strings.Cut(firstOf(v.Fault.Got, v.End.Error), "proxyconnect"); found {
				text += " (" + short(strings.TrimPrefix(strings.TrimPrefix(said, " tcp"), ": ")) + ")"
			}
			return text
		},
		Suspects: []string{"proxy-variable"},
		Remedy:   "Unset HTTP_PROXY and HTTPS_PROXY, or add the target's hosts to NO_PROXY. If the proxy is meant to be used, its log says why it refuses: a login that it wants, a list of hosts, or a target that it cannot reach itself.",
	},
	{
		ID: "clock-skew", Title: "The runner's clock is wrong", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool {
			return v.Symptom(wire.TLSExpired) && (v.clockWrong() || (v.Says("is before") && !v.clockRight()))
		},
		Sentence: func(v *View) string {
			if ahead, known := v.skew(); known {
				return fmt.Sprintf("The clock of the machine that runs the suite and the target's differ by %s: by the target's the certificate is valid", sayLong(ahead.Abs()))
			}
			return "The certificate is valid only in the future by the clock of the machine that runs the suite"
		},
		Ask:      same(ProbeClock),
		Suspects: []string{"clock-skew", "tls-expired-front"},
		Remedy:   "Compare `date -u` with `curl -sI https://… | grep -i ^date`; set the clock (`chronyc makestep`). If the clock is right, the certificate was issued with a wrong start.",
	},
	{
		ID: "suite-failed", Title: "The suite itself failed", Hop: HopClient, Severity: Inconclusive,
		Match: func(v *View) bool {
			return v.Fault.Symptom == wire.ClientFailed || v.Fault.Symptom == wire.Unavailable
		},
		Sentence: func(v *View) string { return fmt.Sprintf("The suite itself could not go on: %s", v.Fault.Got) },
		Suspects: []string{"suite-failed"},
		Remedy:   "Free disk space and memory on the runner and try again; if it stays, report it with the timeline.",
	},
}

// unavailable matches what the suite needs and does not have, by the words that name it.
func unavailable(words ...string) func(*View) bool {
	return func(v *View) bool {
		return (v.Fault.Symptom == wire.Unavailable || v.Fault.Symptom == wire.ClientFailed) && v.Says(words...)
	}
}

// sentence is a Sentence that does not depend on the view.
func sentence(text string) func(*View) string { return func(*View) string { return text } }
