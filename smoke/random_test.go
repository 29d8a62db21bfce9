package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

// FuzzRuns runs random suites that are interrupted at random moments. Within a synctest bubble a run that does not end is
// a deadlock, and so is a goroutine that is left: both fail the test.
func FuzzRuns(f *testing.F) {
	for seed := range uint64(250) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			c := newChance(seed)
			scenarios := sound(c.suite())
			seen := recorder{t: t}
			r := start(t, c.context(t), of(scenarios...), watched(&seen), c.selection(scenarios))
			got := r.Wait()
			r.Close()
			time.Sleep(2 * time.Minute) // what was given up comes to its end
			checkEvents(t, &seen)
			o := outcome{scenarios: scenarios, result: got, verdicts: verdicts(got), ran: ranSteps(&seen)}
			for _, sc := range scenarios {
				o.checkScenario(t, sc)
			}
			o.checkVerdict(t)
		})
	})
}

// chance makes up suites.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 7))} }

func (c chance) in(n int) bool { return c.IntN(n) == 0 }

func (c chance) suite() []smoke.Scenario {
	var all []smoke.Scenario
	for i := range 1 + c.IntN(5) {
		sc := smoke.Scenario{Name: fmt.Sprint("s", i), Proves: "something", Raw: c.in(2), Last: c.in(8)}
		if !sc.Last {
			sc.Needs = c.needs(all)
		}
		for k := range 1 + c.IntN(5) {
			sc.Steps = append(sc.Steps, c.step(sc, k))
		}
		all = append(all, sc)
	}
	c.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// sound leaves out what Check refuses: settling first, since most of it goes round in circles, then all needs.
func sound(all []smoke.Scenario) []smoke.Scenario {
	for i := 0; smoke.Check(all) != nil && i < len(all); i++ {
		for k := range all[i].Steps {
			all[i].Steps[k].Settle = nil
		}
	}
	for i := 0; smoke.Check(all) != nil && i < len(all); i++ {
		all[i].Needs = nil
	}
	return all
}

// needs names earlier scenarios, or steps of theirs.
func (c chance) needs(all []smoke.Scenario) (needs []string) {
	for _, sc := range all {
		switch c.IntN(6) {
		case 0:
			needs = append(needs, sc.Name)
		case 1:
			needs = append(needs, sc.Name+"/"+sc.Steps[c.IntN(len(sc.Steps))].Name)
		}
	}
	return needs
}

func (c chance) step(sc smoke.Scenario, k int) smoke.Step {
	st := smoke.Step{Name: fmt.Sprint("x", k), Budget: time.Duration(1+c.IntN(4)) * time.Second, Do: c.do(), Cell: c.in(4)}
	switch c.IntN(5) {
	case 0:
		st.Always = true
	case 1, 2:
		st.Independent = true
		if k > 0 && c.in(2) {
			st.After = []string{sc.Steps[c.IntN(k)].Name}
		}
		if c.in(2) {
			st.Settle = &smoke.Settle{After: fmt.Sprintf("s%d/x%d", c.IntN(5), c.IntN(3)), Decide: c.decide()}
		}
	}
	return st
}

// do is what a step may do, after a while.
func (c chance) do() func(context.Context) error {
	ends := []error{nil, nil, nil, nil, nil, broken(), broken(), untestable(), smoke.Skip("nothing"), smoke.Warn(broken()), errors.New("odd"),
		errors.Join(smoke.Skip("nothing"), broken()), errors.Join(nil, smoke.Skip("nothing"))}
	err, while, panics := ends[c.IntN(len(ends))], time.Duration(c.IntN(3000))*time.Millisecond, c.in(20)
	deaf := c.in(15)
	return func(ctx context.Context) error {
		if deaf {
			time.Sleep(time.Minute)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(while):
		}
		if panics {
			panic("oh")
		}
		return err
	}
}

func (c chance) decide() func(context.Context, smoke.Verdict, error) error {
	n := c.IntN(4)
	return func(_ context.Context, other smoke.Verdict, fault error) error {
		switch {
		case other == smoke.Running:
			panic("asked before the other step had ended")
		case n == 0:
			panic("oh")
		case n == 1 && other == smoke.Pass:
			return smoke.Warn(fault)
		case n == 2:
			return nil
		}
		return fault
	}
}

func (c chance) context(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	if c.in(2) {
		time.AfterFunc(time.Duration(c.IntN(6000))*time.Millisecond, cancel)
	} else {
		t.Cleanup(cancel)
	}
	return ctx
}

// selection is what a user may ask for.
func (c chance) selection(all []smoke.Scenario) func(*smoke.Options) {
	pick := func() (ids []string) {
		for c.in(4) {
			sc := all[c.IntN(len(all))]
			ids = append(ids, sc.Name+"/"+sc.Steps[c.IntN(len(sc.Steps))].Name)
			if c.in(3) {
				ids = append(ids, sc.Name)
			}
		}
		return ids
	}
	return func(o *smoke.Options) {
		o.Settings.Targets[0].Scenarios, o.Settings.Targets[0].Skip = pick(), pick()
		if c.in(4) {
			o.Settings.Timeout = time.Duration(1+c.IntN(5000)) * time.Millisecond
		}
		if named := pick(); len(named) > 0 {
			o.Filter = func(_, scenario, step string) smoke.Ask {
				if strings.HasPrefix(named[0], scenario) {
					return smoke.Asked
				}
				return smoke.NotAsked
			}
		}
	}
}

func ranSteps(r *recorder) map[string]bool {
	ran := map[string]bool{}
	for _, e := range r.events {
		if e.Kind == smoke.StepStarted {
			ran[e.Scenario+"/"+e.Step] = true
		}
	}
	return ran
}

// outcome is a run that has ended, to be held against the rules.
type outcome struct {
	scenarios []smoke.Scenario
	result    smoke.Result
	verdicts  map[string]smoke.Verdict
	ran       map[string]bool
}

func (o outcome) checkScenario(t *testing.T, sc smoke.Scenario) {
	began := sc.Last
	for i, st := range sc.Steps {
		id := sc.Name + "/" + st.Name
		reason := result(t, o.result, id).Reason
		left := reason == "not asked for" || reason == "skip asked for"
		switch {
		case st.Always && began && !left:
			require.True(t, o.ran[id], "%s tidies up", id)
		case o.ran[id]:
			o.checkGround(t, sc, i)
		}
		began = began || o.ran[id]
		require.Equal(t, o.ran[id], o.verdicts[id] != smoke.Blocked && reason != "" && !left && !strings.HasPrefix(reason, "needs ") || o.verdicts[id] == smoke.Pass, "%s: %s %s", id, o.verdicts[id], reason)
		if o.verdicts[id] == smoke.Blocked && o.result.Ended == smoke.EndedNormal {
			require.Contains(t, reason, "needs ", id)
		}
		if got := result(t, o.result, id); got.Verdict == smoke.Failed {
			require.LessOrEqual(t, *got.ProvedAt, *got.FailedAt)
			require.NotEmpty(t, got.Finding)
		}
	}
}

// checkGround tells whether a step that ran had what it needs.
func (o outcome) checkGround(t *testing.T, sc smoke.Scenario, i int) {
	st := sc.Steps[i]
	for _, need := range sc.Needs {
		if strings.Contains(need, "/") {
			require.Equal(t, smoke.Pass, o.verdicts[need], "%s ran and needs %s", st.Name, need)
			continue
		}
		for _, other := range o.scenarios {
			if other.Name == need {
				require.True(t, o.sound(other, len(other.Steps)), "%s ran and needs %s", st.Name, need)
			}
		}
	}
	for _, after := range st.After {
		require.Equal(t, smoke.Pass, o.verdicts[sc.Name+"/"+after])
	}
	require.True(t, st.Independent || o.sound(sc, i), "%s/%s ran", sc.Name, st.Name)
}

// sound tells whether a scenario's first n steps leave the way open for the next.
func (o outcome) sound(sc smoke.Scenario, n int) bool {
	for _, st := range sc.Steps[:n] {
		id := sc.Name + "/" + st.Name
		if v := o.verdicts[id]; !st.Independent && !st.Always && v != smoke.Pass && !(v == smoke.Skipped && o.ran[id]) {
			return false
		}
	}
	return true
}

// checkVerdict holds the whole against its parts.
func (o outcome) checkVerdict(t *testing.T) {
	has := map[smoke.Verdict]bool{}
	for _, v := range o.verdicts {
		has[v] = true
	}
	got := o.result.Verdict
	switch {
	case has[smoke.Failed]:
		require.Equal(t, smoke.Failed, got)
	case has[smoke.Inconclusive] || o.result.Ended != smoke.EndedNormal:
		require.Equal(t, smoke.Inconclusive, got)
	case has[smoke.Pass]:
		require.Contains(t, []smoke.Verdict{smoke.Pass, smoke.Inconclusive}, got)
		require.Equal(t, got == smoke.Inconclusive, len(o.result.Targets[0].Notes) > 0, "a pass is only kept back for want of a cell")
	default:
		require.Equal(t, smoke.Skipped, got)
	}
	require.False(t, has[smoke.Running])
}
