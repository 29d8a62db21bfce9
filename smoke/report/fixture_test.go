package report

import (
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

func sec(f float64) wire.Seconds { return wire.Seconds(f * float64(time.Second)) }

func at(f float64) *wire.Seconds { s := sec(f); return &s }

// seed is the result of a run on the seed incident: both faults at once.
func seed() smoke.Result {
	overhead := 0.012
	return smoke.Result{
		Schema: smoke.Schema, RunID: "1a2b3c4d", SuiteVersion: "0.1.0", Started: time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC),
		Seconds: sec(31.4), Verdict: smoke.Failed, Ended: smoke.EndedNormal, Overhead: &overhead,
		Targets: []smoke.TargetResult{seedTarget()},
	}
}

func seedTarget() smoke.TargetResult {
	return smoke.TargetResult{
		Name: "binder-example-org", Binder: "https://binder.example.org/", Hub: "https://hub.example.org/", Verdict: smoke.Failed,
		NotTried: []string{"launch (needs binder-host/page)", "server (needs launch)", "kernel (needs launch)", "notebook (needs launch)"},
		Notes:    []string{"The browser ran without its sandbox, because the suite ran as root."},
		Scenarios: []smoke.ScenarioResult{
			{Name: "binder-host", Proves: "the binder host answers as BinderHub", Verdict: smoke.Failed, Seconds: sec(1.2), Steps: []smoke.StepResult{
				{Name: "page", Verdict: smoke.Failed, Seconds: sec(0.31), BudgetSeconds: sec(20), ProvedAt: at(0.3), FailedAt: at(0.31),
					Finding: "binder-example-org|binder|upstream-refused", Reason: "BinderHub's page at https://binder.example.org/: expected 200 text/html, got 502 text/html"},
				{Name: "health", Verdict: smoke.Blocked, Reason: "needs page"},
			}},
			{Name: "hub-host", Proves: "the hub host answers as JupyterHub's proxy", Verdict: smoke.Failed, Seconds: sec(0.4), Steps: []smoke.StepResult{
				{Name: "api", Verdict: smoke.Pass, Seconds: sec(0.2), BudgetSeconds: sec(20)},
				{Name: "upgrade", Verdict: smoke.Failed, Seconds: sec(0.2), BudgetSeconds: sec(20), ProvedAt: at(0.4), FailedAt: at(0.4),
					Finding: "binder-example-org|hub|ws-upgrade-missing", Reason: "refused"},
			}},
			{Name: "notebook", Proves: "a person sees the output in a real browser", Verdict: smoke.Inconclusive, Steps: []smoke.StepResult{
				{Name: "launch", Verdict: smoke.Inconclusive, Seconds: sec(0.1), Reason: "No Chromium was found.", Screenshot: ""},
			}},
		},
		Findings: []diagnose.Finding{
			{Key: "binder-example-org|binder|upstream-refused", Cause: "upstream-refused", Suspects: []string{"upstream-refused", "selector-overmatch"},
				Hop: diagnose.HopIngress, Role: wire.RoleBinder, Severity: diagnose.Fail, Scenario: "binder-host", Step: "page",
				Summary: "The ingress answers for BinderHub, but cannot connect to it.",
				Remedy:  "Compare the Service's selector with the pods' labels:\n\n    kubectl -n binder get endpoints binder\n\nand restart what has none.",
				Link:    "runbook.md#upstream-refused", Exchanges: []wire.ExchangeID{3}, URL: "https://binder.example.org/", Answered: "nginx/1.22.1",
				Expected: "200 text/html", Got: "502 text/html: Bad Gateway"},
			{Key: "binder-example-org|hub|ws-upgrade-missing", Cause: "ws-upgrade-missing", Suspects: []string{"ws-upgrade-missing"},
				Hop: diagnose.HopIngress, Role: wire.RoleHub, Severity: diagnose.Fail, Scenario: "hub-host", Step: "upgrade", Also: []string{"kernel/channel"},
				Summary: "The hub host's proxy drops the Upgrade header.", Remedy: "Plain nginx: set proxy_http_version 1.1. Apache: ProxyPass / http://hub upgrade=websocket.", Link: "runbook.md#ws-upgrade-missing",
				Exchanges: []wire.ExchangeID{7, 9}, URL: "wss://hub.example.org/hub/api", Answered: "nginx/1.22.1 \x1b]0;owned\x07", Expected: "404 or 101", Got: "200 {\"version\":\"5.0\"}\n\x1b[2Jbye\u202e"},
		},
		Phases: []diagnose.Phase{{Name: "waiting", Seconds: sec(0.5)}, {Name: "launching", Seconds: sec(12)}},
		Route: []diagnose.Route{
			{Host: "binder", Hops: []diagnose.RouteHop{
				{Hop: diagnose.HopClient, Name: "this machine", State: diagnose.StateOK},
				{Hop: diagnose.HopTLS, Name: "TLS 1.3", State: diagnose.StateOK, Measured: "handshake", Seconds: at(0.01), Count: 3},
				{Hop: diagnose.HopIngress, Name: "nginx/1.22.1", State: diagnose.StateBroken, Cause: "upstream-refused", Adds: []string{"Server: nginx/1.22.1"}},
			}},
			{Host: "hub", Hops: []diagnose.RouteHop{{Hop: diagnose.HopClient, Name: "this machine", State: diagnose.StateOK}, {Hop: diagnose.HopCHP, Name: "CHP", State: diagnose.StateOK}}},
		},
		Leaked: []smoke.Leak{{Repository: "gh/binder-examples/requirements/HEAD", At: sec(4.2), Reason: "the hub refused to stop it"}},
	}
}

// healthy is the result of a run in which all is well.
func healthy() smoke.Result {
	r := seed()
	r.Verdict = smoke.Pass
	r.Targets = []smoke.TargetResult{{Name: "a", Binder: "https://a.example.org/", Hub: "https://h.example.org/", Verdict: smoke.Pass,
		NotTried: []string{"rebuild (not asked for)"},
		Scenarios: []smoke.ScenarioResult{{Name: "kernel", Proves: "a cell runs", Verdict: smoke.Pass, Seconds: sec(3), Steps: []smoke.StepResult{
			{Name: "execute", Verdict: smoke.Pass, Seconds: sec(1)}, {Name: "stop", Verdict: smoke.Skipped, Reason: "skip asked for"}}}}}}
	return r
}
