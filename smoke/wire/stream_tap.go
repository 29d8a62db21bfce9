package wire

import (
	"bufio"
	"bytes"
	"io"
)

// maxComment bounds what is kept of a comment line, in bytes.
const maxComment = 256

// tap passes a stream's bytes on, one whole event at a time, and reports its comment lines, which the parser drops:
// BinderHub's ":keepalive" is how a quiet stream shows that it lives. Handing over whole events keeps comments and events
// in their order, and keeps the parser from looking at the same bytes again each time that a slow server adds one.
type tap struct {
	r       io.Reader
	comment func(string)
	buf     []byte
	ready   int  // bytes at the front of buf that may be handed over
	seen    int  // bytes of buf that were looked at
	line    int  // where in buf the current line begins
	begun   bool // the current event has a line
	afterCR bool // the last line ended in a carriage return, to which a line feed may belong
	started bool // the byte order mark, if any, is behind us
	err     error
}

// Read hands over bytes of complete events, or what is left when the stream has ended.
func (t *tap) Read(p []byte) (int, error) {
	for t.ready == 0 {
		switch {
		case t.scan():
		case t.err != nil && len(t.buf) > 0:
			t.lastLine()
			t.ready = len(t.buf)
		case t.err != nil:
			return 0, t.err
		case len(t.buf) >= maxEvent:
			t.err = bufio.ErrTooLong
			t.buf = nil
		default:
			t.fill()
		}
	}
	n := copy(p, t.buf[:t.ready])
	t.buf = t.buf[n:]
	t.ready -= n
	t.seen = max(0, t.seen-n)
	t.line = max(0, t.line-n)
	return n, nil
}

// fill reads more of the stream.
func (t *tap) fill() {
	var chunk [4096]byte
	n, err := t.r.Read(chunk[:])
	t.buf = append(t.buf, chunk[:n]...)
	t.err = err
}

// scan looks at what has not been looked at, up to the end of one event, and tells whether it came to one.
func (t *tap) scan() bool {
	for t.seen < len(t.buf) {
		if t.afterCR && t.buf[t.seen] == '\n' { // the second half of a CRLF
			t.afterCR = false
			t.seen++
			t.line = t.seen
			continue
		}
		i := bytes.IndexAny(t.buf[t.seen:], "\r\n")
		if i < 0 {
			t.seen, t.afterCR = len(t.buf), false
			return false
		}
		end := t.seen + i
		t.afterCR = t.buf[end] == '\r'
		blank := end == t.line
		t.lineDone(t.buf[t.line:end])
		t.seen, t.line = end+1, end+1
		if blank && t.begun {
			t.begun, t.ready = false, t.seen
			return true
		}
		if !blank {
			t.begun = true
			continue
		}
		t.buf = t.buf[t.seen:] // blank lines between events; a server may send them without end
		t.seen, t.line = 0, 0
	}
	return false
}

// lineDone reports a line that is a comment.
func (t *tap) lineDone(line []byte) {
	if !t.started {
		t.started = true
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	if len(line) > 0 && line[0] == ':' {
		t.comment(string(line[1:min(len(line), maxComment+1)]))
	}
}

// lastLine reports a comment that the end of the stream cut short; the parser drops other lines that have no end.
func (t *tap) lastLine() {
	if t.line < len(t.buf) {
		t.lineDone(t.buf[t.line:])
	}
	t.seen, t.line = len(t.buf), len(t.buf)
}
