package wire_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"binderhub-smoke/smoke/wire"
)

// connecting is a server that offers websockets over HTTP/2 and answers each with a status.
func connecting(t *testing.T, status string) func(*httptest.Server) {
	return func(s *httptest.Server) {
		s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
			_, _ = io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
			framer := http2.NewFramer(c, c)
			_ = framer.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
			for {
				f, err := framer.ReadFrame()
				if err != nil {
					return
				}
				if asked, ok := f.(*http2.HeadersFrame); ok {
					assert.Contains(t, pseudo(asked.HeaderBlockFragment()), ":protocol=websocket")
					var head bytes.Buffer
					_ = hpack.NewEncoder(&head).WriteField(hpack.HeaderField{Name: ":status", Value: status})
					_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: asked.StreamID, BlockFragment: head.Bytes(), EndHeaders: true, EndStream: status != "200"})
				}
			}
		}}
	}
}

// pseudo lists a header block's fields.
func pseudo(block []byte) []string {
	var out []string
	fields, _ := hpack.NewDecoder(4096, nil).DecodeFull(block)
	for _, f := range fields {
		out = append(out, f.Name+"="+f.Value)
	}
	return out
}

func TestExtendedConnect(t *testing.T) {
	for _, status := range []string{"200", "400"} {
		url, n := serveTLS(t, good(), nil, connecting(t, status))
		a, err := n.As(wire.Probe).ExtendedConnect(within(t, 5*time.Second), wire.Handshake{Subject: "The probe", URL: url + "socket"})
		require.NoError(t, err)
		require.Equal(t, status, a.Describe()[:3])
		x := only(t, n)
		require.Equal(t, wire.Probe, x.Client)
		require.Equal(t, "CONNECT", x.Open.Method)
		require.NotNil(t, x.TLS)
		require.Equal(t, a.Status, x.Response.Status)
		require.False(t, x.Opened(), "it was only asked whether it would")
	}
}

func TestAServerThatOffersNoWebsocketsOverHTTP2(t *testing.T) {
	http1 := func(s *httptest.Server) { s.EnableHTTP2, s.TLS.NextProtos = false, []string{"http/1.1"} }
	for name, change := range map[string]func(*httptest.Server){"HTTP/2": func(*httptest.Server) {}, "HTTP/1.1 only": http1} {
		t.Run(name, func(t *testing.T) {
			url, n := serveTLS(t, good(), http.NotFound, change)
			_, err := n.ExtendedConnect(within(t, 5*time.Second), wire.Handshake{Subject: "The probe", URL: url})
			require.Equal(t, wire.UpgradeRefused, fault(t, err).Symptom)
			require.Contains(t, only(t, n).Close.Error, "offers no websockets over HTTP/2")
		})
	}
	n := network(t, "http://127.0.0.1:1/")
	_, err := n.ExtendedConnect(within(t, time.Second), wire.Handshake{URL: "http://127.0.0.1:1/"})
	require.Equal(t, wire.UpgradeRefused, fault(t, err).Symptom)
}
