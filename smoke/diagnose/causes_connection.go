package diagnose

import (
	"fmt"

	"binderhub-smoke/smoke/wire"
)

// http2Causes come before those of requests of which some fail: half of the fresh connections speak HTTP/2.
var http2Causes = []Cause{
	{
		ID: "http2-broken", Title: "HTTP/2 is broken, HTTP/1.1 is not", Hop: HopIngress,
		Match: http2Broken,
		Ask:   askAgain,
		Cite: func(v *View) []*wire.Exchange {
			if x, ok := v.Other(v.served1); ok {
				return []*wire.Exchange{x}
			}
			return nil
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("Requests to the %s fail over HTTP/2 (%s) and are served over HTTP/1.1: browsers speak HTTP/2", hostOf(v), short(v.Fault.Got))
		},
		Suspects: []string{"http2-broken", "ws-over-h2-extended-connect"},
		Remedy: "Offer HTTP/1.1 only until it is mended: F5 nginx-ingress ConfigMap `http2: \"False\"`, community ConfigMap `use-http2: \"false\"`, plain nginx without `http2` on `listen`, HAProxy `alpn http/1.1`, Traefik `tls.options` with `alpnProtocols: [http/1.1]`, " +
			"Apache `Protocols http/1.1`, Envoy `codec_type: HTTP1`. Then the controller's log: a TCP load balancer that announces h2 for a backend that does not speak it, or HTTP/2 to the upstream.",
		Mutes: []string{"one-of-n-bad"},
	},
}

// http2Broken is a request that failed below HTTP over HTTP/2, where nothing on the host ever succeeded over it and
// something did over HTTP/1.1; or one that the probes could repeat over HTTP/1.1 only.
func http2Broken(v *View) bool {
	if v.X.Client == wire.Browser || !v.Symptom(wire.Reset, wire.EOF, wire.Malformed, wire.Timeout) {
		return false
	}
	if first, second := v.tallies(); first.none() && second.every() {
		return true
	}
	_, ever := v.Other(func(x *wire.Exchange) bool { return v.SameHost(x) && v2(x) && byApplication(x) })
	_, old := v.Other(v.served1)
	return (v2(v.X) || v.Says("http2:", "GOAWAY", "PROTOCOL_ERROR")) && old && !ever
}

// served1 tells whether an application answered over HTTP/1.1 on the same host.
func (v *View) served1(x *wire.Exchange) bool {
	return v.SameHost(x) && x.Response != nil && !v2(x) && x.Client != wire.Browser && byApplication(x)
}

// connectionCauses are of connections that stand and come to nothing, and of answers that arrive cut or garbled.
var connectionCauses = []Cause{
	{
		ID: "tls-cut", Title: "Connections are cut in the TLS handshake", Hop: HopLB,
		Match: func(v *View) bool { return v.Symptom(wire.Reset, wire.EOF) && handshakeOfTLS(v.X) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The address of the %s takes connections (%s) and cuts them before any certificate is shown: what listens there has nothing behind it, or expects PROXY protocol", hostOf(v), addresses(v.X))
		},
		Suspects: []string{"proxy-protocol-mismatch", "lb-healthcheck-mismatch", "tcp-refused", "dns-points-to-old-lb", "tls-cut"},
		Likelier: oneOfTheAddresses,
		Remedy: "PROXY protocol must be on at both ends or at none: the load balancer (`service.beta.kubernetes.io/aws-load-balancer-proxy-protocol: \"*\"` and its like) and the controller (F5 ConfigMap `proxy-protocol: \"True\"`, community `use-proxy-protocol: \"true\"`, plain nginx `listen … proxy_protocol`, " +
			"HAProxy `accept-proxy`, Traefik `proxyProtocol.trustedIPs`). Else the load balancer has no healthy target: its health check's port and path, node ports, security groups.",
	},
	{
		ID: "connection-cut", Title: "Connections are cut without an answer",
		At: func(v *View) Hop {
			if v.servedHere() {
				return HopIngress
			}
			return HopLB
		},
		Match: func(v *View) bool { return cut(v) && !(handshake(v.X) && v.servedHere()) },
		Ask:   ask(askAgain, askHost),
		Sentence: func(v *View) string {
			switch {
			case uploads(v.X):
				return fmt.Sprintf("The connection %s is cut while a body of %s is sent (%s %s): a limit on bodies, told by cutting", place(v.X), sayBytes(requested(v.X)), method(v.X), pathOf(v.X))
			case v.servedHere():
				return fmt.Sprintf("The connection %s is cut without an answer to %s %s, while other requests are served", place(v.X), method(v.X), pathOf(v.X))
			}
			return fmt.Sprintf("The connection %s stands and is cut without a byte of an answer (%s)", place(v.X), firstOf(short(v.Fault.Got), "no answer"))
		},
		Suspects: []string{"connection-cut", "proxy-protocol-mismatch", "lb-healthcheck-mismatch", "waf-blocked", "header-limit", "keepalive-race-502"},
		Likelier: func(v *View) []string {
			switch {
			case uploads(v.X):
				return []string{"save-413"}
			case v.servedHere():
				return []string{"waf-blocked", "keepalive-race-502", "header-limit"}
			}
			return nil
		},
		Remedy: "On every request: PROXY protocol on one side only (controller `use-proxy-protocol` or F5 `proxy-protocol`, and the load balancer's own setting), a server block that drops unknown hosts (plain nginx `return 444`, HAProxy `silent-drop`), a load balancer without a healthy target. " +
			"On some: a firewall's rule, a limit on bodies or headers, or an upstream that dies while it answers (`kubectl get pods`, the restarts).",
	},
	{
		ID: "answer-cut", Title: "Answers arrive cut", Hop: HopIngress,
		Match: func(v *View) bool {
			return v.X.Response != nil && v.X.Open.Type == wire.TypeHTTP && v.X.Client != wire.Browser && v.Symptom(wire.EOF, wire.Reset) && !v.In("server/files")
		},
		Sentence: func(v *View) string {
			got := int64(0)
			if v.X.Body != nil {
				got = v.X.Body.Bytes
			}
			return fmt.Sprintf("The answer to %s %s ends before it is complete, after %s: its length and its body disagree, or a proxy %s gives up midway", method(v.X), pathOf(v.X), sayBytes(got), front(v.X))
		},
		Suspects: []string{"answer-cut", "file-changed", "upstream-hang", "http2-broken"},
		Remedy: "nginx and its controllers log \"open() …/proxy_temp… failed\" or \"an upstream response is buffered to a temporary file\" where the disk is full or read-only: free it, or `proxy_max_temp_file_size 0;` (F5 `nginx.org/proxy-max-temp-file-size: \"0\"`, community `nginx.ingress.kubernetes.io/proxy-max-temp-file-size: \"0\"`). " +
			"Then filters that change bodies and keep Content-Length (`sub_filter`, a Lua or WASM plugin), and timeouts shorter than a large file takes.",
	},
	{
		ID: "answer-garbled", Title: "Answers arrive garbled", Hop: HopIngress,
		Match: func(v *View) bool {
			return v.Symptom(wire.Malformed) && v.X.Response != nil && v.X.Client != wire.Browser && v.X.Open.Type != wire.TypeWebSocket && v.X.Close != nil && v.X.Close.Symptom == wire.Malformed
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The answer to %s %s cannot be read (%s): a proxy %s compresses or changes bodies without keeping its headers true", method(v.X), pathOf(v.X), short(v.Fault.Got), front(v.X))
		},
		Suspects: []string{"answer-garbled", "answer-cut"},
		Remedy:   "Switch compression and rewriting off at one place, best at all but one: plain nginx `gzip off;` and no `sub_filter`, community ConfigMap `use-gzip: \"false\"`, `enable-brotli: \"false\"`, Traefik without the `compress` middleware, Caddy without `encode`, a CDN without minification. A header Content-Encoding that was removed or added by hand is the usual case.",
	},
	{
		ID: "not-http", Title: "Something other than HTTP answers", Hop: HopLB,
		Match: func(v *View) bool {
			return v.Symptom(wire.Malformed) && v.X.Response == nil && v.X.Client != wire.Browser && v.X.Open.Type != wire.TypeWebSocket && v.Says("malformed HTTP", "malformed MIME header", "invalid header", "unexpected preface", "bogus greeting", "bad Content-Length", "unsupported transfer encoding")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("What answers %s is no HTTP that can be read (%s)", place(v.X), short(v.Fault.Got))
		},
		Suspects: []string{"not-http", "proxy-protocol-mismatch", "answer-garbled"},
		Remedy:   "Does the load balancer's port lead to the ingress controller's HTTP port (`kubectl get svc -A -o wide`, targetPort)? A header that a proxy adds with a line break in it breaks the answer too: look at `add_header`, `more_set_headers`, `http-response set-header` and snippets.",
	},
}
