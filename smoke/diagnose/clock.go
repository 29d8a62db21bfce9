package diagnose

import (
	"net/http"
	"time"

	"binderhub-smoke/smoke/wire"
)

// maxSkew is how far two clocks may be apart that are in order: a Date header may be that of a cached answer.
const maxSkew = 10 * time.Minute

// skew is how far the target's clock is ahead of ours by the Date headers of its answers, the least of them: what is cached
// is late. False where no answer has one, or the timeline does not say when it began.
func (v *View) skew() (time.Duration, bool) {
	var least time.Duration
	found := false
	for _, x := range v.All {
		if x.Response == nil || x.Open.Role == wire.RoleOther || v.started.IsZero() {
			continue
		}
		told, err := http.ParseTime(header(x, "Date"))
		if err != nil {
			continue
		}
		if ahead := told.Sub(v.started.Add(x.Response.At)); !found || ahead.Abs() < least.Abs() {
			least, found = ahead, true
		}
	}
	return least, found
}

// clockWrong is a certificate that is outside its validity by our clock and inside by the target's.
func (v *View) clockWrong() bool {
	ahead, known := v.skew()
	c, ok := leaf(v.X)
	if !ok || !known || ahead.Abs() < maxSkew {
		return false
	}
	there := v.started.Add(v.X.TLS.At + ahead)
	return there.After(c.NotBefore) && there.Before(c.NotAfter)
}

// clockRight tells whether the target's clock agrees with ours.
func (v *View) clockRight() bool {
	ahead, known := v.skew()
	return known && ahead.Abs() < maxSkew
}
