package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestClassify(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for want, errs := range map[wire.Symptom][]error{
		"":                  {nil},
		wire.DNSNotFound:    {&net.DNSError{IsNotFound: true}},
		wire.DNSFailed:      {&net.DNSError{IsTimeout: true}, &net.DNSError{IsTemporary: true}},
		wire.TCPRefused:     {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))},
		wire.TCPTimeout:     {dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), dial(os.ErrDeadlineExceeded)},
		wire.TCPUnreachable: {dial(syscall.EHOSTUNREACH), dial(syscall.ENETUNREACH), dial(syscall.EAFNOSUPPORT), dial(syscall.EACCES)},
		wire.Reset:          {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, syscall.EPIPE, errors.New("stream error: stream ID 1; INTERNAL_ERROR")},
		wire.EOF:            {io.EOF, fmt.Errorf("x: %w", io.ErrUnexpectedEOF), errors.New("http: server closed idle connection")},
		wire.TooLarge:       {bufio.ErrTooLong, errors.New("net/http: server response headers exceeded 5 bytes; aborted")},
		wire.TLSFailed:      {http.ErrSchemeMismatch, errors.New("tls: no application protocol"), &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}},
		wire.Timeout:        {os.ErrDeadlineExceeded},
		wire.Malformed:      {errors.New("malformed HTTP status code \"x\"")},
	} {
		for _, err := range errs {
			require.Equal(t, want, wire.Classify(t.Context(), err), "%v", err)
		}
	}
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	require.Equal(t, wire.Timeout, wire.Classify(over, io.EOF))
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("SIGTERM"))
	require.Equal(t, wire.Cancelled, wire.Classify(stopped, io.EOF))
}
