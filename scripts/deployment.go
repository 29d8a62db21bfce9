package main

import (
	"fmt"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke/report"
)

// deployment keeps a deployment on loopback in the foreground, for a person or another tool.
func (p *program) deployment(args []string) int {
	if len(args) > 0 {
		return p.fail(fmt.Errorf("deployment takes no arguments; got %q", args[0]))
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
