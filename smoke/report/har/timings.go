package har

import (
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/wire"
)

// timingsOf are the phases of an exchange as the format has them: those that apply add up to its time.
func timingsOf(x *wire.Exchange) timings {
	p := evidence.PhasesOf(x)
	t := timings{
		Blocked: milliseconds(p.Blocked), DNS: unknown, Connect: unknown, SSL: unknown, Wait: milliseconds(p.Wait), Receive: milliseconds(p.Receive),
	}
	if x.DNS != nil {
		t.DNS = milliseconds(p.DNS)
	}
	if len(x.TCP) > 0 {
		t.Connect = milliseconds(p.TCP + p.TLS)
	}
	if x.TLS != nil {
		t.SSL = milliseconds(p.TLS)
	}
	return t
}

// sum is the time of all phases; that of SSL is in connect, where there is one.
func (t timings) sum() float64 {
	connect := t.Connect
	if connect == unknown {
		connect = t.SSL
	}
	sum := t.Blocked + t.Send + t.Wait + t.Receive
	for _, v := range []float64{t.DNS, connect} {
		sum += max(0, v)
	}
	return sum
}
