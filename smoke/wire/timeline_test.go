package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func timeline(sink *bytes.Buffer, limits wire.Limits) *wire.Timeline {
	if sink == nil {
		return wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(nil, nil), nil, limits)
	}
	return wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(nil, nil), sink, limits)
}

func dropped(tl *wire.Timeline) (notes []string) {
	for r := range tl.Records() {
		var n wire.Note
		if r.Kind == wire.KindNote && json.Unmarshal(r.Data, &n) == nil && n.Name == wire.NoteDropped {
			notes = append(notes, n.Text)
		}
	}
	return notes
}

func TestBoundOfAnExchange(t *testing.T) {
	tl, ctx := timeline(nil, wire.Limits{PerExchange: 5}), t.Context()
	full := tl.Begin(ctx, wire.Raw, wire.Open{})
	other := tl.Begin(ctx, wire.Raw, wire.Open{})
	for range 20 {
		tl.Add(ctx, wire.Raw, full, wire.KindEvent, wire.Event{Data: "x"})
	}
	tl.Add(ctx, wire.Raw, other, wire.KindEvent, wire.Event{Data: "x"})
	tl.Close(ctx, wire.Raw, full, wire.Close{})
	require.Equal(t, 16, tl.Dropped())
	require.Len(t, dropped(tl), 1)
	x := tl.Exchanges()
	require.Len(t, x[0].Events, 4)
	require.Len(t, x[0].Notes, 1)
	require.NotNil(t, x[0].Close, "the close of an exchange always has room")
	require.Len(t, x[1].Events, 1)
}

func TestBoundsOfATimeline(t *testing.T) {
	for name, limits := range map[string]wire.Limits{"records": {Records: 10}, "bytes": {Bytes: 700}, "both": {Records: 10, PerExchange: 3}} {
		tl, ctx := timeline(nil, limits), t.Context()
		id := tl.Begin(ctx, wire.Raw, wire.Open{})
		for range 100 {
			tl.Add(ctx, wire.Raw, id, wire.KindEvent, wire.Event{Data: strings.Repeat("x", 50)})
			tl.Add(ctx, wire.Raw, 0, wire.KindConsole, wire.Console{Text: strings.Repeat("x", 50)})
		}
		want := 1
		if name == "both" {
			want = 2
		}
		require.Len(t, dropped(tl), want, name)
		tl.Note(ctx, wire.Note{Name: wire.NoteStep, Text: "a step's end always has room"})
		tl.Close(ctx, wire.Raw, id, wire.Close{})
		all := slices.Collect(tl.Records())
		require.Equal(t, wire.KindClose, all[len(all)-1].Kind)
		require.Equal(t, wire.KindNote, all[len(all)-2].Kind)
		require.Less(t, len(all), 20)
		for i, r := range all {
			require.EqualValues(t, i+1, r.Seq)
		}
	}
}

// A page that asks for ever more must neither grow the timeline without end nor take the raw clients' room.
func TestTheBrowserCannotFillTheTimeline(t *testing.T) {
	tl, ctx := timeline(nil, wire.Limits{Records: 100}), t.Context()
	for range 1000 {
		id := tl.Begin(ctx, wire.Browser, wire.Open{})
		tl.Close(ctx, wire.Browser, id, wire.Close{})
	}
	require.Less(t, len(slices.Collect(tl.Records())), 100)
	id := tl.Begin(ctx, wire.Raw, wire.Open{URL: "x"})
	tl.Close(ctx, wire.Raw, id, wire.Close{})
	x := tl.Exchanges()
	require.Equal(t, "x", x[len(x)-1].Open.URL)
	require.NotNil(t, x[len(x)-1].Close)
}

func TestConcurrentRecords(t *testing.T) {
	var sink bytes.Buffer
	tl := timeline(&sink, wire.Limits{})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			ctx := wire.WithStep(context.Background(), "kernel", "execute")
			id := tl.Begin(ctx, wire.Raw, wire.Open{})
			for range 100 {
				tl.Add(ctx, wire.Raw, id, wire.KindFrame, wire.Frame{Size: 1})
				tl.Redactor().Learn(time.Now().String())
			}
			tl.Close(ctx, wire.Raw, id, wire.Close{})
			for range tl.Records() {
			}
		})
	}
	writers.Wait()
	require.NoError(t, tl.Flush())
	read, err := wire.ReadRecords(&sink)
	require.NoError(t, err)
	require.Len(t, read, 8*102)
	for _, x := range wire.Fold(slices.Values(read)) {
		require.Len(t, x.Frames, 100)
		require.NotNil(t, x.Close)
		require.Equal(t, "execute", x.Step)
	}
}

func TestRoundTrip(t *testing.T) {
	var sink bytes.Buffer
	tl, ctx := timeline(&sink, wire.Limits{}), wire.WithStep(t.Context(), "binder-host", "page")
	id := tl.BeginAt(ctx, wire.Browser, wire.Open{Type: wire.TypeHTTP, URL: "https://x/\x1b[31m<b>\u2028"}, 12345*time.Microsecond)
	for i := range 1000 {
		tl.AddAt(ctx, wire.Browser, id, wire.KindTCP, wire.TCP{Address: "a:1", Seconds: wire.Seconds(i * 1001)}, time.Duration(i*1_001_003))
	}
	tl.Note(ctx, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: "fail", Fault: &wire.Fault{Symptom: wire.EOF, Err: errors.New("x")}}})
	require.NoError(t, tl.Flush())
	first := sink.String()
	read, err := wire.ReadRecords(strings.NewReader(first))
	require.NoError(t, err)
	var again bytes.Buffer
	for _, r := range read {
		line, err := json.Marshal(r)
		require.NoError(t, err)
		again.Write(append(line, '\n'))
	}
	require.Equal(t, first, again.String(), "what is read and written again is the same")
	x := wire.Fold(slices.Values(read))
	require.Len(t, x, 1)
	require.Nil(t, x[0].Close, "still open")
	require.Equal(t, x[0].TCP[999].At, x[0].Ended())
	notes := wire.Notes(slices.Values(read))
	require.Equal(t, "page", notes[0].Step)
	require.Equal(t, wire.EOF, notes[0].Note.Step.Fault.Symptom)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestSinkThatFails(t *testing.T) {
	tl := wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(nil, nil), full{}, wire.Limits{})
	for range 1000 {
		tl.Add(t.Context(), wire.Raw, 0, wire.KindConsole, wire.Console{Text: strings.Repeat("x", 500)})
	}
	require.ErrorContains(t, tl.Flush(), "no space left")
	require.Len(t, slices.Collect(tl.Records()), 1000, "what is in memory is complete")
}

func TestReadRecordsNamesTheBadLine(t *testing.T) {
	read, err := wire.ReadRecords(strings.NewReader(`{"seq":1,"kind":"open","exchange":1}` + "\n\n" + `{"seq":2,"ki`))
	require.ErrorContains(t, err, "line 3")
	require.Len(t, read, 1)
	_, err = wire.ReadRecords(strings.NewReader(strings.Repeat("x", 5<<20)))
	require.Error(t, err)
}

// The largest payloads that a server can cause are lines that ReadRecords reads.
func TestLargestLine(t *testing.T) {
	var sink bytes.Buffer
	tl := timeline(&sink, wire.Limits{})
	chain := make([]wire.Certificate, 10)
	for i := range chain {
		chain[i].DNSNames = slices.Repeat([]string{strings.Repeat("\x01", 255)}, 100)
	}
	tl.Add(t.Context(), wire.Raw, 1, wire.KindTLS, wire.TLS{Certificates: chain})
	require.NoError(t, tl.Flush())
	_, err := wire.ReadRecords(&sink)
	require.NoError(t, err)
}

func FuzzReadRecords(f *testing.F) {
	f.Add(`{"seq":1,"at":0.5,"exchange":1,"client":"raw","kind":"open","data":{"type":"http"}}` + "\n" + `{"exchange":1,"kind":"frame","data":[]}`)
	f.Add(`{"at":1e300,"exchange":1,"kind":"close","data":{"code":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		read, _ := wire.ReadRecords(strings.NewReader(text))
		for _, x := range wire.Fold(slices.Values(read)) {
			x.Ended()
			x.Opened()
		}
		wire.Notes(slices.Values(read))
		for _, r := range read {
			first, err := json.Marshal(r)
			require.NoError(t, err)
			var again wire.Record
			require.NoError(t, json.Unmarshal(first, &again))
			second, err := json.Marshal(again)
			require.NoError(t, err)
			require.Equal(t, string(first), string(second))
		}
	})
}

func FuzzReadRecording(f *testing.F) {
	head := `{"seq":1,"at":0,"client":"raw","kind":"note","data":{"name":"run","run":{"schema":1,"target":"t","started":"2026-05-01T00:00:00Z"}}}` + "\n"
	f.Add(head + `{"seq":2,"at":1,"client":"raw","kind":"note","data":{"name":"end"}}` + "\n")
	f.Add(head + `{"seq":2,"at":1,"cli`)
	f.Add(strings.Replace(head, `"schema":1`, `"schema":7`, 1))
	f.Add(head + "\x00\n" + head)
	f.Fuzz(func(t *testing.T, text string) {
		rec, err := wire.ReadRecording(strings.NewReader(text))
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NotEmpty(t, rec.Records)
		require.LessOrEqual(t, rec.Run.Schema, wire.Schema)
		for _, x := range wire.Fold(slices.Values(rec.Records)) {
			x.Ended()
		}
	})
}
