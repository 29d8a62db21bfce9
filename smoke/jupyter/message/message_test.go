package message_test

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/jupyter/message"
)

func sample() message.Message {
	return message.Message{
		Channel: "shell",
		Header:  message.Header{MsgID: "1", Session: "s", MsgType: "execute_request", Version: "5.3"},
		Content: json.RawMessage(`{"code":"1"}`),
	}
}

func TestRoundTripInBothFramings(t *testing.T) {
	for _, v1 := range []bool{true, false} {
		data, err := message.Encode(sample(), v1)
		require.NoError(t, err)
		got, err := message.Decode(data, v1, v1)
		require.NoError(t, err)
		require.Equal(t, sample().Header, got.Header)
		require.Equal(t, "shell", got.Channel)
		require.JSONEq(t, `{"code":"1"}`, string(got.Content))
	}
}

// The layout that jupyter_server's serialize_msg_to_ws_v1 writes: six offsets when there are no buffers, the first of
// them the end of the offset table.
func TestV1LayoutIsTheServers(t *testing.T) {
	data, err := message.Encode(sample(), true)
	require.NoError(t, err)
	require.EqualValues(t, 6, binary.LittleEndian.Uint64(data))
	require.EqualValues(t, 8*7, binary.LittleEndian.Uint64(data[8:]))
	require.EqualValues(t, len(data), binary.LittleEndian.Uint64(data[8*6:]))
}

func TestV1CarriesBuffers(t *testing.T) {
	parts := []string{"iopub", `{"msg_id":"2"}`, `{}`, `{}`, `{"a":1}`, "buffer"}
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(parts)+1))
	at := uint64(8 * (len(parts) + 2))
	frame = binary.LittleEndian.AppendUint64(frame, at)
	for _, p := range parts {
		at += uint64(len(p))
		frame = binary.LittleEndian.AppendUint64(frame, at)
	}
	for _, p := range parts {
		frame = append(frame, p...)
	}
	m, err := message.Decode(frame, true, true)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("buffer")}, m.Buffers)
}

func TestLegacyFrameWithBuffers(t *testing.T) {
	body := `{"channel":"iopub","header":{"msg_id":"3"},"content":{}}`
	frame := binary.BigEndian.AppendUint32(nil, 2)
	frame = binary.BigEndian.AppendUint32(frame, 12)
	frame = binary.BigEndian.AppendUint32(frame, uint32(12+len(body)))
	frame = append(append(frame, body...), "xyz"...)
	m, err := message.Decode(frame, false, true)
	require.NoError(t, err)
	require.Equal(t, "3", m.Header.MsgID)
	require.Equal(t, [][]byte{[]byte("xyz")}, m.Buffers)
}

func TestFramesThatAreNoMessages(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, 1<<60)
	backwards := binary.LittleEndian.AppendUint64(nil, 2)
	backwards = binary.LittleEndian.AppendUint64(backwards, 24)
	backwards = binary.LittleEndian.AppendUint64(backwards, 8)
	for name, data := range map[string][]byte{"empty": nil, "huge count": huge, "backwards": backwards, "short": {6}} {
		_, err := message.Decode(data, true, true)
		require.Error(t, err, name)
		_, err = message.Decode(data, false, true)
		require.Error(t, err, name)
	}
	_, err := message.Decode([]byte(`{}`), true, false)
	require.ErrorContains(t, err, "text frame")
}

func FuzzDecode(f *testing.F) {
	for _, v1 := range []bool{true, false} {
		data, _ := message.Encode(sample(), v1)
		f.Add(data, v1, v1)
	}
	f.Fuzz(func(t *testing.T, data []byte, v1, binaryFrame bool) {
		m, err := message.Decode(data, v1, binaryFrame)
		if err == nil {
			_, err = message.Encode(m, v1)
			require.NoError(t, err)
		}
	})
}
