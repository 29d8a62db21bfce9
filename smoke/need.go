package smoke

import (
	"fmt"
	"strings"
)

// obstacle is why a step cannot run: the verdict that it gets and the reason.
type obstacle struct {
	verdict Verdict
	reason  string
	leftOut bool // because the user asked for that, of it or of what it needs
}

func needs(what, why string) string { return fmt.Sprintf("needs %s (%s)", what, why) }

// obstacle waits for the step and tells what its verdict means for what needs it; nil when that can run.
func (s *StepRun) obstacle() *obstacle {
	<-s.done
	reason := needs(s.id().String(), string(s.decided()))
	switch s.decided() {
	case Pass, Flaky:
		return nil
	case Skipped:
		return &obstacle{Skipped, reason, s.leftOut}
	}
	return &obstacle{verdict: Blocked, reason: reason}
}

// awaitNeeds waits for what the scenario needs, one after the other, and tells of the first that did not pass. All steps
// end, so it does not have to watch for an interrupt.
func (s *ScenarioRun) awaitNeeds() *obstacle {
	for _, need := range s.scenario.Needs {
		o := s.target.await(need)
		if o == nil {
			continue
		}
		if s.scenario.Advice != "" && o.verdict == Blocked {
			o.reason += ": " + s.scenario.Advice
		}
		return o
	}
	return nil
}

// await waits for a step, or for those of a scenario that decide for others. Independent and Always steps do not: they may
// take long, and what they tell is another matter.
func (t *TargetRun) await(need string) *obstacle {
	if strings.Contains(need, "/") {
		return t.step(need).obstacle()
	}
	passed := false
	for _, st := range t.scenario(need).steps {
		if !st.step.inOrder() {
			continue
		}
		switch o := st.obstacle(); {
		case o == nil:
			passed = true
		case !st.didNotApply():
			return o
		}
	}
	if !passed {
		return &obstacle{verdict: Skipped, reason: needs(need, "there was nothing to test")}
	}
	return nil
}

// didNotApply tells whether an ended step found nothing to test, which stops nobody. A step that was left out does.
func (s *StepRun) didNotApply() bool { return s.ran && s.result.Verdict == Skipped }
