package jupyter_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestAFileIsWrittenAsItIs(t *testing.T) {
	content := bytes.Repeat([]byte{0, 0xff, '"', '\\', '<', '\n'}, 1000)
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		var got struct {
			Type, Format string
			Content      []byte
		}
		if json.NewDecoder(r.Body).Decode(&got) != nil || got.Type != "file" || got.Format != "base64" || !bytes.Equal(got.Content, content) ||
			r.Method != http.MethodPut || r.URL.Path != "/user/x/api/contents/100% ä.bin" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answering(201, "application/json", "{}")(w, r)
	})
	require.NoError(t, s.WriteFile(within(t, 5*time.Second), "100% ä.bin", content))
	require.Equal(t, wire.Status, fault(t, s.WriteFile(within(t, 5*time.Second), "100% ä.bin", content[1:])).Symptom)
}

// Where a proxy has the Authorization header to itself, every request has the token in its query.
func TestTheTokenMayTravelInTheQuery(t *testing.T) {
	asked := make(chan *http.Request, 10)
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		answering(201, "application/json", "{}")(w, r)
	}).TokenInURL()
	ctx := within(t, 5*time.Second)
	for name, ask := range map[string]func(){
		"write":   func() { _ = s.WriteFile(ctx, "x", []byte("x")) },
		"compare": func() { _ = s.CompareFile(ctx, "x", []byte("x")) },
		"upload":  func() { _ = s.Upload(ctx, "x.ipynb", json.RawMessage("{}")) },
		"list":    func() { _ = s.Authenticated(ctx) },
	} {
		ask()
		r := <-asked
		require.Equal(t, s.Token(), r.URL.Query().Get("token"), name)
		require.Empty(t, r.Header.Get("Authorization"), name)
	}
}

func TestAFileIsCompared(t *testing.T) {
	content := bytes.Repeat([]byte("?>~ a file "), 100)
	model := func(base64 string) string { return `{"name": "x", "content": "` + base64 + `", "format": "base64"}` }
	encoded := base64.StdEncoding.EncodeToString(content)
	require.Contains(t, encoded, "/")
	for name, c := range map[string]struct {
		body string
		want wire.Symptom
	}{
		"in one line":        {model(encoded), ""},
		"in lines":           {model(regexp.MustCompile(`.{76}`).ReplaceAllString(encoded, `$0\n`) + `\n`), ""},
		"slashes escaped":    {model(strings.ReplaceAll(encoded, "/", `\/`)), ""},
		"one byte another":   {model("A" + encoded[1:]), wire.Content},
		"the end is gone":    {model(encoded[:len(encoded)-4]), wire.Content},
		"nothing":            {model(""), wire.Content},
		"not the content":    {`{"name": "x", "content": null}`, wire.Content},
		"no JSON":            {"<html>", wire.Content},
		"more than there is": {model(encoded[:len(encoded)-4] + "AAAA" + encoded[len(encoded)-4:]), wire.Content},
	} {
		err := server(t, answering(200, "application/json", c.body)).CompareFile(within(t, 5*time.Second), "x", content)
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, c.want, fault(t, err).Symptom, name)
	}
	err := server(t, answering(200, "application/json", model(""))).CompareFile(within(t, 5*time.Second), "x", nil)
	require.NoError(t, err)
}
