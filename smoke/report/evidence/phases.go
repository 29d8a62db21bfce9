package evidence

import (
	"time"

	"binderhub-smoke/smoke/wire"
)

// Phases are what the time of an exchange went into, in this order. They add up to all of it.
type Phases struct {
	Blocked time.Duration // in no other phase, such as the wait for a free connection
	DNS     time.Duration
	TCP     time.Duration
	TLS     time.Duration
	Wait    time.Duration // from the request to the head of its answer, or to the end where none came
	Receive time.Duration
}

// PhasesOf takes the time of an exchange apart.
func PhasesOf(x *wire.Exchange) Phases {
	left := max(0, x.Ended()-x.Open.At)
	take := func(d time.Duration) time.Duration {
		d = min(max(0, d), left)
		left -= d
		return d
	}
	var p Phases
	if x.DNS != nil {
		p.DNS = take(time.Duration(x.DNS.Seconds))
	}
	if x.TLS != nil {
		p.TLS = take(time.Duration(x.TLS.Seconds))
	}
	if n := len(x.TCP); n > 0 {
		tcp := time.Duration(x.TCP[n-1].Seconds)
		if x.Client == wire.Browser {
			tcp -= p.TLS // a browser's connection is made when its handshake is
		}
		p.TCP = take(tcp)
	}
	sent, answered := turns(x)
	p.Receive = take(x.Ended() - answered)
	p.Wait = take(answered - sent)
	p.Blocked = left
	return p
}

// turns tells when a request had been sent, and when the head of its answer came: at the end where none did.
func turns(x *wire.Exchange) (sent, answered time.Duration) {
	sent = x.Open.At
	if x.Request != nil {
		sent = max(sent, x.Request.At)
	}
	for _, t := range x.TCP {
		sent = max(sent, t.At)
	}
	if x.TLS != nil {
		sent = max(sent, x.TLS.At)
	}
	answered = x.Ended()
	if x.Response != nil {
		answered = max(sent, x.Response.At)
	}
	return sent, answered
}
