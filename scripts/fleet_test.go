package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures/binderhub"
)

// Targets of a fleet that are broken.
const (
	refused   = "b007" // the ingress of the binder host cannot connect to BinderHub
	stripped  = "b023" // that of the hub host drops the Upgrade header
	outOfDate = "b042" // the binder host's certificate has ended
	hanging   = "b061" // nothing answers behind the ingress of the binder host
	deaf      = "b088" // nothing listens where the hub host is
)

// fleet answers for many BinderHubs and hubs, b042-binder.smoke.test and b042-hub.smoke.test, from one address.
type fleet struct {
	binder   http.Handler
	over     chan struct{} // is closed when the test ends
	ca       []byte
	good     tls.Certificate
	ended    tls.Certificate
	tls, web *httptest.Server
}

// latency is what an answer takes, as over a network: without it a run measures nothing but this machine.
const latency = 50 * time.Millisecond

const nginx502 = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
	"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

// startFleet starts a fleet and returns the settings file that has these targets of it.
func startFleet(t testing.TB, names []string) (config string) {
	t.Helper()
	healthy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(healthy.Close)
	b, err := binderhub.New(binderhub.Config{HubAPIURL: healthy.URL + "/hub/api/", HubURL: "https://hub.smoke.test/", ReposFile: "../fixtures/repos.yaml"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	f := &fleet{binder: b, over: make(chan struct{})}
	f.certify(t)
	f.web = httptest.NewServer(f)
	t.Cleanup(f.web.Close)
	f.tls = httptest.NewUnstartedServer(f)
	f.tls.Config.ErrorLog, f.tls.EnableHTTP2 = log.New(io.Discard, "", 0), true
	f.tls.TLS = &tls.Config{GetCertificate: f.certificate}
	f.tls.StartTLS()
	t.Cleanup(f.tls.Close)
	t.Cleanup(func() { close(f.over) })
	return f.settings(t, names)
}

// ServeHTTP answers for the host that the request names.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	<-time.After(latency)
	name, host, _ := strings.Cut(strings.TrimSuffix(r.Host, ".smoke.test"), "-")
	switch {
	case r.TLS == nil:
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
	case host == "hub":
		hub(w, r, name == stripped)
	case name == refused:
		w.Header().Set("Server", "nginx/1.22.1")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, nginx502)
	case name == hanging:
		select {
		case <-f.over:
		case <-r.Context().Done():
		}
	default:
		f.binder.ServeHTTP(w, r)
	}
}

// hub answers as configurable-http-proxy does, and as the hub behind it.
func hub(w http.ResponseWriter, r *http.Request, stripped bool) {
	upgrade := !stripped && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	switch {
	case r.URL.Path == "/_chp_healthz" && upgrade:
		w.Header().Set("X-JupyterHub-Version", "5.3.0")
		http.Redirect(w, r, "/hub/_chp_healthz", http.StatusFound)
	case r.URL.Path == "/_chp_healthz":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"OK"}`)
	default:
		w.Header().Set("X-JupyterHub-Version", "5.3.0")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"version":"5.3.0"}`)
	}
}

// certificate is that of the host that a client asks for.
func (f *fleet) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == outOfDate+"-binder.smoke.test" {
		return &f.ended, nil
	}
	return &f.good, nil
}

// certify makes an authority and the certificates that it signs, both for all hosts.
func (f *fleet) certify(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	issue := func(c x509.Certificate, parent *x509.Certificate) []byte {
		c.SerialNumber, c.NotBefore = big.NewInt(now.UnixNano()), now.AddDate(0, -3, 0)
		if parent == nil {
			parent = &c
		}
		der, err := x509.CreateCertificate(rand.Reader, &c, parent, key.Public(), key)
		require.NoError(t, err)
		return der
	}
	authority := x509.Certificate{NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	f.ca = issue(authority, nil)
	host := x509.Certificate{NotAfter: now.AddDate(0, 3, 0), DNSNames: []string{"*.smoke.test"}}
	f.good = tls.Certificate{Certificate: [][]byte{issue(host, &authority)}, PrivateKey: key}
	host.NotAfter = now.AddDate(0, 0, -1)
	f.ended = tls.Certificate{Certificate: [][]byte{issue(host, &authority)}, PrivateKey: key}
}

// settings writes a settings file in which the addresses of all hosts are given, as for clusters that DNS does not know yet.
func (f *fleet) settings(t testing.TB, names []string) string {
	t.Helper()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	secure, web := f.tls.Listener.Addr().String(), f.web.Listener.Addr().String()
	var b strings.Builder
	b.WriteString("defaults: {ca: ca.pem, repeat: 5}\ntargets:\n")
	for _, name := range names {
		binder, hub, hubAt := name+"-binder.smoke.test", name+"-hub.smoke.test", secure
		if name == deaf {
			hubAt = nobody.Addr().String()
		}
		fmt.Fprintf(&b, "  - {name: %s, binder: 'https://%s', hub: 'https://%s', resolve: ['%s:443=%s', '%s:80=%s', '%s:443=%s']}\n",
			name, binder, hub, binder, secure, binder, web, hub, hubAt)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.ca}), 0o600))
	config := filepath.Join(dir, "smoke.yaml")
	require.NoError(t, os.WriteFile(config, []byte(b.String()), 0o600))
	return config
}
