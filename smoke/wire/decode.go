package wire

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// acceptEncoding is sent as browsers do, or what compression breaks would stay unseen. We offer only what the standard
// library undoes.
const acceptEncoding = "gzip, deflate"

// decoded returns the body without its compression.
func decoded(resp *http.Response) (io.Reader, error) {
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return resp.Body, nil
	case "gzip", "x-gzip":
		return &lazyReader{open: func() (io.Reader, error) { return gzip.NewReader(resp.Body) }}, nil
	case "deflate":
		return &lazyReader{open: func() (io.Reader, error) { return inflate(resp.Body) }}, nil
	default:
		return nil, fmt.Errorf("the answer has Content-Encoding %q, which was not offered", encoding)
	}
}

// inflate undoes "deflate", which is zlib's format by the standard and bare deflate by some servers; browsers take both.
func inflate(body io.Reader) (io.Reader, error) {
	b := bufio.NewReader(body)
	head, err := b.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// lazyReader opens its source at the first read: a compressed stream's header may come long after the answer's head.
type lazyReader struct {
	open func() (io.Reader, error)
	r    io.Reader
	err  error
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.r == nil && l.err == nil {
		l.r, l.err = l.open()
	}
	if l.err != nil {
		return 0, l.err
	}
	return l.r.Read(p)
}
