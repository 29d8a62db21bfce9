package smoke

import (
	"context"
	"fmt"
	"time"
)

// await waits until a round is due and may launch. It tells whether that came.
func (s *soak) await(ctx context.Context, due time.Time) bool {
	for said := (time.Time{}); ; {
		until, why := due, ""
		if free, target := s.budget(time.Now()); free.After(due) {
			until, why = free, fmt.Sprintf(", when %s may be launched again: the budget is %d launches an hour", target, s.opts.Settings.Launches)
		}
		left := time.Until(until)
		if left <= 0 {
			return ctx.Err() == nil
		}
		if !until.Equal(said) {
			said = until
			now := s.whole(s.decided)
			s.emit(Event{Kind: Waiting, Snapshot: func() Result { return now }, Text: fmt.Sprintf(
				"round %d of %d begins at %s%s", len(s.rounds)+1, len(s.opts.Settings.Soak), until.UTC().Format("15:04:05 MST"), why)})
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return false
		}
	}
}

// budgetTime is the time over which launches are counted, as BinderHub's rate limit counts them. Source: binderhub/ratelimit.py.
const budgetTime = time.Hour

// budget is when a round may begin so that no target is launched more often in an hour than the settings allow, and for
// which target's sake; the zero time is at once.
func (s *soak) budget(now time.Time) (free time.Time, target string) {
	most := s.opts.Settings.Launches
	if most == 0 {
		return free, ""
	}
	for _, t := range s.opts.Settings.Targets {
		past := s.opts.Launched(t, now.Add(-budgetTime))
		surplus := min(len(past)+s.opts.Launches(t)-most, len(past))
		if surplus <= 0 {
			continue
		}
		// A moment later: what was launched an hour ago to the instant still counts.
		if at := past[surplus-1].Add(budgetTime + time.Second); at.After(free) {
			free, target = at, t.Name
		}
	}
	return free, target
}
