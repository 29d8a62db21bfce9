package smoke

// Verdict is the outcome of a step, a scenario, a target or a run.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Failed       Verdict = "fail"         // the deployment is broken
	Flaky        Verdict = "flaky"        // passed on a repeat
	Blocked      Verdict = "blocked"      // a step that it needs failed
	Inconclusive Verdict = "inconclusive" // we could not test
	Skipped      Verdict = "skip"         // asked for, or it does not apply here
	Running      Verdict = "running"      // not ended; what a killed run leaves
)

// rank orders verdicts for Worst: the higher decides. Blocked never decides, and neither does what was skipped.
var rank = map[Verdict]int{Skipped: 0, Blocked: 0, Pass: 1, Flaky: 2, Running: 3, Inconclusive: 4, Failed: 5}

// Worst folds the verdicts of parts into one by the precedence fail > inconclusive > running > flaky > pass. When no part
// passed or decided, it is blocked if any part was, else skip; of nothing it is skip. So nothing-ran is never pass.
func Worst(parts ...Verdict) Verdict {
	worst, blocked := Skipped, false
	for _, v := range parts {
		blocked = blocked || v == Blocked
		if rank[v] > rank[worst] {
			worst = v
		}
	}
	if rank[worst] == 0 && blocked {
		return Blocked
	}
	return worst
}
