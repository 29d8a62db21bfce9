package browser

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
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{}
	a.cert, a.key = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	})
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	return a
}

// sign signs a certificate; the authority's own when it has none.
func (a *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

// listen starts a TLS server with a certificate for a name, ending at a time, and returns its address.
func (a *authority) listen(t *testing.T, name string, end time.Time) string {
	return a.serve(t, name, end, html("<title>ok</title>")).Listener.Addr().String()
}

// serve is listen with a handler.
func (a *authority) serve(t *testing.T, name string, end time.Time, handler http.Handler) *httptest.Server {
	cert, key := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refusals are what is tested
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func needsCertutil(t *testing.T) {
	t.Helper()
	needsChromium(t)
	if _, err := exec.LookPath("certutil"); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	needsCertutil(t)
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-time.Hour)
	tl := newTimeline("https://good.test/", "")
	b, err := Start(t.Context(), Options{Timeline: tl, CA: append(newAuthority(t, "first of the bundle").pem, ours.pem...), Resolve: map[string]string{
		"good.test:443":    ours.listen(t, "good.test", tomorrow),
		"expired.test:443": ours.listen(t, "expired.test", yesterday),
		"name.test:443":    ours.listen(t, "else.test", tomorrow),
		"other.test:443":   other.listen(t, "other.test", tomorrow),
	}})
	require.NoError(t, err)
	home := b.dir
	t.Cleanup(func() {
		require.NoError(t, b.Close(context.Background()))
		require.NoDirExists(t, home)
	})
	open := func(host string) error {
		return b.OpenServer(limited(t, 20*time.Second), "https://"+host+"/user/a/", "")
	}
	require.NoError(t, open("good.test"))
	for _, x := range tl.Exchanges() {
		require.NotNil(t, x.TLS)
		require.Equal(t, []string{"good.test"}, x.TLS.Certificates[0].DNSNames)
		require.Equal(t, "h2", x.Response.Proto)
	}
	for host, symptom := range map[string]wire.Symptom{
		"expired.test": wire.TLSExpired, "name.test": wire.TLSName, "other.test": wire.TLSAuthority, "nowhere.test": wire.DNSNotFound,
	} {
		_, x := requireFault(t, tl, open(host), symptom)
		require.Equal(t, symptom, x.Close.Symptom)
	}
}

func TestTrustRefuses(t *testing.T) {
	needsCertutil(t)
	for name, bundle := range map[string]string{"no PEM": "hello", "no certificate": "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"} {
		err := trust(t.Context(), t.TempDir(), []byte(bundle))
		var f *wire.Fault
		require.ErrorAs(t, err, &f, name)
		require.True(t, f.Inconclusive)
		require.Equal(t, wire.Unavailable, f.Symptom)
	}
}
