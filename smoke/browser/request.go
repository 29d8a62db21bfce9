package browser

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// maxOpen bounds the requests and sockets that are tracked at a time.
const maxOpen = 20_000

// request is one exchange that is not over: one hop of a chain of redirects.
type request struct {
	exchange wire.ExchangeID
	url      string
	method   string
	resource network.ResourceType
	role     wire.Role
	visit    int
	loader   cdp.LoaderID
	main     bool // a document of the outermost frame

	header   http.Header // of the answer
	response *wire.Response
	bytes    int64
	status   int  // as responseReceivedExtraInfo tells it
	sentMore bool // requestWillBeSentExtraInfo came
	gotMore  bool // responseReceivedExtraInfo came
	fault    *wire.Fault
	fetching bool                        // the body of a bad answer was asked for
	failed   *network.EventLoadingFailed // a failure that waits for the answer's header to explain it
	stream   *stream
	from     string // what answered in place of the network, in words; empty when that did
}

// extra keeps what came ahead of the request it belongs to: Chromium does not order the two.
type extra struct {
	sent *network.EventRequestWillBeSentExtraInfo
	got  *network.EventResponseReceivedExtraInfo
}

// ours tells whether a request's failure can be the deployment's.
func (q *request) ours() bool { return q.main || q.role != wire.RoleOther }

func (r *recorder) requestSent(e event, ev *network.EventRequestWillBeSent) {
	r.clock.anchor(ev.WallTime, ev.Timestamp)
	at := r.clock.of(ev.Timestamp, e.at)
	if old := r.requests[ev.RequestID]; old != nil && ev.RedirectResponse != nil {
		r.answered(e, old, ev.RedirectResponse, at)
		r.add(e, old.exchange, wire.KindClose, wire.Close{}, at)
	}
	if !strings.HasPrefix(ev.Request.URL, "http") || len(r.requests) >= maxOpen {
		delete(r.requests, ev.RequestID)
		return
	}
	header := headerOf(ev.Request.Headers)
	r.learn(ev.Request.URL)
	r.learnHeader(header)
	q := &request{url: ev.Request.URL, method: ev.Request.Method, resource: ev.Type, visit: r.shown, loader: ev.LoaderID}
	q.main = ev.Type == network.ResourceTypeDocument && r.isMain(ev.FrameID)
	if q.main || (r.document != nil && r.document.loader == q.loader) {
		q.visit = r.visit
	}
	if q.main {
		r.document = q
		r.documentSent(e, q.url)
	}
	q.role = r.tl.Places().RoleOf(q.url)
	open := wire.Open{Type: wire.TypeHTTP, Role: q.role, Method: q.method, URL: q.url, Resource: string(ev.Type)}
	if r.isBuild(q) {
		open.Type = wire.TypeStream
		q.stream = &stream{}
		if q.visit == r.visit {
			r.launch.stream = q
		}
	}
	q.exchange = r.tl.BeginAt(e.ctx, wire.Browser, open, at)
	r.add(e, q.exchange, wire.KindRequest, wire.Request{Method: q.method, URL: q.url, Header: header}, at)
	r.requests[ev.RequestID] = q
	if r.saves(q) {
		r.saving.request = q
	}
	r.early(e, ev.RequestID)
	if q.stream != nil && q.resource == network.ResourceTypeFetch {
		q.stream.asked = true
		r.do.streamBody(e.ctx, ev.RequestID)
	}
}

// isBuild tells whether a request is BinderHub's event stream, which its page fetches.
func (r *recorder) isBuild(q *request) bool {
	if q.role != wire.RoleBinder || (q.resource != network.ResourceTypeFetch && q.resource != network.ResourceTypeEventSource) {
		return false
	}
	u, err := url.Parse(q.url)
	return err == nil && strings.HasPrefix(u.Path, r.tl.Places().Binder().Path+"build/")
}

// early handles what came ahead of its request.
func (r *recorder) early(e event, id network.RequestID) {
	x := r.extras[id]
	if x == nil {
		return
	}
	delete(r.extras, id)
	if x.sent != nil {
		r.requestExtra(e, x.sent)
	}
	if x.got != nil {
		r.responseExtra(e, x.got)
	}
}

// ahead returns where to keep what has no request yet.
func (r *recorder) ahead(id network.RequestID) *extra {
	x := r.extras[id]
	if x == nil && len(r.extras) < maxOpen {
		x = &extra{}
		r.extras[id] = x
	}
	if x == nil {
		x = &extra{} // forgotten: a page that floods us loses headers, not memory of ours
	}
	return x
}

// requestExtra completes a request's header by what the network stack added, cookies above all.
func (r *recorder) requestExtra(e event, ev *network.EventRequestWillBeSentExtraInfo) {
	if r.sockets[ev.RequestID] != nil {
		return
	}
	q := r.requests[ev.RequestID]
	if q == nil || q.sentMore {
		r.ahead(ev.RequestID).sent = ev
		return
	}
	q.sentMore = true
	header := headerOf(ev.Headers)
	r.learnHeader(header)
	at := e.at
	if ev.ConnectTiming != nil {
		at = r.clock.of(cdp.MonotonicTime(ev.ConnectTiming.RequestTime), e.at)
	}
	r.add(e, q.exchange, wire.KindRequest, wire.Request{Method: q.method, URL: q.url, Header: header}, at)
}

// responseExtra completes an answer's header by what Chromium keeps from pages, Set-Cookie above all.
func (r *recorder) responseExtra(e event, ev *network.EventResponseReceivedExtraInfo) {
	if r.sockets[ev.RequestID] != nil {
		return
	}
	q := r.requests[ev.RequestID]
	if q == nil || q.gotMore {
		r.ahead(ev.RequestID).got = ev
		return
	}
	q.gotMore, q.status = true, int(ev.StatusCode)
	q.header = headerOf(ev.Headers)
	r.learnHeader(q.header)
	switch {
	case q.response != nil:
		q.response.Header = q.header
		r.add(e, q.exchange, wire.KindResponse, *q.response, q.response.At)
	case q.failed != nil:
		r.requestFailed(e, q, q.failed)
	}
}

// answered records the head of an answer.
func (r *recorder) answered(e event, q *request, res *network.Response, at time.Duration) {
	if q.header == nil {
		q.header = headerOf(res.Headers)
		r.learnHeader(q.header)
	}
	r.connected(e, q, res, at)
	r.kept(e, q, res, at)
	q.response = &wire.Response{Status: int(res.Status), Reason: res.StatusText, Proto: res.Protocol, Header: q.header, At: at}
	if res.RemoteIPAddress != "" {
		q.response.Remote = net.JoinHostPort(strings.Trim(res.RemoteIPAddress, "[]"), strconv.FormatInt(res.RemotePort, 10))
	}
	r.add(e, q.exchange, wire.KindResponse, *q.response, at)
}

// kept notes that an answer did not come from the network.
func (r *recorder) kept(e event, q *request, res *network.Response, at time.Duration) {
	switch {
	case res.FromServiceWorker:
		q.from = "the page's service worker"
	case res.FromDiskCache:
		q.from = "the browser's cache"
	default:
		return
	}
	r.add(e, q.exchange, wire.KindNote, wire.Note{Name: wire.NoteFact, Text: "answered from " + q.from}, at)
}

// connected records how the connection came about, when this exchange opened it.
func (r *recorder) connected(e event, q *request, res *network.Response, at time.Duration) {
	u, err := url.Parse(q.url)
	if err != nil {
		return
	}
	t := res.Timing
	if t == nil || res.ConnectionReused || t.ConnectStart < 0 {
		// Chromium may have connected in advance, for nobody in particular.
		r.certificate(e, q, u, res.SecurityDetails, 0, at)
		return
	}
	base := r.clock.of(cdp.MonotonicTime(t.RequestTime), at)
	after := func(ms float64) time.Duration { return base + time.Duration(ms*1e6) }
	seconds := func(from, to float64) wire.Seconds { return wire.Seconds(time.Duration((to - from) * 1e6)) }
	if t.DNSStart >= 0 {
		r.add(e, q.exchange, wire.KindDNS, wire.DNS{Host: u.Hostname(), Seconds: seconds(t.DNSStart, t.DNSEnd)}, after(t.DNSEnd))
	}
	tcp := t.ConnectEnd
	if t.SslStart > 0 {
		tcp = t.SslStart
	}
	address := net.JoinHostPort(strings.Trim(res.RemoteIPAddress, "[]"), strconv.FormatInt(res.RemotePort, 10))
	r.add(e, q.exchange, wire.KindTCP, wire.TCP{Address: address, Seconds: seconds(t.ConnectStart, tcp)}, after(tcp))
	r.certificate(e, q, u, res.SecurityDetails, seconds(t.SslStart, t.SslEnd), after(t.SslEnd))
}

// certificate records the TLS of a connection that was made, or of the first that is used to a host.
func (r *recorder) certificate(e event, q *request, u *url.URL, d *network.SecurityDetails, took wire.Seconds, at time.Duration) {
	if d == nil || (took == 0 && r.hosts[u.Host]) {
		return
	}
	r.hosts[u.Host] = true
	r.add(e, q.exchange, wire.KindTLS, wire.TLS{
		ServerName: u.Hostname(), Version: d.Protocol, Seconds: took,
		Certificates: []wire.Certificate{{
			Subject: d.SubjectName, Issuer: d.Issuer, DNSNames: d.SanList,
			NotBefore: time.Unix(int64(d.ValidFrom), 0).UTC(), NotAfter: time.Unix(int64(d.ValidTo), 0).UTC(),
		}},
	}, at)
}

func (r *recorder) responseReceived(e event, ev *network.EventResponseReceived) {
	q := r.requests[ev.RequestID]
	if q == nil {
		return
	}
	at := r.clock.of(ev.Timestamp, e.at)
	r.answered(e, q, ev.Response, at)
	r.reached(q)
	if q.fault = r.judge(q, ev.Response.MimeType); q.fault != nil && q.visit == r.visit {
		r.raiseLater(r.patience, q.fault, func() bool { return !q.fetching })
	}
	if q.fault != nil && q.stream != nil {
		q.stream.over = true
	}
	if q.main && q.fault == nil {
		r.documentAnswered(q)
	}
	r.savingAnswered(q)
}

func (r *recorder) dataReceived(e event, ev *network.EventDataReceived) {
	q := r.requests[ev.RequestID]
	if q == nil {
		return
	}
	q.bytes += ev.DataLength
	if q.stream != nil && len(ev.Data) > 0 {
		r.streamed(e, q, ev.Data, r.clock.of(ev.Timestamp, e.at))
	}
}

func (r *recorder) loadingFinished(e event, ev *network.EventLoadingFinished) {
	q := r.requests[ev.RequestID]
	if q == nil {
		return
	}
	if q.fault != nil {
		r.fetchBody(e, ev.RequestID, q)
		return
	}
	at := r.clock.of(ev.Timestamp, e.at)
	if q.stream != nil && q.stream.asked && !q.stream.live {
		q.stream.ended = at // the exchange ends with bodyStreaming
		return
	}
	r.finish(e, ev.RequestID, q, wire.Close{}, at)
	if q.stream != nil {
		r.streamEnded(q)
	}
}

// fetchBody asks for the body of a bad answer. Its exchange, and with it the proof, ends with bodyFetched.
func (r *recorder) fetchBody(e event, id network.RequestID, q *request) {
	q.fetching = true
	r.do.fetchBody(e.ctx, id)
}

// bodyFetched ends an exchange whose answer was bad, and so completes its fault.
func (r *recorder) bodyFetched(e event, ev bodyFetched) {
	q := r.requests[ev.id]
	if q == nil {
		return
	}
	if s := q.stream; s != nil && len(ev.body) == 0 { // Chromium keeps none of what it passes on
		if s.asked && !s.live {
			s.fetched = true // the exchange ends with bodyStreaming
			return
		}
		ev.body = s.head
	}
	q.bytes = max(q.bytes, int64(len(ev.body)))
	r.learn(string(ev.body))
	r.add(e, q.exchange, wire.KindBody, wire.Body{Bytes: q.bytes, Prefix: string(ev.body)}, e.at)
	r.add(e, q.exchange, wire.KindClose, wire.Close{Symptom: q.fault.Symptom}, e.at)
	delete(r.requests, ev.id)
	if q.visit == r.visit {
		r.raise(q.fault)
	}
}

// finish ends an exchange.
func (r *recorder) finish(e event, id network.RequestID, q *request, c wire.Close, at time.Duration) {
	if q.response != nil {
		r.add(e, q.exchange, wire.KindBody, wire.Body{Bytes: q.bytes}, at)
	}
	r.add(e, q.exchange, wire.KindClose, c, at)
	if q.stream != nil {
		q.stream.over = true
	}
	delete(r.requests, id)
	delete(r.extras, id)
}

// headerOf turns a header of the protocol into Go's. Chromium joins the values of one name by line feeds.
func headerOf(h network.Headers) http.Header {
	out := make(http.Header, len(h))
	for name, value := range h {
		for v := range strings.SplitSeq(fmt.Sprint(value), "\n") {
			out.Add(name, v)
		}
	}
	return out
}
