package smoke

import (
	"fmt"
	"slices"
	"time"

	"binderhub-smoke/smoke/diagnose"
)

// Known is a cause of which the operators of a target know: it warns instead of failing, until its date.
type Known struct {
	Cause string
	Until time.Time // the last day on which it only warns, at 00:00 UTC
	Why   string
}

// expires is when a known cause fails again: at the end of its last day.
func (k Known) expires() time.Time { return k.Until.AddDate(0, 0, 1) }

// Expired tells whether the last day of a known cause is over.
func (k Known) Expired(now time.Time) bool { return !now.Before(k.expires()) }

func (k Known) String() string {
	return fmt.Sprintf("known until %s: %s", k.Until.Format(time.DateOnly), k.Why)
}

// known is what the target's operators say of a cause, or nil.
func (t *TargetRun) known(cause string) *Known {
	i := slices.IndexFunc(t.Target.Known, func(k Known) bool { return k.Cause == cause })
	if i < 0 {
		return nil
	}
	return &t.Target.Known[i]
}

// acknowledge turns the failures that are known into warnings, and tells of those that were known for too long. A login that
// must work is a failure where it does not.
func (t *TargetRun) acknowledge(findings []diagnose.Finding) []diagnose.Finding {
	for i := range findings {
		f := &findings[i]
		if t.Target.Credentials.MustWork && f.Severity == diagnose.Inconclusive && slices.Contains(loginCauses, f.Cause) {
			f.Severity = diagnose.Fail
		}
		k := t.known(f.Cause)
		switch {
		case k == nil || f.Severity != diagnose.Fail:
		case k.Expired(t.run.began):
			t.Tell(fmt.Sprintf("%s was %s; that day is over, and it fails again", f.Cause, k))
		default:
			f.Severity, f.Known = diagnose.Warn, k.String()
		}
	}
	return findings
}
