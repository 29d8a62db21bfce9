package browser

import (
	"net/url"
	"time"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

func (r *recorder) loadingFailed(e event, ev *network.EventLoadingFailed) {
	q := r.requests[ev.RequestID]
	switch {
	case q == nil:
	case ev.ErrorText == aborted && q.mayBeRefused():
		q.failed = ev
		r.do.later(abortGrace, func() {
			if q.failed == ev {
				r.requestFailed(e, q, ev)
			}
		})
	default:
		r.requestFailed(e, q, ev)
	}
}

// mayBeRefused tells whether a request that is given up may have an answer after all, of which nothing came yet: Chromium tells
// of a style sheet that says to be something else by its header alone, before the failure or after it.
func (q *request) mayBeRefused() bool {
	return q.resource == network.ResourceTypeStylesheet && q.response == nil && q.status == 0
}

func (r *recorder) requestFailed(e event, q *request, ev *network.EventLoadingFailed) {
	q.failed = nil
	at := r.clock.of(ev.Timestamp, e.at)
	c := wire.Close{Error: ev.ErrorText}
	if ev.BlockedReason != "" {
		c.Error += " (blocked: " + string(ev.BlockedReason) + ")"
	}
	if ev.ErrorText != aborted {
		c.Symptom = symptomOf(ev.ErrorText)
		r.failedConnection(e, q, ev.ErrorText, c.Symptom, at)
	}
	r.refusedByType(e, q, at)
	switch {
	case q.fault != nil && q.visit == r.visit:
		r.fetchBody(e, ev.RequestID, q) // a page that does not like an answer gives it up, what came of it is kept
		return
	case q.stream != nil && q.stream.asked && !q.stream.live && c.Symptom == "":
		q.stream.ended = at
		return
	}
	r.finish(e, ev.RequestID, q, c, at)
	if q.visit == r.visit && !r.astray(q, c) {
		r.judgeFailure(q, c)
	}
}

// refusedByType completes an answer that Chromium refuses for its type before it tells of it (see mayBeRefused).
func (r *recorder) refusedByType(e event, q *request, at time.Duration) {
	if q.response != nil || q.status == 0 || q.resource != network.ResourceTypeStylesheet {
		return
	}
	q.response = &wire.Response{Status: q.status, Header: q.header, At: at}
	r.add(e, q.exchange, wire.KindResponse, *q.response, at)
	q.fault = r.judge(q, get(q.header, "Content-Type"))
}

// failedConnection records at which stage a connection failed.
func (r *recorder) failedConnection(e event, q *request, text string, s wire.Symptom, at time.Duration) {
	u, err := url.Parse(q.url)
	if err != nil {
		return
	}
	switch s {
	case wire.DNSNotFound, wire.DNSFailed:
		r.add(e, q.exchange, wire.KindDNS, wire.DNS{Host: u.Hostname(), Error: text}, at)
	case wire.TCPRefused, wire.TCPTimeout, wire.TCPUnreachable:
		r.add(e, q.exchange, wire.KindTCP, wire.TCP{Address: u.Host, Error: text}, at)
	case wire.TLSExpired, wire.TLSName, wire.TLSAuthority, wire.TLSFailed:
		r.add(e, q.exchange, wire.KindTLS, wire.TLS{ServerName: u.Hostname(), Error: text}, at)
	}
}
