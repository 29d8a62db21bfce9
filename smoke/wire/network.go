package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says how a target is reached.
type Config struct {
	Timeline  *Timeline
	Meter     *Meter            // counts the time spent waiting for bytes; may be nil
	Resolve   map[string]string // "host:port" to "address:port", used instead of DNS
	Roots     *x509.CertPool    // nil: the system's
	UserAgent string
	Header    http.Header // sent to the target's own places only
	// Certificate is shown to a server that asks for one, if it lets in whom the certificate's issuer vouches for; nil is none.
	Certificate *tls.Certificate
}

// Network is the raw clients' way to one target. It follows no redirect, bounds what it reads, and writes all it sees into
// the timeline.
type Network struct {
	cfg    Config
	client Client          // whose records these are
	pooled *http.Transport // HTTP/2 where offered; connections are kept
	fresh  *http.Transport // a new HTTP/1.1 connection for each request
	fresh2 *http.Transport // a new connection for each request, HTTP/2 where offered
}

// NewNetwork returns a network that is not connected to anything yet.
func NewNetwork(cfg Config) *Network {
	n := &Network{cfg: cfg, client: Raw}
	n.pooled = n.transport()
	n.fresh2 = n.transport()
	n.fresh2.DisableKeepAlives = true
	// CHP answers an upgrade without a route by 404 and leaves the connection open but dead; a pool would hand it out again.
	n.fresh = n.transport()
	n.fresh.DisableKeepAlives = true
	n.fresh.ForceAttemptHTTP2 = false
	n.fresh.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	n.fresh.TLSClientConfig.NextProtos = []string{"http/1.1"} // as browsers do for websockets
	n.learnOwn()
	return n
}

// learnOwn tells the redactor of the credentials in the headers that the user gave, but not of ordinary words there.
func (n *Network) learnOwn() {
	for name, values := range n.cfg.Header {
		for _, v := range values {
			words := strings.Fields(v)
			words = slices.DeleteFunc(words, func(w string) bool { return !secretHeader(http.CanonicalHeaderKey(name), w) && !looksRandom(w) })
			n.cfg.Timeline.Redactor().Learn(words...)
		}
	}
}

// Timeline is where the network writes.
func (n *Network) Timeline() *Timeline { return n.cfg.Timeline }

// Close lets go of kept connections.
func (n *Network) Close() {
	n.pooled.CloseIdleConnections()
	n.fresh.CloseIdleConnections()
	n.fresh2.CloseIdleConnections()
}

// maxHeader bounds the head of an answer, in bytes.
const maxHeader = 256 << 10

func (n *Network) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  n.proxy,
		OnProxyConnectResponse: refusedByProxy,
		DialContext:            n.dial,
		TLSClientConfig:        n.tlsConfig(),
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        4 * time.Second, // below CHP's 5 s, so that a kept connection is not lost in a race
		DisableCompression:     true,            // we ask for compression as browsers do, and undo it ourselves
	}
}

// tlsConfig is a configuration that nobody else has: a Transport changes its own at its first request.
func (n *Network) tlsConfig() *tls.Config {
	c := &tls.Config{RootCAs: n.cfg.Roots, MinVersion: tls.VersionTLS12}
	if n.cfg.Certificate != nil {
		c.Certificates = []tls.Certificate{*n.cfg.Certificate}
	}
	return c
}

// override is the address that the user gave for host:port.
func (n *Network) override(address string) (string, bool) {
	to, ok := n.cfg.Resolve[strings.ToLower(address)]
	return to, ok
}

// Reaches tells whether a port of a host leads to the target that is meant: where the user gave an address for any of the
// host's ports, only the ports do that have one.
func (n *Network) Reaches(host, port string) bool {
	if _, ok := n.override(net.JoinHostPort(host, port)); ok {
		return true
	}
	for address := range n.cfg.Resolve {
		if name, _, err := net.SplitHostPort(address); err == nil && strings.EqualFold(name, host) {
			return false
		}
	}
	return true
}

// proxy takes the environment's proxy, except for hosts whose address the user gave: those are to be reached directly.
func (n *Network) proxy(r *http.Request) (*url.URL, error) {
	if _, ok := n.override(authority(r.URL)); ok {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// Proxied tells by which proxy of the environment's a URL is reached, if by any.
func (n *Network) Proxied(rawURL string) (host string, ok bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", false
	}
	through, err := n.proxy(&http.Request{URL: u})
	if err != nil || through == nil {
		return "", false
	}
	return through.Host, true
}

// refusedByProxy makes an error of a proxy's refusal that says whose it is: net/http gives the bare status text.
func refusedByProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("proxyconnect: the proxy %s answers CONNECT with %s", proxy.Host, answer.Status)
}

// dial connects to the address that the user gave for host:port, or else to what DNS says. It ends with the step that
// asked, although net/http would go on: nobody else may want the connection.
func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	seen := traceOf(ctx)
	to, overridden := n.override(address)
	if !overridden {
		to = address
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	if seen == nil {
		return d.DialContext(ctx, network, to)
	}
	if overridden {
		seen.add(KindDNS, DNS{Host: address, Addresses: []string{to}, Override: true})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(seen.step, cancel)()
	conn, err := d.DialContext(ctx, network, to)
	if err == nil {
		seen.watch(conn)
	}
	return conn, err
}

// Unmetered is the same network for waiting in the background, which the meter must not count.
func (n *Network) Unmetered() *Network {
	quiet := *n
	quiet.cfg.Meter = nil
	return &quiet
}

// As is the same network, whose records are another client's.
func (n *Network) As(client Client) *Network {
	other := *n
	other.client = client
	return &other
}

// Waiting tells the meter that somebody waits for bytes, until end is called.
func (n *Network) Waiting() (end func()) { return n.cfg.Meter.Begin() }
