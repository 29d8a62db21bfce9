package smoke

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ScenarioRun is a scenario of a run.
type ScenarioRun struct {
	scenario Scenario
	target   *TargetRun
	steps    []*StepRun
	done     chan struct{}
	settling sync.WaitGroup
}

// Name is the scenario's id.
func (s *ScenarioRun) Name() string { return s.scenario.Name }

// Steps are the scenario's steps, in order.
func (s *ScenarioRun) Steps() []*StepRun { return s.steps }

func newScenarioRun(t *TargetRun, sc Scenario) *ScenarioRun {
	s := &ScenarioRun{scenario: sc, target: t, done: make(chan struct{})}
	for _, st := range sc.Steps {
		s.steps = append(s.steps, &StepRun{
			step: st, scenario: s, done: make(chan struct{}), result: StepResult{Name: st.Name, Verdict: Running},
		})
	}
	return s
}

// obstacle is why the steps of a scenario cannot run: the verdict they get and the reason.
type obstacle struct {
	verdict Verdict
	reason  string
}

// run runs the steps in order. It returns when every step has ended, the settled ones too.
func (s *ScenarioRun) run(ctx, always context.Context) {
	defer close(s.done)
	var stop *obstacle
	if !s.scenario.Last {
		stop = s.awaitNeeds(ctx)
	}
	began := s.scenario.Last
	stopAll := stop != nil
	for _, st := range s.steps {
		if reason, skip := s.target.choice[s.Name()+"/"+st.Name()]; skip {
			st.end(Skipped, reason)
			if !st.step.Independent && !st.step.Always && stop == nil {
				stop = &obstacle{Skipped, fmt.Sprintf("needs %s/%s (%s)", s.Name(), st.Name(), reason)}
			}
			continue
		}
		if o := s.obstacleOf(ctx, st, stop, stopAll, began); o != nil {
			st.end(o.verdict, o.reason)
			continue
		}
		began = true
		stepCtx := ctx
		if st.step.Always {
			stepCtx = always
		}
		v := st.run(stepCtx, s.later)
		if !st.step.Independent && !st.step.Always && stop == nil && (v == Failed || v == Inconclusive) {
			stop = &obstacle{Blocked, fmt.Sprintf("needs %s/%s (%s)", s.Name(), st.Name(), v)}
		}
	}
	s.settling.Wait()
}

// later lets a step settle beside the following ones.
func (s *ScenarioRun) later(settle func()) { s.settling.Go(settle) }

// obstacleOf tells why a step cannot run now, or nil.
func (s *ScenarioRun) obstacleOf(ctx context.Context, st *StepRun, stop *obstacle, stopAll, began bool) *obstacle {
	switch {
	case st.step.Always && began:
		return nil
	case stop != nil && (stopAll || !st.step.Independent):
		return stop
	case ctx.Err() != nil:
		return &obstacle{Blocked, "the run was interrupted"}
	}
	for _, name := range st.step.After {
		if o := obstacleFrom(s.Name()+"/"+name, s.target.verdictOf(s.target.step(s.Name()+"/"+name))); o != nil {
			return o
		}
	}
	return nil
}

// obstacleFrom tells what the verdict of something needed means for what needs it.
func obstacleFrom(need string, v Verdict) *obstacle {
	switch v {
	case Pass, Flaky:
		return nil
	case Skipped:
		return &obstacle{Skipped, fmt.Sprintf("needs %s (%s)", need, v)}
	}
	return &obstacle{Blocked, fmt.Sprintf("needs %s (%s)", need, v)}
}

// awaitNeeds waits until everything that the scenario needs has ended, or until one of them has failed.
func (s *ScenarioRun) awaitNeeds(ctx context.Context) *obstacle {
	for _, need := range s.scenario.Needs {
		o := s.awaitNeed(ctx, need)
		if o != nil {
			if s.scenario.Advice != "" && o.verdict == Blocked {
				o.reason += ": " + s.scenario.Advice
			}
			return o
		}
	}
	return nil
}

func (s *ScenarioRun) awaitNeed(ctx context.Context, need string) *obstacle {
	if strings.Contains(need, "/") {
		st := s.target.step(need)
		if st == nil {
			return &obstacle{Skipped, fmt.Sprintf("needs %s, which does not exist here", need)}
		}
		<-st.done
		return obstacleFrom(need, st.result.Verdict)
	}
	i := slices.IndexFunc(s.target.scenarios, func(o *ScenarioRun) bool { return o.Name() == need })
	if i < 0 {
		return &obstacle{Skipped, fmt.Sprintf("needs %s, which does not exist here", need)}
	}
	// Independent steps decide nothing for those who need the scenario, and may take long.
	for _, st := range s.target.scenarios[i].steps {
		if st.step.Independent || st.step.Always {
			continue
		}
		<-st.done
		if o := obstacleFrom(need+"/"+st.Name(), st.result.Verdict); o != nil && !s.doesNotApply(st) {
			return o
		}
	}
	return nil
}

// doesNotApply tells whether a step was skipped because there was nothing to test, which stops nobody.
func (s *ScenarioRun) doesNotApply(st *StepRun) bool {
	_, asked := s.target.choice[st.scenario.Name()+"/"+st.Name()]
	return st.result.Verdict == Skipped && !asked
}
