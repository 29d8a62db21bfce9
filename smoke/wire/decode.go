package wire

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
)

// acceptEncoding is sent as browsers do, or what compression breaks would stay unseen. We offer only what the standard
// library undoes.
const acceptEncoding = "gzip, deflate"

// decoded returns the body without its compression.
func decoded(resp *http.Response) (io.Reader, error) {
	switch encoding := resp.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return resp.Body, nil
	case "gzip":
		return &lazyReader{open: func() (io.Reader, error) { return gzip.NewReader(resp.Body) }}, nil
	case "deflate":
		return &lazyReader{open: func() (io.Reader, error) { return zlib.NewReader(resp.Body) }}, nil
	default:
		return nil, fmt.Errorf("the answer has Content-Encoding %q, which was not offered", encoding)
	}
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
