package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// TypeConnect is an exchange that only looks a name up, or only connects: no request is sent.
const TypeConnect Type = "connect"

// Lookup asks DNS for the addresses of a URL's host. The user's own address for it (SMOKE_RESOLVE) and an address in the
// URL itself are returned without asking; asked tells which it was.
func (n *Network) Lookup(ctx context.Context, subject, rawURL string) (addresses []netip.Addr, asked bool, err error) {
	defer n.cfg.Meter.Begin()()
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, false, &Fault{Subject: subject, URL: rawURL, Symptom: Malformed, Want: "a URL", Got: err.Error(), Inconclusive: true}
	}
	if at, ok := n.given(u); ok {
		return []netip.Addr{at}, false, nil
	}
	x := &conversation{net: n, client: n.client, subject: subject, url: rawURL, trace: &trace{phase: phaseDNS}}
	x.id = n.cfg.Timeline.Begin(ctx, n.client, Open{Type: TypeConnect, Method: "LOOKUP", URL: rawURL})
	began := time.Now()
	addresses, err = net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	record := DNS{Host: u.Hostname(), Seconds: Seconds(time.Since(began)), Error: errorText(err)}
	for i, a := range addresses {
		addresses[i] = a.Unmap()
		record.Addresses = append(record.Addresses, addresses[i].String())
	}
	x.add(ctx, KindDNS, record)
	if err != nil {
		return nil, true, x.fail(ctx, err, "an address for "+u.Hostname())
	}
	x.close(ctx, Close{})
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses), true, nil
}

// given is the address of a URL's host when the user gave one, or when the host is one.
func (n *Network) given(u *url.URL) (netip.Addr, bool) {
	host := u.Hostname()
	if override, ok := n.override(authority(u)); ok {
		host, _, _ = net.SplitHostPort(override)
	}
	at, err := netip.ParseAddr(host)
	return at, err == nil
}

// Connection is an exchange that connected and shook hands, and sent nothing.
type Connection struct {
	Exchange ExchangeID
	Address  string // host:port that was dialled
	TLS      *tls.ConnectionState
}

// Connect opens a connection of its own to one address of a URL's host, with TLS where the URL has it, and closes it. The
// certificate is verified for the URL's host as for any other request.
func (n *Network) Connect(ctx context.Context, subject, rawURL string, at netip.Addr) (*Connection, error) {
	defer n.cfg.Meter.Begin()()
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, &Fault{Subject: subject, URL: rawURL, Symptom: Malformed, Want: "a URL", Got: err.Error(), Inconclusive: true}
	}
	c := &Connection{Address: n.addressAt(u, at)}
	x := &conversation{net: n, client: n.client, subject: subject, url: rawURL}
	x.id = n.cfg.Timeline.Begin(ctx, n.client, Open{Type: TypeConnect, Method: "CONNECT", URL: rawURL})
	c.Exchange = x.id
	x.trace = n.newTrace(ctx, n.client, x.id, rawURL)
	conn, err := x.trace.dial(ctx, c.Address)
	if err != nil {
		return nil, x.fail(ctx, err, "a connection to "+c.Address)
	}
	defer conn.Close()
	if u.Scheme == "https" {
		secured, err := x.trace.handshake(ctx, conn, n.tlsConfig(), u.Hostname())
		if err != nil {
			return nil, x.fail(ctx, err, "TLS for "+u.Hostname())
		}
		state := secured.ConnectionState()
		c.TLS = &state
	}
	x.close(ctx, Close{})
	return c, nil
}

// addressAt is where to dial for an address: the port is the URL's, or that of the user's own address for it.
func (n *Network) addressAt(u *url.URL, at netip.Addr) string {
	_, port, _ := net.SplitHostPort(authority(u))
	if override, ok := n.override(authority(u)); ok {
		_, port, _ = net.SplitHostPort(override)
	}
	return net.JoinHostPort(at.String(), port)
}

func (t *trace) dial(ctx context.Context, address string) (net.Conn, error) {
	t.connectStart("tcp", address)
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(context.WithValue(ctx, traceKey{}, t), "tcp", address)
	t.connectDone("tcp", address, err)
	return conn, err
}

// handshake speaks TLS with a server of this name. It changes the configuration.
func (t *trace) handshake(ctx context.Context, conn net.Conn, config *tls.Config, name string) (*tls.Conn, error) {
	config.ServerName, config.NextProtos = name, []string{"h2", "http/1.1"}
	secured := tls.Client(conn, config)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	t.tlsStart()
	err := secured.HandshakeContext(limited)
	t.tlsDone(secured.ConnectionState(), err)
	return secured, err
}
