package main

import (
	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke/report"
)

// deployment keeps a deployment on loopback in the foreground, for a person or another tool.
func (p *program) deployment(args []string) int {
	if err := noArguments("deployment", args); err != nil {
		return p.fail(err)
	}
	if err := fixtures.Prerequisites(); err != nil {
		return p.fail(err)
	}
	err := fixtures.RunForeground(p.stop.ctx, p.stdout, fixtures.Config{})
	switch code := p.stop.code(); {
	case code == report.ExitInterrupt && err == nil:
		return report.ExitPass // Ctrl-C is how it is meant to end
	case code != 0:
		return code
	case err != nil:
		p.say("%v", err)
		return report.ExitFail
	}
	return report.ExitPass
}
