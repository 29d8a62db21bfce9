package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"github.com/tmaxmax/go-sse"
)

// tapped parses a stream as a Stream does.
func tapped(r io.Reader) (events, comments []string, order string, err error) {
	tap := &tap{r: r}
	tap.comment = func(c string) { comments, order = append(comments, c), order+":" }
	for e, bad := range sse.Read(tap, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if bad != nil {
			return events, comments, order, bad
		}
		events, order = append(events, e.Data), order+"d"
	}
	return events, comments, order, nil
}

// However a stream is cut into pieces, the same comes of it; and the tap changes no event.
func FuzzTap(f *testing.F) {
	for _, s := range []string{"data: a\n\n:keepalive\n\ndata: b\n\n", "data: a\r\n\r\n:x\r\ndata: b\r\r", "\uFEFF:x\n\n\n\n", "data", ":", "\r\n\r\n", "data: a\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, comments, order, err := tapped(bytes.NewReader(b))
		require.NoError(t, err)
		for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(b)), iotest.HalfReader(bytes.NewReader(b)), iotest.DataErrReader(bytes.NewReader(b))} {
			e, c, o, err := tapped(r)
			require.NoError(t, err)
			require.Equal(t, whole, e)
			require.Equal(t, comments, c)
			require.Equal(t, order, o)
		}
		var plain []string
		for e, err := range sse.Read(bytes.NewReader(b), nil) {
			if err != nil {
				return
			}
			plain = append(plain, e.Data)
		}
		require.Equal(t, plain, whole)
		for _, c := range comments {
			require.LessOrEqual(t, len(c), maxComment)
		}
	})
}

func TestTapIsBounded(t *testing.T) {
	for _, endless := range []string{"x", "data: x\n", ":x\n"} {
		tap := &tap{r: endlessly(endless), comment: func(string) {}}
		n, err := io.Copy(io.Discard, tap)
		require.Error(t, err)
		require.LessOrEqual(t, n, int64(maxEvent))
		require.LessOrEqual(t, cap(tap.buf), 4*maxEvent)
	}
}

type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) {
	return copy(p, strings.Repeat(e.text, len(p)/len(e.text))), nil
}

func endlessly(text string) io.Reader { return endless{text} }

// Frame headers are read the same however the bytes are cut, and never beyond the bytes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x89\x00\x01\x01a\x80\x01b\x88\x02\x03\xe8"), 3)
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x80\x00\x00\x00x"), 1)
	f.Add([]byte("\x81\x82abcdxx"), 2)
	f.Fuzz(func(t *testing.T, b []byte, chunk int) {
		chunk = 1 + (chunk%64+64)%64
		for _, server := range []bool{true, false} {
			read := func(n int) (frames []Frame, texts []string, failed bool) {
				p := frameParser{server: server, header: func() {}}
				p.frame = func(f Frame, b []byte) { frames, texts = append(frames, f), append(texts, string(b)) }
				for rest := b; len(rest) > 0 && !failed; {
					cut := min(n, len(rest))
					failed = p.feed(rest[:cut]) != nil
					rest = rest[cut:]
				}
				require.LessOrEqual(t, len(p.head), 14)
				return frames, texts, failed
			}
			frames, texts, failed := read(len(b) + 1)
			again, textsAgain, failedAgain := read(chunk)
			require.Equal(t, frames, again)
			require.Equal(t, texts, textsAgain)
			require.Equal(t, failed, failedAgain)
			for _, s := range texts {
				require.LessOrEqual(t, len(s), min(len(b), framePrefix))
			}
		}
	})
}

func TestMaskedFramesThatWeSend(t *testing.T) {
	var got []string
	p := frameParser{header: func() {}, frame: func(f Frame, b []byte) { got = append(got, string(b)) }}
	masked := []byte("\x81\x85abcd")
	for i, c := range []byte("hello") {
		masked = append(masked, c^"abcd"[i%4])
	}
	for _, c := range masked {
		require.NoError(t, p.feed([]byte{c}))
	}
	require.Equal(t, []string{"hello"}, got)
}
