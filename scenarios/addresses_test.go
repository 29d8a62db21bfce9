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
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"binderhub-smoke/smoke"
)

// names is a DNS server on loopback, and this process's only one until the test ends. It knows no other names.
func names(t *testing.T, known map[string][]string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for packet := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := resolve(packet[:n], known); answer != nil {
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

// Every address of a host is tried, of both families: a visitor comes to any of them.
func TestEachAddressShowsItsCertificate(t *testing.T) {
	long, short := 80*24*time.Hour, 10*24*time.Hour+time.Hour
	for name, c := range map[string]struct {
		lives map[string]time.Duration
		expectation
	}{
		"all good":          {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": long, "::1": long}, expectation{"binder-host/tls", smoke.Pass, ""}},
		"second expired":    {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": -time.Hour}, expectation{"binder-host/tls", smoke.Failed, "shown by 127.0.0.2"}},
		"IPv6 expired":      {map[string]time.Duration{"127.0.0.1": long, "::1": -time.Hour}, expectation{"binder-host/tls", smoke.Failed, "shown by ::1"}},
		"second ends soon":  {map[string]time.Duration{"127.0.0.1": long, "127.0.0.2": short}, expectation{"binder-host/tls", smoke.Pass, "shown by 127.0.0.2"}},
		"warned, then fail": {map[string]time.Duration{"127.0.0.1": short, "127.0.0.2": 24 * time.Hour}, expectation{"binder-host/tls", smoke.Failed, "shown by 127.0.0.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var addresses []string
			for at := range c.lives {
				addresses = append(addresses, at)
			}
			names(t, map[string][]string{"several.smoke.test": addresses})
			u, authorities := replicas(t, "several.smoke.test", c.lives)
			c.check(t, engine(t, smoke.Target{
				Name: "several", Binder: u, UI: true, CA: authorities, Spec: "gh/owner/repository/HEAD", Scenarios: []string{c.step}, Repeat: 4,
			}, patience{}, nil))
		})
	}
}

// One address of several refuses connections: browsers try another one, and some visitors wait.
func TestAnAddressThatRefuses(t *testing.T) {
	names(t, map[string][]string{"several.smoke.test": {"127.0.0.1", "127.0.0.2"}})
	u, authorities := replicas(t, "several.smoke.test", map[string]time.Duration{"127.0.0.1": 80 * 24 * time.Hour})
	r := engine(t, smoke.Target{
		Name: "several", Binder: u, UI: true, CA: authorities, Spec: "gh/owner/repository/HEAD", Scenarios: []string{"binder-host/tls"}, Repeat: 4,
	}, patience{}, nil)
	expectation{"binder-host/dns", smoke.Pass, ""}.check(t, r)
	expectation{"binder-host/tls", smoke.Failed, "refused"}.check(t, r)
}

func TestANameThatDoesNotExist(t *testing.T) {
	names(t, nil)
	u, err := url.Parse("https://nowhere.smoke.test/")
	require.NoError(t, err)
	r := engine(t, smoke.Target{
		Name: "nowhere", Binder: u, UI: true, Spec: "gh/owner/repository/HEAD", Scenarios: []string{"binder-host/tls"}, Repeat: 4,
	}, patience{}, nil)
	expectation{"binder-host/dns", smoke.Failed, "nowhere.smoke.test"}.check(t, r)
	require.Equal(t, smoke.Blocked, step(t, r, "binder-host/tls").Verdict)
}
