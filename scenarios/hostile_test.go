package scenarios_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// evil would clear the screen, name the window, end a line, turn the direction of writing and run a script.
const evil = "\x1b[2J\x1b]0;owned\x07\r\n\u202e\u009b31m</script><script>alert(1)</script>\"'{{.}}%s\x00"

// quoted is evil inside JSON.
func quoted() string {
	text, _ := json.Marshal(evil)
	return string(text)
}

// printed runs the suite and returns what a person sees of it, and the directory of its report.
func printed(t *testing.T, target smoke.Target) (r smoke.TargetResult, screen, dir string) {
	t.Helper()
	dir = t.TempDir()
	written, err := report.NewJSON(dir)
	require.NoError(t, err)
	var progress bytes.Buffer
	run, err := smoke.Start(context.Background(), smoke.Options{
		Settings: smoke.Settings{Targets: []smoke.Target{target}, Timeout: time.Minute, Grace: 500 * time.Millisecond, Out: dir},
		Version:  smoke.Version, Scenarios: scenarios.All(nil), Observers: []smoke.Observer{written, report.NewProgress(&progress, report.Terminal{})},
	})
	require.NoError(t, err)
	defer run.Close()
	result := run.Wait()
	require.NoError(t, written.Err())
	return result.Targets[0], progress.String() + report.Screen{Out: dir}.Render(result), dir
}

// requireTame wants nothing on the screen that a terminal obeys, and nothing in the files that is not JSON of one line each.
func requireTame(t *testing.T, screen, dir string) {
	t.Helper()
	for _, c := range screen {
		require.False(t, c != '\n' && (c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u202e'), "%q on the screen\n%q", c, screen)
	}
	require.NotContains(t, screen, "\nowned")
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(text), "<script>", path)
		require.NotContains(t, strings.ReplaceAll(string(text), "\t", ""), "\x1b", path)
		if filepath.Ext(path) == ".json" {
			require.True(t, json.Valid(text), path)
		}
		if filepath.Ext(path) == ".ndjson" {
			for line := range strings.Lines(string(text)) {
				require.True(t, json.Valid([]byte(line)), "%s: %q", path, line)
			}
		}
		return nil
	}))
}

// Whatever a server says, in whatever place, it is words: on the screen and in every file of the report.
func TestHostileWords(t *testing.T) {
	header := func(name, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(name, value)
			w.WriteHeader(http.StatusFound)
		}
	}
	const tame = "\u202e\u009b31m<script>alert(1)</script>" // what a header can hold
	page := `<html><title>` + evil + `</title>` + evil
	for name, c := range map[string]struct {
		step   string
		binder map[string]http.HandlerFunc
		hub    http.HandlerFunc
	}{
		"a title":              {"binder-host/page", map[string]http.HandlerFunc{"/": text(200, "text/html", page)}, nil},
		"a redirect":           {"binder-host/page", map[string]http.HandlerFunc{"/": header("Location", tame)}, nil},
		"a type of content":    {"binder-host/page", map[string]http.HandlerFunc{"/": text(200, tame, "")}, nil},
		"a product's name":     {"binder-host/page", map[string]http.HandlerFunc{"/": header("Server", tame)}, nil},
		"a page's settings":    {"binder-host/page", map[string]http.HandlerFunc{"/": text(200, "text/html", `window.pageConfig = {"baseUrl": `+quoted()+`};`)}, nil},
		"health":               {"binder-host/health", map[string]http.HandlerFunc{"/health": text(503, "application/json", `{"ok": false, "checks": [{"service": `+quoted()+`, "ok": false}]}`)}, nil},
		"versions":             {"binder-host/health", map[string]http.HandlerFunc{"/versions": text(200, "application/json", `{"binderhub": `+quoted()+`, `+quoted()+`: 1}`)}, nil},
		"providers":            {"binder-host/providers", map[string]http.HandlerFunc{"/api/repoproviders": text(200, "application/json", `[{"id": `+quoted()+`}]`)}, nil},
		"a path as it arrived": {"binder-host/encoded", map[string]http.HandlerFunc{"/v2/": func(w http.ResponseWriter, r *http.Request) { binderPage(w, r, evil) }}, nil},
		"the hub's version":    {"hub-host/api", nil, text(200, "application/json", `{"Version": [`+quoted()+`]}`)},
		"the hub's page":       {"hub-host/api", nil, text(503, "text/html", page)},
		"why it failed":        {"launch/build", map[string]http.HandlerFunc{"/build/": stream(inOrder, `data: {"phase":"failed","message":`+quoted()+`}`)}, nil},
		"a phase":              {"launch/build", map[string]http.HandlerFunc{"/build/": stream(inOrder, `data: {"phase":`+quoted()+`,"message":`+quoted()+`}`)}, nil},
		"no JSON":              {"launch/build", map[string]http.HandlerFunc{"/build/": stream(inOrder, "data: "+evil, ": "+evil)}, nil},
		"where the server is":  {"launch/spawn", map[string]http.HandlerFunc{"/build/": stream(inOrder, built, `data: {"phase":"ready","url":`+quoted()+`,"token":`+quoted()+`}`)}, nil},
		"a server's place":     {"launch/spawn", map[string]http.HandlerFunc{"/build/": stream(inOrder, built, fmt.Sprintf(`data: {"phase":"ready","url":%q}`, "http://127.0.0.1:1/user/"+tame))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, screen, dir := printed(t, smoke.Target{
				Name: "hostile", Binder: serve(t, healthyBinder(c.binder)), Hub: serve(t, c.hub), UI: true, Spec: "gh/owner/repository/HEAD",
				Scenarios: []string{c.step}, Repeat: 2, Expect: smoke.Expect{Versions: map[string]string{"binderhub": "9.9"}},
			})
			require.Contains(t, []smoke.Verdict{smoke.Failed, smoke.Inconclusive}, step(t, r, c.step).Verdict, overview(r))
			requireTame(t, screen, dir)
		})
	}
}
