package smoke

import (
	"context"
	"sync"
)

// ScenarioRun is a scenario of a run.
type ScenarioRun struct {
	scenario Scenario
	target   *TargetRun
	steps    []*StepRun
	settling sync.WaitGroup
}

// Name is the scenario's id.
func (s *ScenarioRun) Name() string { return s.scenario.Name }

// Steps are the scenario's steps, in order.
func (s *ScenarioRun) Steps() []*StepRun { return s.steps }

func newScenarioRun(t *TargetRun, sc Scenario) *ScenarioRun {
	s := &ScenarioRun{scenario: sc, target: t}
	for _, st := range sc.Steps {
		s.steps = append(s.steps, &StepRun{
			step: st, scenario: s, done: make(chan struct{}),
			result: StepResult{Name: st.Name, Verdict: Running, BudgetSeconds: seconds(st.Budget)},
		})
	}
	return s
}

// progress is how far a scenario has come.
type progress struct {
	needs *obstacle // what the scenario needs did not pass: no step runs
	stop  *obstacle // a step did not pass, or was left out: those that follow it in order do not run
	began bool      // a step has run, so the Always steps do
}

// run runs the steps in order. It returns when every step has ended, the settled ones too.
func (s *ScenarioRun) run(ctx, always context.Context) {
	p := progress{began: s.scenario.Last}
	s.awaitOthers()
	if !s.scenario.Last {
		p.needs = s.awaitNeeds()
	}
	for _, st := range s.steps {
		s.pass(ctx, always, st, &p)
	}
	s.settling.Wait()
}

// awaitOthers waits for the scenarios that this one comes after. All steps end, so it need not watch for an interrupt.
func (s *ScenarioRun) awaitOthers() {
	for _, name := range s.scenario.After {
		for _, st := range s.target.scenario(name).steps {
			<-st.done
		}
	}
}

// pass runs one step, or ends it without.
func (s *ScenarioRun) pass(ctx, always context.Context, st *StepRun, p *progress) {
	if o := s.obstacleTo(ctx, st, p); o != nil {
		st.end(*o)
		if st.step.inOrder() && p.stop == nil && o.leftOut {
			p.stop = &obstacle{Skipped, needs(st.id().String(), o.reason), true}
		}
		return
	}
	p.began = true
	if st.step.Always {
		ctx = always
	}
	v := st.run(ctx, s.settling.Go)
	if st.step.inOrder() && p.stop == nil && (v == Failed || v == Inconclusive) {
		p.stop = &obstacle{verdict: Blocked, reason: needs(st.id().String(), string(v))}
	}
}

// obstacleTo tells why a step cannot run now, or nil.
func (s *ScenarioRun) obstacleTo(ctx context.Context, st *StepRun, p *progress) *obstacle {
	reason, leftOut := s.target.choice[st.id().String()]
	switch {
	case leftOut:
		return &obstacle{Skipped, reason, true}
	case st.step.Always && p.began:
		return nil
	case p.needs != nil:
		return p.needs
	case p.stop != nil && !st.step.Independent:
		return p.stop
	}
	for _, name := range st.step.After {
		if o := s.target.step(s.Name() + "/" + name).obstacle(); o != nil {
			return o
		}
	}
	if ctx.Err() != nil {
		return &obstacle{verdict: Blocked, reason: "the run was interrupted"}
	}
	return nil
}
