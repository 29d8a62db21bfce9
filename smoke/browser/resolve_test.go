package browser

import (
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestResolverRules(t *testing.T) {
	require.Empty(t, resolverRules(nil))
	require.Equal(t, "MAP a.example:443 127.0.0.1:13443,MAP b.example:80 [::1]:8080",
		resolverRules(map[string]string{"b.example:80": "[::1]:8080", "a.example:443": "127.0.0.1:13443"}))
}

func TestSymptomOf(t *testing.T) {
	for text, want := range map[string]wire.Symptom{
		"net::ERR_CERT_DATE_INVALID":                                         wire.TLSExpired,
		"net::ERR_CERT_REVOKED":                                              wire.TLSFailed,
		"net::ERR_NAME_NOT_RESOLVED":                                         wire.DNSNotFound,
		"Error in connection establishment: net::ERR_CONNECTION_REFUSED":     wire.TCPRefused,
		"Error during WebSocket handshake: net::ERR_CONNECTION_RESET":        wire.Reset,
		"net::ERR_SOMETHING_NEW":                                             wire.Malformed,
		"A server must not mask any frames that it sends to the client.":     wire.Malformed,
		"net::ERR_BLOCKED_BY_CSP":                                            wire.PageError,
		"net::ERR_INCOMPLETE_CHUNKED_ENCODING":                               wire.EOF,
		"net::ERR_CONNECTION_CLOSED (blocked: nothing, this is just a tail)": wire.EOF,
	} {
		require.Equal(t, want, symptomOf(text), text)
	}
}
