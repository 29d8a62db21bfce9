package browser

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	"binderhub-smoke/smoke/wire"
)

// kernelProtocol is the subprotocol under which kernel messages come as offsets and slices in binary frames. Without it
// they are JSON, in a binary frame behind their buffers' offsets when they have buffers.
const kernelProtocol = "v1.kernel.websocket.jupyter.org"

// message is what we read of a kernel message.
type message struct {
	Channel string
	Type    string
	ID      string
	Parent  string // id of the message it answers
	Content json.RawMessage
}

var errNoMessage = errors.New("the frame holds no kernel message")

type messageHeader struct {
	ID   string `json:"msg_id"`
	Type string `json:"msg_type"`
}

// parseMessage reads a kernel message from a frame. v1 tells whether kernelProtocol was agreed on.
func parseMessage(op wire.Opcode, data []byte, v1 bool) (message, error) {
	switch {
	case op == wire.OpBinary && v1:
		return parseV1(data)
	case op == wire.OpBinary:
		return parseBuffered(data)
	case op == wire.OpText:
		return parseJSON(data)
	}
	return message{}, errNoMessage
}

// parseV1 reads little-endian 64-bit numbers: their count, then the offsets of channel, header, parent header, metadata,
// content, any buffers, and the frame's end.
func parseV1(data []byte) (message, error) {
	slice, err := slicer(data)
	if err != nil {
		return message{}, err
	}
	var m message
	var header, parent messageHeader
	m.Channel = string(slice(0))
	if err := json.Unmarshal(slice(1), &header); err != nil {
		return message{}, errNoMessage
	}
	json.Unmarshal(slice(2), &parent) // {} when it answers none
	m.ID, m.Type, m.Parent = header.ID, header.Type, parent.ID
	m.Content = bytes.Clone(slice(4))
	return m, nil
}

// slicer checks the offsets of a v1 frame and returns what cuts it at them.
func slicer(data []byte) (func(i int) []byte, error) {
	const size = 8
	if len(data) < size {
		return nil, errNoMessage
	}
	n := binary.LittleEndian.Uint64(data)
	if n < 6 || n > uint64(len(data)/size)-1 {
		return nil, errNoMessage
	}
	offset := func(i int) uint64 { return binary.LittleEndian.Uint64(data[size*(i+1):]) }
	for i := range int(n) - 1 {
		if offset(i) > offset(i+1) || offset(i+1) > uint64(len(data)) {
			return nil, errNoMessage
		}
	}
	return func(i int) []byte { return data[offset(i):offset(i+1)] }, nil
}

// parseBuffered reads big-endian 32-bit numbers: the count of parts, then their offsets; the first part is the JSON.
func parseBuffered(data []byte) (message, error) {
	const size = 4
	if len(data) < 2*size {
		return message{}, errNoMessage
	}
	n := uint64(binary.BigEndian.Uint32(data))
	if n < 1 || n > uint64(len(data)/size)-1 {
		return message{}, errNoMessage
	}
	from, to := uint64(binary.BigEndian.Uint32(data[size:])), uint64(len(data))
	if n > 1 {
		to = uint64(binary.BigEndian.Uint32(data[2*size:]))
	}
	if from > to || to > uint64(len(data)) {
		return message{}, errNoMessage
	}
	return parseJSON(data[from:to])
}

func parseJSON(data []byte) (message, error) {
	var v struct {
		Channel string          `json:"channel"`
		Header  messageHeader   `json:"header"`
		Parent  messageHeader   `json:"parent_header"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &v); err != nil || v.Header.Type == "" {
		return message{}, errNoMessage
	}
	return message{Channel: v.Channel, Type: v.Header.Type, ID: v.Header.ID, Parent: v.Parent.ID, Content: v.Content}, nil
}

// unquote returns a JSON string's text.
func unquote(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}
