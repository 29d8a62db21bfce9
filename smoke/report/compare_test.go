package report

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

func TestCompare(t *testing.T) {
	before, after := seed(), seed()
	assert.Contains(t, Compare(before, after), "nothing differs")

	target := &after.Targets[0]
	target.Verdict = smoke.Pass
	target.Findings = target.Findings[:1]
	target.Findings[0].Severity = diagnose.Warn
	target.Scenarios[0].Steps[0].Verdict = smoke.Pass
	target.Scenarios[1].Steps[0].Seconds = sec(2)
	target.Scenarios[1].Steps = target.Scenarios[1].Steps[:1]
	target.Route[0].Hops[2].Name, target.Route[0].Hops[2].State = "envoy\x1b[2J", diagnose.StateOK
	target.Route[1].Hops = target.Route[1].Hops[:1]
	out := Compare(before, after)
	for _, line := range []string{
		"verdict: fail → pass\n",
		"appeared: warn upstream-refused at hop ingress: The ingress answers for BinderHub, but cannot connect to it.\n",
		"gone: fail upstream-refused at hop ingress",
		"gone: fail ws-upgrade-missing",
		"step binder-host/page: fail → pass\n",
		"step hub-host/api: 0.2 s → 2.0 s\n",
		"step hub-host/upgrade: only in the first run\n",
		`route to the binder host: ingress: nginx/1.22.1 (broken: upstream-refused) → envoy\x1b[2J` + "\n",
		"route to the hub host: chp was not seen: CHP\n",
	} {
		assert.Contains(t, out, "  "+line)
	}
}
