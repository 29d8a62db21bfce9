package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"

	"binderhub-smoke/smoke/wire"
)

// The script that watches how websockets end, and the function by which it tells.
//
//go:embed socket.js
var socketScript string

const socketBinding = "smokeSocket"

// socketEnd is how a websocket ended as the page saw it: Chromium's own events name no code.
type socketEnd struct {
	URL    string
	Code   int // 1006 when no close frame came
	Reason string
	Asked  bool // the page itself closed it
}

// endGrace is how long the end of a websocket waits for the page's account of it. A websocket of a worker has none.
const endGrace = 150 * time.Millisecond

// maxEnds bounds the accounts that no websocket has claimed.
const maxEnds = 1000

// socketTold takes the page's account of a websocket's end, which may come before Chromium's own or after it.
func (r *recorder) socketTold(e event, ev *runtime.EventBindingCalled) {
	var end socketEnd
	if ev.Name != socketBinding || json.Unmarshal([]byte(ev.Payload), &end) != nil {
		return
	}
	for id, s := range r.sockets {
		if s.url == end.URL && s.ending && !s.closed {
			r.socketEnded(e, id, s, &end)
			return
		}
	}
	if len(r.ends) < maxEnds {
		r.ends = append(r.ends, &end)
	}
}

// takeEnd returns the page's account of a websocket's end, if it has come.
func (r *recorder) takeEnd(url string) *socketEnd {
	for i, end := range r.ends {
		if end.URL == url {
			r.ends = append(r.ends[:i:i], r.ends[i+1:]...)
			return end
		}
	}
	return nil
}

// socketClosed ends a socket. Chromium tells neither who closed it nor with which code, so the page's account is waited for.
func (r *recorder) socketClosed(e event, ev *network.EventWebSocketClosed) {
	s := r.sockets[ev.RequestID]
	switch {
	case s == nil:
	case s.closed:
		r.takeEnd(s.url)
		delete(r.sockets, ev.RequestID)
	default:
		s.ending, s.endedAt = true, r.clock.of(ev.Timestamp, e.at)
		if end := r.takeEnd(s.url); end != nil {
			r.socketEnded(e, ev.RequestID, s, end)
			return
		}
		r.do.later(endGrace, func() { r.socketEnded(e, ev.RequestID, s, nil) })
	}
}

// socketEnded closes a socket's exchange, and raises a fault when a kernel's was not closed by the page, or any that owes us
// replies. One of events may be cut when it has been quiet for long, which is another scenario's to say.
func (r *recorder) socketEnded(e event, id network.RequestID, s *socket, end *socketEnd) {
	if s.closed || r.sockets[id] != s {
		return
	}
	delete(r.sockets, id)
	c := wire.Close{}
	if end != nil {
		c.Code, c.Reason = end.Code, end.Reason
	}
	asked := end == nil || end.Asked
	fresh := s.endedAt-s.openedAt < quietTime
	switch {
	case !s.opened || s.visit != r.visit:
		r.closeSocket(e, s, c, s.endedAt)
	case r.kernel.owes(s):
		r.socketLost(e, s, c, "its end while cells were running")
	case asked, s.kind == otherSocket, s.kind == eventsSocket && !fresh:
		r.closeSocket(e, s, c, s.endedAt)
	default:
		r.socketLost(e, s, c, "its end, which the page did not ask for")
	}
}

// quietTime is the least timeout of a proxy that people set on purpose: what is cut later may have been quiet for too long.
const quietTime = 20 * time.Second

// socketLost ends a socket that nobody closed on purpose.
func (r *recorder) socketLost(e event, s *socket, c wire.Close, got string) {
	c.Symptom = wire.SocketLost
	r.closeSocket(e, s, c, s.endedAt)
	r.raiseSocket(s, wire.SocketLost, got+codeOf(c))
}

// codeOf says with which code a websocket ended.
func codeOf(c wire.Close) string {
	switch {
	case c.Code == 0:
		return ""
	case c.Code == 1006:
		return " (no close frame)"
	}
	return strings.TrimRight(fmt.Sprintf(" (code %d %s", c.Code, c.Reason), " ") + ")"
}
