// Package message encodes and decodes Jupyter kernel messages as they travel over Jupyter Server's websocket, in both
// framings: the binary v1.kernel.websocket.jupyter.org and the older JSON one.
package message

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// V1 is the subprotocol of the binary framing. Source: jupyter_server/services/kernels/connection/base.py.
const V1 = "v1.kernel.websocket.jupyter.org"

// Header identifies a message. Source: the Jupyter messaging protocol, version 5.3.
type Header struct {
	MsgID    string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	MsgType  string `json:"msg_type"`
	Version  string `json:"version"`
}

// Message is one kernel message on one of the kernel's channels: shell, iopub, stdin or control.
type Message struct {
	Channel string          `json:"channel"`
	Header  Header          `json:"header"`
	Parent  Header          `json:"parent_header"`
	Meta    json.RawMessage `json:"metadata"`
	Content json.RawMessage `json:"content"`
	Buffers [][]byte        `json:"-"`
}

// maxParts bounds the parts of a binary frame: channel, four JSON parts, and buffers, of which ordinary cells send none.
const maxParts = 1024

// Decode reads one websocket message in the framing that v1 tells. It keeps no reference to data.
func Decode(data []byte, v1, binaryFrame bool) (Message, error) {
	switch {
	case v1 && binaryFrame:
		return decodeV1(data)
	case v1:
		return Message{}, errors.New("a text frame, although the binary framing " + V1 + " was agreed on")
	case binaryFrame:
		return decodeLegacyBinary(data)
	}
	return decodeJSON(data)
}

// decodeV1 reads: n, n offsets (little-endian uint64, from the frame's start), then channel, header, parent header,
// metadata, content and buffers, each from its offset to the next.
func decodeV1(data []byte) (Message, error) {
	parts, err := split(data, func(i int) (uint64, bool) {
		if len(data) < 8*(i+1) {
			return 0, false
		}
		return binary.LittleEndian.Uint64(data[8*i:]), true
	})
	if err != nil {
		return Message{}, err
	}
	if len(parts) < 5 {
		return Message{}, fmt.Errorf("a binary frame of %d parts, expected at least 5", len(parts))
	}
	m := Message{Channel: string(parts[0])}
	for i, into := range []any{&m.Header, &m.Parent, &m.Meta, &m.Content} {
		if err := json.Unmarshal(parts[i+1], into); err != nil {
			return Message{}, fmt.Errorf("part %d of a binary frame is not JSON: %w", i+1, err)
		}
	}
	for _, b := range parts[5:] {
		m.Buffers = append(m.Buffers, append([]byte(nil), b...))
	}
	return m, nil
}

// split cuts a frame at its offsets. number(0) is the count of offsets, number(i) the i-th.
func split(data []byte, number func(i int) (uint64, bool)) ([][]byte, error) {
	n, ok := number(0)
	if !ok || n < 1 || n > maxParts {
		return nil, fmt.Errorf("a binary frame of %d bytes that announces %d offsets", len(data), n)
	}
	var offsets []uint64
	for i := 1; i <= int(n); i++ {
		o, ok := number(i)
		if !ok || o > uint64(len(data)) || (i > 1 && o < offsets[i-2]) {
			return nil, fmt.Errorf("a binary frame of %d bytes whose offset %d is %d", len(data), i, o)
		}
		offsets = append(offsets, o)
	}
	var parts [][]byte
	for i := range len(offsets) - 1 {
		parts = append(parts, data[offsets[i]:offsets[i+1]])
	}
	return parts, nil
}

// decodeLegacyBinary reads the older framing of messages with buffers: big-endian uint32 count and offsets, the JSON
// message, the buffers; the last part reaches to the frame's end.
func decodeLegacyBinary(data []byte) (Message, error) {
	n := uint32(0)
	if len(data) >= 4 {
		n = binary.BigEndian.Uint32(data)
	}
	parts, err := split(data, func(i int) (uint64, bool) {
		switch {
		case i == 0:
			return uint64(n) + 1, n > 0
		case i == int(n)+1:
			return uint64(len(data)), true
		case len(data) < 4*(i+1):
			return 0, false
		}
		return uint64(binary.BigEndian.Uint32(data[4*i:])), true
	})
	if err != nil {
		return Message{}, err
	}
	m, err := decodeJSON(parts[0])
	for _, b := range parts[1:] {
		m.Buffers = append(m.Buffers, append([]byte(nil), b...))
	}
	return m, err
}

func decodeJSON(data []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(data, &m); err != nil {
		return Message{}, fmt.Errorf("a text frame that is no kernel message: %w", err)
	}
	return m, nil
}

// Encode writes a message in the framing that v1 tells: a binary frame, or JSON for a text frame. Messages that we send
// carry no buffers.
func Encode(m Message, v1 bool) ([]byte, error) {
	if m.Meta == nil {
		m.Meta = json.RawMessage("{}")
	}
	if m.Content == nil {
		m.Content = json.RawMessage("{}")
	}
	if !v1 {
		return json.Marshal(struct {
			Message
			Parent  struct{} `json:"parent_header"`
			Buffers []string `json:"buffers"`
		}{Message: m, Buffers: []string{}})
	}
	return encodeV1(m)
}

func encodeV1(m Message) ([]byte, error) {
	header, err := json.Marshal(m.Header)
	if err != nil {
		return nil, fmt.Errorf("a header that JSON cannot hold: %w", err)
	}
	parts := [][]byte{[]byte(m.Channel), header, []byte("{}"), m.Meta, m.Content}
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(parts)+1))
	offset := 8 * (len(parts) + 2)
	frame = binary.LittleEndian.AppendUint64(frame, uint64(offset))
	for _, p := range parts {
		offset += len(p)
		frame = binary.LittleEndian.AppendUint64(frame, uint64(offset))
	}
	for _, p := range parts {
		frame = append(frame, p...)
	}
	return frame, nil
}
