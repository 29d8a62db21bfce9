package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// frameTap stands between the websocket package and the connection, shows every message and control frame in the order of
// the wire, and passes the bytes on as they are. The package itself shows whole messages only, and no ping, pong or close.
type frameTap struct {
	io.ReadWriteCloser
	bytes   func() // some came
	in, out frameParser

	mu   sync.Mutex
	open bool
}

// start lets reading begin. Before it Read says io.EOF: the package reads the body of a handshake that it refuses, and
// after a 101 that body is the connection, from which nothing may ever come.
func (t *frameTap) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = true
}

func (t *frameTap) opened() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

func (t *frameTap) Read(p []byte) (int, error) {
	if !t.opened() {
		return 0, io.EOF
	}
	n, err := t.ReadWriteCloser.Read(p)
	bad := t.in.feed(p[:n])
	if n > 0 {
		t.bytes()
	}
	if bad != nil {
		return 0, bad
	}
	return n, err
}

func (t *frameTap) Write(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Write(p)
	_ = t.out.feed(p[:n]) // what we send ourselves is in order
	return n, err
}

// Errors of frames that a client must not accept, RFC 6455 sections 5.1 and 5.5.
var (
	errFrameTooLarge = errors.New("a websocket message larger than our bound")
	errMasked        = errors.New("a masked frame, which no server may send")
)

// frameParser reads frame headers in a stream of bytes, however it is cut into pieces. It keeps of a payload only what a
// record may hold.
type frameParser struct {
	server bool                    // frames come from the server, which may not mask them
	header func()                  // a frame's header has come
	frame  func(f Frame, b []byte) // a message, or a control frame, is complete; b is the beginning of its payload

	head    []byte // of the current frame, while it is not complete
	left    uint64 // bytes of the current frame's payload that are still to come
	offset  int    // in the current payload, for the mask
	control bool   // the current frame is a control frame
	fin     bool
	mask    []byte
	message part // the message so far, which may consist of several frames
	ping    part // the control frame, which may stand between them
}

// part is what is known of a message or a control frame.
type part struct {
	opcode Opcode
	size   uint64
	prefix []byte
}

// framePrefix is how much of a payload is kept until it is redacted and cut, in bytes.
const framePrefix = maxFrameData + 4*maxSecret

// feed takes the next bytes. An error tells that no client may read on.
func (p *frameParser) feed(b []byte) error {
	for len(b) > 0 {
		if p.left > 0 {
			b = p.payload(b)
			continue
		}
		p.head = append(p.head, b[0])
		b = b[1:]
		if len(p.head) < p.headSize() {
			continue
		}
		if err := p.begin(); err != nil {
			return err
		}
	}
	return nil
}

// headSize is how long the current frame's header is, as far as that is known.
func (p *frameParser) headSize() int {
	if len(p.head) < 2 {
		return 2
	}
	size := 2
	switch p.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if p.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

// begin reads a complete frame header.
func (p *frameParser) begin() error {
	opcode := Opcode(p.head[0] & 0x0f)
	p.fin, p.control = p.head[0]&0x80 != 0, opcode >= OpClose
	p.left, p.offset, p.mask = uint64(p.head[1]&0x7f), 0, nil
	switch p.left {
	case 126:
		p.left = uint64(binary.BigEndian.Uint16(p.head[2:]))
	case 127:
		p.left = binary.BigEndian.Uint64(p.head[2:])
	}
	if p.head[1]&0x80 != 0 {
		p.mask = append(p.mask, p.head[len(p.head)-4:]...)
	}
	p.head = p.head[:0]
	p.header()
	current := p.current()
	if opcode != 0 {
		*current = part{opcode: opcode, prefix: current.prefix[:0]}
	}
	current.size += p.left
	if err := p.check(current); err != nil {
		return err
	}
	if p.left == 0 {
		p.end()
	}
	return nil
}

func (p *frameParser) check(current *part) error {
	switch {
	case p.server && p.mask != nil:
		return errMasked
	case p.server && (p.left > maxMessage || current.size > maxMessage):
		return fmt.Errorf("%w of %d bytes: %d bytes are announced", errFrameTooLarge, maxMessage, current.size)
	}
	return nil
}

func (p *frameParser) current() *part {
	if p.control {
		return &p.ping
	}
	return &p.message
}

// payload takes what of b belongs to the current frame and returns the rest.
func (p *frameParser) payload(b []byte) []byte {
	n := int(min(p.left, uint64(len(b))))
	current := p.current()
	had := len(current.prefix)
	current.prefix = append(current.prefix, b[:min(n, framePrefix-had)]...)
	if p.mask != nil {
		for i := had; i < len(current.prefix); i++ {
			current.prefix[i] ^= p.mask[(p.offset+i-had)%4]
		}
	}
	p.offset = (p.offset + n) % 4
	p.left -= uint64(n)
	if p.left == 0 {
		p.end()
	}
	return b[n:]
}

// end reports a message or control frame whose last byte has come.
func (p *frameParser) end() {
	if !p.fin {
		return
	}
	current := p.current()
	p.frame(Frame{Opcode: current.opcode, Size: int(current.size)}, current.prefix)
	*current = part{prefix: current.prefix[:0]}
}
