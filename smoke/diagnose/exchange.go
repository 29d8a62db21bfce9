package diagnose

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// refusedByNumber is all that Chromium tells of a websocket handshake that was refused: no headers, no body.
var refusedByNumber = regexp.MustCompile(`Unexpected response code: (\d{3})`)

// status is the HTTP status of an exchange, or 0. A browser's refused handshake has it only inside an error text.
func status(x *wire.Exchange) int {
	if x.Response != nil {
		return x.Response.Status
	}
	if x.Close == nil {
		return 0
	}
	if m := refusedByNumber.FindStringSubmatch(x.Close.Error); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

func header(x *wire.Exchange, name string) string {
	if x.Response == nil {
		return ""
	}
	return get(x.Response.Header, name)
}

func sent(x *wire.Exchange, name string) string {
	if x.Request == nil {
		return ""
	}
	return get(x.Request.Header, name)
}

// get reads a header whose name may be written in any way: browsers report HTTP/2's in lower case.
func get(h http.Header, name string) string {
	if v := h.Get(name); v != "" {
		return v
	}
	for k, values := range h {
		if strings.EqualFold(k, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// body is the beginning of an answer's body.
func body(x *wire.Exchange) string {
	if x.Body == nil {
		return ""
	}
	return x.Body.Prefix
}

// trimmed is the body without the white space around it.
func trimmed(x *wire.Exchange) string { return strings.TrimSpace(body(x)) }

// empty tells whether the answer is known to have no body.
func empty(x *wire.Exchange) bool {
	return x.Response != nil && x.Client != wire.Browser && (x.Body == nil || x.Body.Bytes == 0)
}

// socket tells whether an exchange is a websocket, opened or refused.
func socket(x *wire.Exchange) bool { return x.Open.Type == wire.TypeWebSocket }

// handshake tells whether an exchange asked for an upgrade: a websocket, or the canary, which may be plain HTTP with an
// Upgrade header.
func handshake(x *wire.Exchange) bool { return socket(x) || sent(x, "Upgrade") != "" }

// took is the time from the request to the head of its answer. Without an answer it is the time until the exchange ended.
// Connecting is no part of it: over a long way, or on a busy machine, that takes longer than an ingress that refuses at once.
func took(x *wire.Exchange) time.Duration {
	from := x.Open.At
	if x.Request != nil {
		from = x.Request.At
	}
	to := x.Ended()
	if x.Response != nil {
		to = x.Response.At
	}
	if at := connectedAt(x); at <= to {
		from = max(from, at)
	}
	return max(0, to-from)
}

// connectedAt is when a connection was made for a request of ours; zero where there was one already. A browser tells of
// connecting only when the answer is there.
func connectedAt(x *wire.Exchange) (at time.Duration) {
	if x.Client == wire.Browser {
		return 0
	}
	for _, t := range x.TCP {
		if t.Error == "" {
			at = max(at, t.At)
		}
	}
	if x.TLS != nil {
		at = max(at, x.TLS.At)
	}
	return at
}

// connected tells whether the exchange reached something that speaks TCP, and TLS where asked for.
func connected(x *wire.Exchange) bool {
	if x.Response != nil {
		return true
	}
	if x.TLS != nil && x.TLS.Error != "" {
		return false
	}
	for _, t := range x.TCP {
		if t.Error == "" {
			return x.Request != nil
		}
	}
	// Without a record of connecting a request of ours went over a connection that was there already: where none could be
	// made, the symptom is another.
	return len(x.TCP) == 0 && x.Client != wire.Browser && x.Request != nil && x.Close != nil && x.Close.Symptom == wire.Timeout
}
