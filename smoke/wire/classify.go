package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// Classify names what a network error showed. An error of no known kind is Malformed: something answered, but not in the
// protocol that was asked for.
func Classify(ctx context.Context, err error) Symptom {
	switch {
	case err == nil:
		return ""
	case errors.Is(context.Cause(ctx), context.Canceled) || errors.Is(ctx.Err(), context.Canceled):
		return Cancelled
	case ctx.Err() != nil:
		return Timeout
	}
	for _, known := range []func(error) Symptom{nameSymptom, tlsSymptom, socketSymptom} {
		if s := known(err); s != "" {
			return s
		}
	}
	return Malformed
}

func nameSymptom(err error) Symptom {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return ""
	case dns.IsNotFound:
		return DNSNotFound
	}
	return DNSFailed
}

func tlsSymptom(err error) Symptom {
	var (
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return TLSExpired
	case errors.As(err, &hostname):
		return TLSName
	case errors.As(err, &authority):
		return TLSAuthority
	case errors.As(err, &verify), errors.As(err, &invalid), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return TLSFailed
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // how crypto/tls wraps alerts
		return TLSFailed
	case strings.HasPrefix(innermost(err), "tls: "):
		return TLSFailed
	}
	return ""
}

// noWay is what the system says when it does not even try to connect: there is no route, not the address's family, or a rule
// of this machine's against it.
var noWay = []syscall.Errno{
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EPERM, syscall.EACCES,
}

func socketSymptom(err error) Symptom {
	var timeout interface{ Timeout() bool }
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return TCPRefused
	case slices.ContainsFunc(noWay, func(e syscall.Errno) bool { return errors.Is(err, e) }):
		return TCPUnreachable
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return TCPTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), saysAny(err, "server closed idle connection", "server sent GOAWAY"):
		return EOF
	case errors.Is(err, bufio.ErrTooLong), saysAny(err, "server response headers exceeded", "response header list larger"):
		return TooLarge
	case saysAny(err, "stream error: stream ID"):
		return Reset
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	}
	return ""
}

// saysAny looks for words of errors that net/http does not export.
func saysAny(err error, words ...string) bool {
	text := err.Error()
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
