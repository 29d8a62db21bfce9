package har

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/reporttest"
	"binderhub-smoke/smoke/wire"
)

// archive is an archive as its readers see it.
type archive struct {
	Log struct {
		Version string
		Creator creator
		Pages   []page
		Entries []entry
	}
}

func written(t *testing.T, secrets ...string) archive {
	t.Helper()
	dir := t.TempDir()
	r := reporttest.Write(t, dir, 10, secrets...)
	var b bytes.Buffer
	w := NewWriter(&b, "0.1.0")
	w.Add(evidence.Read(dir, r, 0))
	require.NoError(t, w.Close())
	var a archive
	require.NoError(t, json.Unmarshal(b.Bytes(), &a))
	return a
}

func TestAnArchiveIsWhole(t *testing.T) {
	a := written(t)
	assert.Equal(t, "1.2", a.Log.Version)
	assert.Equal(t, creator{"binderhub-smoke", "0.1.0"}, a.Log.Creator)
	require.Len(t, a.Log.Entries, 11)
	pages := map[string]bool{}
	for _, p := range a.Log.Pages {
		assert.False(t, pages[p.ID], "each page once")
		pages[p.ID] = true
	}
	clients := map[string]int{}
	for _, e := range a.Log.Entries {
		assert.True(t, pages[e.PageRef], "%s is a page", e.PageRef)
		clients[e.Client]++
		_, err := time.Parse(time.RFC3339, e.Started)
		assert.NoError(t, err)
		assert.NotNil(t, e.Request.Headers)
		assert.NotNil(t, e.Request.QueryString)
		assert.NotNil(t, e.Response.Headers)
		assert.InDelta(t, e.Timings.sum(), e.Time, 0.001)
		for _, phase := range []float64{e.Timings.Blocked, e.Timings.Wait, e.Timings.Receive} {
			assert.GreaterOrEqual(t, phase, 0.0)
		}
	}
	assert.Equal(t, map[string]int{"raw": 2, "browser": 8, "probe": 1}, clients, "both clients are in it, and the probes")
}

func TestAnExchangeInPhases(t *testing.T) {
	e := written(t).Log.Entries[0]
	assert.Equal(t, reporttest.Name+"/binder-host/page", e.PageRef)
	assert.Equal(t, "2026-05-01T03:00:00.010Z", e.Started)
	assert.Equal(t, timings{Blocked: 1, DNS: 2, Connect: 8, SSL: 5, Wait: 39, Receive: 3}, e.Timings)
	assert.InDelta(t, 53, e.Time, 0.001)
	assert.Equal(t, "192.0.2.1", e.ServerIP)
	assert.Equal(t, "h2", e.Response.HTTPVersion)
	assert.Equal(t, 502, e.Response.Status)
	assert.Equal(t, int64(90000), e.Response.Content.Size)
	assert.Equal(t, "the first bytes only", e.Response.Content.Comment)
	assert.Equal(t, []pair{{"token", "[redacted]"}}, e.Request.QueryString)
}

func TestAnEventStreamIsInTheArchive(t *testing.T) {
	for _, e := range written(t).Log.Entries {
		if e.ResourceType != "eventsource" {
			continue
		}
		require.Len(t, e.Events, 3)
		assert.Equal(t, event{epoch(evidence.Target{Started: reporttest.Began}, 200*time.Millisecond), "keepalive", true}, e.Events[0])
		assert.Contains(t, e.Response.Content.Text, ":keepalive\n\ndata: ")
		assert.Contains(t, e.Response.Error, "the build failed")
		return
	}
	assert.Fail(t, "there is no event stream")
}

func TestWebsocketMessagesAsDevToolsWriteThem(t *testing.T) {
	for _, e := range written(t).Log.Entries {
		if e.ResourceType != "websocket" {
			continue
		}
		assert.Equal(t, 101, e.Response.Status)
		assert.Equal(t, "It was still open when the recording ended.", e.Comment)
		require.Len(t, e.Messages, 3)
		assert.Equal(t, message{"send", 1777604400.53, 1, `{"msg":"execute"}`, 20}, e.Messages[0])
		binary, err := base64.StdEncoding.DecodeString(e.Messages[2].Data)
		require.NoError(t, err)
		assert.Contains(t, string(binary), "gpj.exe", "a binary message is in base64")
		return
	}
	assert.Fail(t, "there is no websocket")
}

func TestAnExchangeWithoutAnAnswer(t *testing.T) {
	x := &wire.Exchange{Open: wire.Open{Type: wire.TypeHTTP, Method: "GET", URL: "https://h.test/%zz?a=%zz&b=1+2", At: time.Second}, Close: &wire.Close{Symptom: wire.TCPRefused, At: 2 * time.Second}}
	e := entryOf(evidence.Target{}, x)
	assert.Equal(t, 0, e.Response.Status)
	assert.Equal(t, "tcp-refused", e.Response.Error)
	assert.InDelta(t, 1000, e.Timings.Wait, 0.001, "all of it was waiting")
	assert.Equal(t, []pair{{"a", "%zz"}, {"b", "1 2"}}, query("a=%zz&b=1+2"))
}

func TestADecodedQueryGivesNoSecretAway(t *testing.T) {
	assert.Equal(t, []pair{{"next", "/user/x?token=[redacted]"}}, query("next=%2Fuser%2Fx%3Ftoken%3Dabcdef123456"))
}
