package browser

import (
	"strings"

	"binderhub-smoke/smoke/wire"
)

// netErrors maps the beginnings of Chromium's error names to symptoms; the first that fits counts.
var netErrors = []struct {
	prefix  string
	symptom wire.Symptom
}{
	{"ERR_CERT_DATE_INVALID", wire.TLSExpired},
	{"ERR_CERT_COMMON_NAME_INVALID", wire.TLSName},
	{"ERR_CERT_AUTHORITY_INVALID", wire.TLSAuthority},
	{"ERR_CERT_", wire.TLSFailed},
	{"ERR_SSL_", wire.TLSFailed},
	{"ERR_BAD_SSL_", wire.TLSFailed},
	{"ERR_NAME_NOT_RESOLVED", wire.DNSNotFound},
	{"ERR_NAME_RESOLUTION_FAILED", wire.DNSFailed},
	{"ERR_DNS_", wire.DNSFailed},
	{"ERR_CONNECTION_REFUSED", wire.TCPRefused},
	{"ERR_CONNECTION_TIMED_OUT", wire.TCPTimeout},
	{"ERR_TIMED_OUT", wire.TCPTimeout},
	{"ERR_ADDRESS_UNREACHABLE", wire.TCPUnreachable},
	{"ERR_INTERNET_DISCONNECTED", wire.TCPUnreachable},
	{"ERR_NETWORK_", wire.TCPUnreachable},
	{"ERR_CONNECTION_RESET", wire.Reset},
	{"ERR_CONNECTION_ABORTED", wire.Reset},
	{"ERR_EMPTY_RESPONSE", wire.EOF},
	{"ERR_CONNECTION_CLOSED", wire.EOF},
	{"ERR_CONTENT_LENGTH_MISMATCH", wire.EOF},
	{"ERR_INCOMPLETE_CHUNKED_ENCODING", wire.EOF},
	{"ERR_TOO_MANY_REDIRECTS", wire.Redirected},
	{"ERR_UNSAFE_REDIRECT", wire.Redirected},
	{"ERR_HTTP_RESPONSE_CODE_FAILURE", wire.Status},
	{"ERR_INVALID_", wire.Malformed},
	{"ERR_RESPONSE_HEADERS_", wire.Malformed},
	{"ERR_CONTENT_DECODING_", wire.Malformed},
	{"ERR_HTTP2_", wire.Malformed},
	{"ERR_BLOCKED_", wire.PageError}, // by CSP, mixed content, CORS …
}

// symptomOf maps a text that holds one of Chromium's net::ERR_… names.
func symptomOf(text string) wire.Symptom {
	_, name, found := strings.Cut(text, "net::")
	if !found {
		return wire.Malformed
	}
	for _, e := range netErrors {
		if strings.HasPrefix(name, e.prefix) {
			return e.symptom
		}
	}
	return wire.Malformed
}
