package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const tlsHost = "binder.smoke.test"

func good() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: tlsHost}, DNSNames: []string{tlsHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
}

// serveTLS serves over TLS with a certificate that signs itself, which the network trusts.
func serveTLS(t *testing.T, template *x509.Certificate, h http.HandlerFunc, change ...func(*httptest.Server)) (string, *wire.Network) {
	t.Helper()
	noLeaks(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	for _, f := range change {
		f(s)
	}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	n := network(t, "https://"+tlsHost+"/", func(c *wire.Config) {
		c.Roots = roots
		c.Resolve = map[string]string{tlsHost + ":443": s.Listener.Addr().String()}
	})
	return "https://" + tlsHost + "/", n
}

func TestCertificates(t *testing.T) {
	expired, early, name := good(), good(), good()
	expired.NotAfter = time.Now().Add(-time.Minute)
	early.NotBefore = time.Now().Add(time.Minute)
	name.DNSNames = []string{"other.smoke.test"}
	for what, c := range map[string]struct {
		template *x509.Certificate
		want     wire.Symptom
	}{
		"expired": {expired, wire.TLSExpired}, "not yet valid": {early, wire.TLSExpired}, "name": {name, wire.TLSName},
	} {
		t.Run(what, func(t *testing.T) {
			s, n := serveTLS(t, c.template, func(http.ResponseWriter, *http.Request) {})
			_, err := n.Do(within(t, 5*time.Second), wire.Call{URL: s})
			require.Equal(t, c.want, fault(t, err).Symptom, err)
			x := only(t, n)
			require.NotEmpty(t, x.TLS.Error)
			require.Len(t, x.TLS.Certificates, 1, "the certificate that was refused is the evidence")
			_, _, err = n.Dial(within(t, 5*time.Second), wire.Handshake{URL: s})
			require.Equal(t, c.want, fault(t, err).Symptom, err)
		})
	}
}

func TestUnknownAuthority(t *testing.T) {
	noLeaks(t)
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := network(t, s.URL).Do(within(t, 5*time.Second), wire.Call{URL: s.URL})
	require.Equal(t, wire.TLSAuthority, fault(t, err).Symptom)
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	base := serve(t, func(http.ResponseWriter, *http.Request) {})
	secure := "https" + base[len("http"):]
	n := network(t, secure)
	_, err := n.Do(within(t, 5*time.Second), wire.Call{URL: secure})
	require.Equal(t, wire.TLSFailed, fault(t, err).Symptom, err)
	_, _, err = n.Dial(within(t, 5*time.Second), wire.Handshake{URL: secure})
	require.Equal(t, wire.TLSFailed, fault(t, err).Symptom, err)
}

func TestHandshakeAlert(t *testing.T) {
	s, n := serveTLSWith(t, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	_, err := n.Do(within(t, 5*time.Second), wire.Call{URL: s})
	require.Equal(t, wire.TLSFailed, fault(t, err).Symptom, err)
}

func serveTLSWith(t *testing.T, config *tls.Config) (string, *wire.Network) {
	t.Helper()
	noLeaks(t)
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, network(t, s.URL)
}

// A server that takes the connection and says nothing: the step's end ends the handshake too, and nothing goes on in the
// background.
func TestTLSHandshakeThatHangs(t *testing.T) {
	left := make(chan bool, 10)
	base := serveRaw(t, func(c net.Conn) { io.Copy(io.Discard, c); left <- true })
	secure := "https" + base[len("http"):]
	for _, fresh := range []wire.Fresh{"", wire.FreshHTTP1, wire.FreshHTTP2} {
		n := network(t, secure)
		began := time.Now()
		_, err := n.Do(within(t, 200*time.Millisecond), wire.Call{URL: secure, Fresh: fresh})
		f := fault(t, err)
		require.Equal(t, wire.Timeout, f.Symptom)
		require.Contains(t, f.Got, "TLS")
		require.Less(t, time.Since(began), time.Second)
		_, _, err = n.Dial(within(t, 200*time.Millisecond), wire.Handshake{URL: secure})
		require.Contains(t, fault(t, err).Got, "TLS")
		for range 2 {
			select {
			case <-left:
			case <-time.After(time.Second):
				require.Fail(t, "the connection is still open", "fresh: %q", fresh)
			}
		}
	}
}

// The first request of a network goes its own way: what it does to its connections' settings is nothing to a connection beside it.
func TestAConnectionBesideTheFirstRequest(t *testing.T) {
	base, n := serveTLS(t, good(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	ctx := within(t, 5*time.Second)
	var group sync.WaitGroup
	group.Go(func() {
		_, err := n.Do(ctx, wire.Call{Subject: "The page", URL: base})
		assert.NoError(t, err)
	})
	group.Go(func() {
		c, err := n.Connect(ctx, "TLS", base, netip.MustParseAddr("127.0.0.1"))
		if assert.NoError(t, err) {
			assert.Equal(t, "h2", c.TLS.NegotiatedProtocol)
		}
	})
	group.Wait()
}
