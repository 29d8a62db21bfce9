package browser

import (
	"time"

	"github.com/chromedp/cdproto/cdp"

	"binderhub-smoke/smoke/wire"
)

// clock turns Chromium's two clocks into the timeline's. Its monotonic one begins anywhere; a request that is sent carries
// the time by both.
type clock struct {
	tl       *wire.Timeline
	anchored bool
	offset   float64 // wall time minus monotonic time, in seconds
}

// drift is how far the clocks may part before they are anchored anew, as after a step of the wall clock, in seconds.
const drift = 0.05

func (c *clock) anchor(wall cdp.TimeSinceEpoch, mono cdp.MonotonicTime) {
	if wall == 0 || mono == 0 {
		return
	}
	offset := float64(wall) - float64(mono)
	if d := offset - c.offset; !c.anchored || d > drift || d < -drift {
		c.offset, c.anchored = offset, true
	}
}

// of returns the timeline's time of a monotonic time. It is never later than when we got the event, and is that time while
// there is no anchor.
func (c *clock) of(mono cdp.MonotonicTime, got time.Duration) time.Duration {
	if !c.anchored || mono == 0 {
		return got
	}
	return c.wall(float64(mono)+c.offset, got)
}

// wall returns the timeline's time of a wall clock time in seconds.
func (c *clock) wall(seconds float64, got time.Duration) time.Duration {
	if seconds == 0 {
		return got
	}
	at := c.tl.Offset(time.UnixMicro(int64(seconds * 1e6)))
	return max(0, min(at, got))
}
