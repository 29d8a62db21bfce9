package main

import (
	"errors"
	"fmt"

	"binderhub-smoke/smoke/report"
)

// died says why a run does not begin, also in the outputs for other programs, and returns the exit code. Without a
// directory, as settings that cannot be read leave it, they go where they go by default.
func (p *program) died(out string, err error) int {
	if out == "" {
		out = "smoke-report"
	}
	code := p.fail(err)
	if err := report.Died(out, err.Error(), p.commands, p.getenv); err != nil {
		p.say("%v", err)
	}
	return code
}

// interrupted is died for a run that was told to end before it had begun; without a signal it does nothing and returns 0.
func (p *program) interrupted(out string) int {
	if code := p.stop.code(); code != 0 {
		p.died(out, errors.New("the run was interrupted before it had begun"))
		return code
	}
	return 0
}

// defect has the outputs tell of a panic before it goes on. It is to be deferred.
func (p *program) defect(out *string) {
	if why := recover(); why != nil {
		p.died(*out, fmt.Errorf("the suite has a defect: panic: %v", why))
		panic(why)
	}
}
