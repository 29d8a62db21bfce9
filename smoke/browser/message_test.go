package browser

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// v1Frame packs parts as the kernel's websocket does under kernelProtocol.
func v1Frame(parts ...string) []byte {
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(parts)+1))
	at := uint64(8 * (len(parts) + 2))
	for _, p := range append(parts, "") {
		frame = binary.LittleEndian.AppendUint64(frame, at)
		at += uint64(len(p))
	}
	for _, p := range parts {
		frame = append(frame, p...)
	}
	return frame
}

const (
	replyHeader  = `{"msg_id":"r1","msg_type":"execute_reply"}`
	replyParent  = `{"msg_id":"q1","msg_type":"execute_request"}`
	replyContent = `{"status":"ok"}`
	replyJSON    = `{"channel":"shell","header":` + replyHeader + `,"parent_header":` + replyParent + `,"content":` + replyContent + `}`
)

func TestParseMessage(t *testing.T) {
	buffered := binary.BigEndian.AppendUint32(nil, 2)
	buffered = binary.BigEndian.AppendUint32(buffered, 12)
	buffered = binary.BigEndian.AppendUint32(buffered, uint32(12+len(replyJSON)))
	buffered = append(append(buffered, replyJSON...), "a buffer"...)
	want := message{Channel: "shell", Type: "execute_reply", ID: "r1", Parent: "q1", Content: []byte(replyContent)}
	for _, c := range []struct {
		name string
		op   wire.Opcode
		v1   bool
		data []byte
	}{
		{"v1", wire.OpBinary, true, v1Frame("shell", replyHeader, replyParent, "{}", replyContent)},
		{"v1 with a buffer", wire.OpBinary, true, v1Frame("shell", replyHeader, replyParent, "{}", replyContent, "a buffer")},
		{"JSON", wire.OpText, false, []byte(replyJSON)},
		{"JSON with a buffer", wire.OpBinary, false, buffered},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseMessage(c.op, c.data, c.v1)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseMessageRefuses(t *testing.T) {
	good := v1Frame("shell", replyHeader, replyParent, "{}", replyContent)
	backwards := append([]byte(nil), good...)
	binary.LittleEndian.PutUint64(backwards[16:], 1)
	many := append([]byte(nil), good...)
	binary.LittleEndian.PutUint64(many, 1<<60)
	for name, c := range map[string]struct {
		op   wire.Opcode
		v1   bool
		data []byte
	}{
		"empty":             {wire.OpBinary, true, nil},
		"cut in offsets":    {wire.OpBinary, true, good[:20]},
		"cut in parts":      {wire.OpBinary, true, good[:len(good)-4]},
		"offsets backwards": {wire.OpBinary, true, backwards},
		"too many offsets":  {wire.OpBinary, true, many},
		"v1 read as JSON":   {wire.OpBinary, false, good},
		"no JSON":           {wire.OpText, false, []byte("{")},
		"no header":         {wire.OpText, false, []byte("{}")},
		"ping":              {wire.OpPing, false, []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseMessage(c.op, c.data, c.v1)
			require.ErrorIs(t, err, errNoMessage)
		})
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(v1Frame("shell", replyHeader, replyParent, "{}", replyContent), true)
	f.Add([]byte(replyJSON), false)
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 8, '{', '}'}, false)
	f.Fuzz(func(t *testing.T, data []byte, v1 bool) {
		for _, op := range []wire.Opcode{wire.OpText, wire.OpBinary} {
			parseMessage(op, data, v1) // must not panic
		}
	})
}
