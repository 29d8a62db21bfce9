package scenarios_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// names is a DNS server on loopback, and this process's only one until the test ends. It knows no other names.
func names(t *testing.T, known map[string][]string) {
	t.Helper()
	namesNow(t, func() map[string][]string { return known })
}

// namesNow is names for what changes from one question to the next.
func namesNow(t *testing.T, known func() map[string][]string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for packet := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := resolve(packet[:n], known()); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	system := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = system
		conn.Close()
	})
}

// resolve answers one question.
func resolve(question []byte, known map[string][]string) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	addresses, ok := known[strings.TrimSuffix(q.Name.String(), ".")]
	if !ok {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range addresses {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: 1}
		switch ip := net.ParseIP(text); {
		case ip.To4() != nil && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: [4]byte(ip.To4())}})
		case ip.To4() == nil && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}})
		}
	}
	packed, _ := m.Pack()
	return packed
}

// certificate is one for a name that ends then, and it is its own authority.
func certificate(t *testing.T, name string, ends time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: ends.Add(-90 * 24 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// replicas serves a healthy BinderHub on each address, on one port, with the certificate that ends after so long. It
// returns the URL and the authorities.
func replicas(t *testing.T, name string, lives map[string]time.Duration) (*url.URL, []byte) {
	t.Helper()
	port, authorities := "0", []byte(nil)
	for at, life := range lives {
		listener, err := net.Listen("tcp", net.JoinHostPort(at, port))
		require.NoError(t, err)
		_, port, _ = net.SplitHostPort(listener.Addr().String())
		shown, authority := certificate(t, name, time.Now().Add(life))
		authorities = append(authorities, authority...)
		server := httptest.NewUnstartedServer(http.HandlerFunc(healthyBinder(nil)))
		server.Listener.Close()
		server.Listener, server.TLS = listener, &tls.Config{Certificates: []tls.Certificate{shown}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // a refused certificate is what is wanted
		server.StartTLS()
		t.Cleanup(server.Close)
	}
	u, err := url.Parse("https://" + net.JoinHostPort(name, port) + "/")
	require.NoError(t, err)
	return u, authorities
}

// asked is what the user says of a target whose binder host has several addresses.
func asked(u *url.URL, authorities []byte, step string) smoke.Target {
	return smoke.Target{
		Name: "several", Binder: u, UI: true, CA: authorities, Spec: "gh/owner/repository/HEAD", Scenarios: []string{step}, Repeat: 4,
	}
}

// Every address of a host is tried, of both families: a visitor comes to any of them.
func TestEachAddressShowsItsCertificate(t *testing.T) {
	long, short := 80*24*time.Hour, 10*24*time.Hour+time.Hour
	for name, c := range map[string]struct {
		lives map[string]time.Duration
		expectation
	}{
		"all good":          {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": long, "::1": long}, expectation{"binder-host/tls", smoke.Pass, ""}},
		"second expired":    {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": -time.Hour}, expectation{"binder-host/tls", smoke.Failed, "(shown by 127.0.0.2; in order: 127.0.0.1)"}},
		"two expired":       {map[string]time.Duration{"127.0.0.1": -time.Hour, "127.0.0.2": long, "127.0.0.3": -time.Hour, "::1": long}, expectation{"binder-host/tls", smoke.Failed, "(shown by 127.0.0.1 and 127.0.0.3; in order: 127.0.0.2 and ::1)"}},
		"all expired":       {map[string]time.Duration{"127.0.0.1": -time.Hour, "127.0.0.2": -time.Hour}, expectation{"binder-host/tls", smoke.Failed, "(shown by 127.0.0.1 and 127.0.0.2)"}},
		"IPv6 expired":      {map[string]time.Duration{"127.0.0.1": long, "::1": -time.Hour}, expectation{"binder-host/tls", smoke.Failed, "(shown by ::1; in order: 127.0.0.1)"}},
		"second ends soon":  {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": short}, expectation{"binder-host/tls", smoke.Pass, "(shown by 127.0.0.2; in order: 127.0.0.1)"}},
		"warned, then fail": {map[string]time.Duration{"127.0.0.1": short, "127.0.0.2": 24 * time.Hour}, expectation{"binder-host/tls", smoke.Failed, "(shown by 127.0.0.2 and 127.0.0.1)"}},
		"two kinds of bad":  {map[string]time.Duration{"127.0.0.1": -time.Hour, "127.0.0.2": 24 * time.Hour}, expectation{"binder-host/tls", smoke.Failed, "(shown by 127.0.0.1; 127.0.0.2: 0 days: it ends on "}},
	} {
		t.Run(name, func(t *testing.T) {
			names(t, map[string][]string{"several.smoke.test": slices.Collect(maps.Keys(c.lives))})
			u, authorities := replicas(t, "several.smoke.test", c.lives)
			r := engine(t, asked(u, authorities, c.step), patience{}, nil)
			c.check(t, r)
			if c.verdict == smoke.Failed {
				require.Len(t, r.Findings, 1)
				require.NotEqual(t, diagnose.Unrecognised, r.Findings[0].Cause)
			}
		})
	}
}

// One address of several refuses connections: browsers try another one, and some visitors wait.
func TestAnAddressThatRefuses(t *testing.T) {
	for name, addresses := range map[string][]string{"IPv4": {"127.0.0.1", "127.0.0.2"}, "IPv6": {"127.0.0.1", "::1"}} {
		t.Run(name, func(t *testing.T) {
			names(t, map[string][]string{"several.smoke.test": addresses})
			u, authorities := replicas(t, "several.smoke.test", map[string]time.Duration{"127.0.0.1": 80 * 24 * time.Hour})
			r := engine(t, asked(u, authorities, "binder-host/tls"), patience{}, nil)
			expectation{"binder-host/dns", smoke.Pass, ""}.check(t, r)
			expectation{"binder-host/tls", smoke.Failed, "connection refused (in order: 127.0.0.1)"}.check(t, r)
		})
	}
}

// nowhere is an IPv6 address to which Linux opens no connection, as to any other on a machine without IPv6: ENETUNREACH. It is
// a multicast address whose scope is the interface, so nothing is sent.
const nowhere = "ff01::1"

// An IPv6 address that this machine has no way to says nothing about the deployment, and everything else is tested.
func TestAMachineWithoutIPv6(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("another system says something else of a multicast address")
	}
	names(t, map[string][]string{"several.smoke.test": {"127.0.0.1", nowhere}, "six.smoke.test": {nowhere}})
	u, authorities := replicas(t, "several.smoke.test", map[string]time.Duration{"127.0.0.1": 80 * 24 * time.Hour})
	r := engine(t, asked(u, authorities, "binder-host"), patience{}, nil)
	for _, id := range []string{"binder-host/tls", "binder-host/page", "binder-host/repeat"} {
		expectation{id, smoke.Pass, ""}.check(t, r)
	}
	require.Empty(t, r.Findings)
	require.Contains(t, strings.Join(r.Notes, "\n"), "the binder host has the IPv6 address "+nowhere+", which cannot be tried from here")

	only := *u
	only.Host = "six.smoke.test:" + u.Port()
	r = engine(t, asked(&only, authorities, "binder-host/tls"), patience{}, nil)
	expectation{"binder-host/tls", smoke.Inconclusive, "unreachable"}.check(t, r)
	require.Equal(t, "no-route", findingOf(t, r, "binder-host/tls").Cause)

	u, authorities = replicas(t, "several.smoke.test", map[string]time.Duration{"127.0.0.1": -time.Hour})
	r = engine(t, asked(u, authorities, "binder-host/tls"), patience{}, nil)
	expectation{"binder-host/tls", smoke.Failed, "expired"}.check(t, r)
}

// deafPort is a port on ::1 at which connections are neither taken nor refused: its queue is full.
func deafPort(t *testing.T, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet6{Port: port, Addr: netip.IPv6Loopback().As16()}))
	require.NoError(t, syscall.Listen(fd, 0))
	for full := false; !full; {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("::1", strconv.Itoa(port)), 200*time.Millisecond)
		if full = err != nil; !full {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
}

// An IPv6 address that does not answer may be dead, or this machine's IPv6 is: where IPv4 is well, browsers take that, and
// nobody is locked out.
func TestAnIPv6AddressThatDoesNotAnswer(t *testing.T) {
	names(t, map[string][]string{"several.smoke.test": {"127.0.0.1", "::1"}, "six.smoke.test": {"::1"}})
	u, authorities := replicas(t, "several.smoke.test", map[string]time.Duration{"127.0.0.1": 80 * 24 * time.Hour})
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	deafPort(t, port)
	quick := patience{budgets: map[string]time.Duration{"binder-host/tls": time.Second}}
	r := engine(t, asked(u, authorities, "binder-host/tls"), quick, nil)
	requireWarning(t, r, "binder-host/tls", "(in order: 127.0.0.1)")
	u.Host = "six.smoke.test:" + u.Port()
	r = engine(t, asked(u, authorities, "binder-host/tls"), quick, nil)
	expectation{"binder-host/tls", smoke.Failed, "expected a connection to [::1]:"}.check(t, r)
	require.Equal(t, "tcp-timeout", findingOf(t, r, "binder-host/tls").Cause)
}

// A host that offers HTTP/2 and cannot speak it: half of all fresh connections ask for it, as browsers do.
func TestBrokenHTTP2(t *testing.T) {
	names(t, map[string][]string{"several.smoke.test": {"127.0.0.1"}})
	shown, authority := certificate(t, "several.smoke.test", time.Now().Add(80*24*time.Hour))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{shown}, NextProtos: []string{"h2", "http/1.1"}})
	require.NoError(t, err)
	server := &http.Server{
		Handler: http.HandlerFunc(healthyBinder(nil)), ErrorLog: log.New(io.Discard, "", 0),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}},
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	u, err := url.Parse("https://several.smoke.test:" + port(listener.Addr().String()) + "/")
	require.NoError(t, err)
	r := engine(t, asked(u, authority, "binder-host/repeat"), patience{}, nil)
	expectation{"binder-host/tls", smoke.Pass, ""}.check(t, r)
	expectation{"binder-host/repeat", smoke.Failed, "on 2 of them"}.check(t, r)
}

func TestANameThatDoesNotExist(t *testing.T) {
	names(t, nil)
	u, err := url.Parse("https://nowhere.smoke.test/")
	require.NoError(t, err)
	r := engine(t, asked(u, nil, "binder-host/tls"), patience{}, nil)
	expectation{"binder-host/dns", smoke.Failed, "nowhere.smoke.test"}.check(t, r)
	require.Equal(t, smoke.Blocked, step(t, r, "binder-host/tls").Verdict)
}
