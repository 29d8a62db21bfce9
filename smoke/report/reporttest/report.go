// Package reporttest makes report directories for the tests of what reads them: a run on a target that is broken, as the
// suite's own clients would have recorded it.
package reporttest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/wire"
)

// Hostile is what a server may say to break a page, a terminal or an archive.
const Hostile = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \x1b]0;owned\x07 \u202egpj.exe {{.}} ]]> \u2028 --> '\"`"

// Name is the name of the target.
const Name = "broken"

// Began is when the run began.
var Began = time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)

// Write makes the report of a run in a directory: report.json, a timeline with at least so many exchanges, and a screenshot.
// What secrets there are was planted in all that a server can say, raw and encoded.
func Write(t *testing.T, dir string, exchanges int, secrets ...string) smoke.Result {
	t.Helper()
	target := filepath.Join(dir, "targets", Name)
	require.NoError(t, os.MkdirAll(target, 0o755))
	shot, err := picture()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(target, "notebook-open.png"), shot, 0o644))
	var lines bytes.Buffer
	parsed := func(text string) *url.URL {
		u, err := url.Parse(text)
		require.NoError(t, err)
		return u
	}
	places := wire.NewPlaces(parsed("https://binder.example.org/"), parsed("https://hub.example.org/"))
	r := &recorder{timeline: wire.NewTimeline(Began, wire.NewRedactor(secrets...), places, &lines, wire.Limits{}), secrets: secrets}
	r.run(exchanges)
	require.NoError(t, r.timeline.Flush())
	require.NoError(t, os.WriteFile(filepath.Join(target, "timeline.ndjson"), lines.Bytes(), 0o644))
	result := result()
	b, err := json.Marshal(result)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.json"), b, 0o644))
	return result
}

// picture is a screenshot, with something in it that does not compress well.
var picture = sync.OnceValues(func() ([]byte, error) {
	p := image.NewRGBA(image.Rect(0, 0, 1280, 100))
	for i := range p.Pix {
		p.Pix[i] = uint8(i * (i >> 12))
	}
	var b bytes.Buffer
	err := png.Encode(&b, p)
	return b.Bytes(), err
})

// recorder plays the clients.
type recorder struct {
	timeline *wire.Timeline
	secrets  []string
}

// said is a server's text with all secrets in it, in every form, and so long before one that a cut goes through it.
func (r *recorder) said() string {
	text := Hostile
	for _, s := range r.secrets {
		encoded := base64.StdEncoding.EncodeToString([]byte("user:" + s + ":end"))
		text += fmt.Sprintf(" %s %s %s %s", s, url.QueryEscape(s), encoded, url.QueryEscape(encoded))
	}
	return text
}

// cut is a text in which a bound falls into the middle of each secret.
func (r *recorder) cut(bound int) (texts []string) {
	for _, s := range append(r.secrets, "") {
		texts = append(texts, string(bytes.Repeat([]byte("x"), max(0, bound-len(s)/2)))+s+"end")
	}
	return texts
}

func at(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func (r *recorder) run(exchanges int) {
	ctx := context.Background()
	r.timeline.AddAt(ctx, wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteRun, Run: &wire.RunStart{Schema: wire.Schema, Target: Name, Started: Began}}, 0)
	r.page(wire.WithStep(ctx, "binder-host", "page"))
	r.stream(wire.WithStep(ctx, "launch", "build"))
	r.socket(wire.WithStep(ctx, "kernel", "channel"))
	for i := range max(0, exchanges-3) {
		r.asset(wire.WithStep(ctx, "notebook", "open"), i)
	}
	open := wire.WithStep(ctx, "notebook", "open")
	r.timeline.AddAt(open, wire.Browser, 0, wire.KindConsole, wire.Console{Level: "error", Text: r.said()}, at(900))
	r.timeline.AddAt(ctx, wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteEnd}, at(9000))
}

// page is exchange 1: the binder host's ingress answers for BinderHub.
func (r *recorder) page(ctx context.Context) {
	t, u := r.timeline, "https://binder.example.org/?token="+url.QueryEscape(r.said())
	id := t.BeginAt(ctx, wire.Raw, wire.Open{Type: wire.TypeHTTP, Method: "GET", URL: u}, at(10))
	t.AddAt(ctx, wire.Raw, id, wire.KindDNS, wire.DNS{Host: "binder.example.org", Addresses: []string{"192.0.2.1"}, Seconds: wire.Seconds(at(2))}, at(12))
	t.AddAt(ctx, wire.Raw, id, wire.KindTCP, wire.TCP{Address: "192.0.2.1:443", Seconds: wire.Seconds(at(3))}, at(15))
	t.AddAt(ctx, wire.Raw, id, wire.KindTLS, wire.TLS{ServerName: "binder.example.org", Version: "TLS 1.3", ALPN: "h2", Seconds: wire.Seconds(at(5)),
		Certificates: []wire.Certificate{{Subject: "CN=binder.example.org", Issuer: "CN=R3", NotBefore: Began, NotAfter: Began.AddDate(0, 3, 0)}}}, at(20))
	t.AddAt(ctx, wire.Raw, id, wire.KindRequest, wire.Request{Method: "GET", URL: u, Header: r.header("Authorization", "Cookie", "X-Xsrftoken")}, at(21))
	t.AddAt(ctx, wire.Raw, id, wire.KindResponse, wire.Response{Status: 502, Reason: "Bad Gateway", Proto: "HTTP/2.0", Header: r.header("Set-Cookie", "Location"), Remote: "192.0.2.1:443"}, at(60))
	t.AddAt(ctx, wire.Raw, id, wire.KindBody, wire.Body{Bytes: 90000, Prefix: r.said()}, at(62))
	t.AddAt(ctx, wire.Raw, id, wire.KindClose, wire.Close{}, at(63))
	for _, text := range r.cut(2048) {
		id := t.BeginAt(ctx, wire.Probe, wire.Open{Type: wire.TypeHTTP, Method: "GET", URL: "https://binder.example.org/health"}, at(70))
		t.AddAt(ctx, wire.Probe, id, wire.KindResponse, wire.Response{Status: 200, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"text/html"}}}, at(80))
		t.AddAt(ctx, wire.Probe, id, wire.KindBody, wire.Body{Bytes: 5000, Prefix: text}, at(81))
		t.AddAt(ctx, wire.Probe, id, wire.KindClose, wire.Close{}, at(82))
	}
}

func (r *recorder) header(names ...string) http.Header {
	h := http.Header{"Server": {"nginx/1.27.0"}, "Content-Type": {"text/html"}, "X-Said": {Hostile}}
	for _, name := range names {
		for _, s := range r.secrets {
			h.Add(name, "token="+s)
		}
	}
	return h
}

// stream is BinderHub's event stream.
func (r *recorder) stream(ctx context.Context) {
	t := r.timeline
	id := t.BeginAt(ctx, wire.Raw, wire.Open{Type: wire.TypeStream, Method: "GET", URL: "https://binder.example.org/build/gh/o/r/HEAD"}, at(100))
	t.AddAt(ctx, wire.Raw, id, wire.KindResponse, wire.Response{Status: 200, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"text/event-stream"}}}, at(150))
	t.AddAt(ctx, wire.Raw, id, wire.KindEvent, wire.Event{Comment: true, Data: "keepalive"}, at(200))
	for i, text := range append(r.cut(4096), `{"phase":"failed","message":"`+r.said()+`"}`) {
		t.AddAt(ctx, wire.Raw, id, wire.KindEvent, wire.Event{Data: text}, at(300+i))
	}
	t.AddAt(ctx, wire.Raw, id, wire.KindClose, wire.Close{Symptom: wire.PhaseFailed, Error: "the build failed: " + r.said()}, at(400))
}

// socket is a kernel channel that nobody closed.
func (r *recorder) socket(ctx context.Context) {
	t := r.timeline
	id := t.BeginAt(ctx, wire.Browser, wire.Open{Type: wire.TypeWebSocket, Method: "GET", URL: "wss://hub.example.org/user/jo/api/kernels/k/channels", Resource: "WebSocket"}, at(500))
	t.AddAt(ctx, wire.Browser, id, wire.KindResponse, wire.Response{Status: 101, Proto: "HTTP/1.1"}, at(520))
	t.AddAt(ctx, wire.Browser, id, wire.KindFrame, wire.Frame{Direction: wire.Sent, Opcode: wire.OpText, Size: 20, Data: `{"msg":"execute"}`}, at(530))
	for i, text := range append(r.cut(512), r.said()) {
		t.AddAt(ctx, wire.Browser, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpBinary, Size: 4000, Data: text}, at(540+i))
	}
}

// asset is one of the browser's many.
func (r *recorder) asset(ctx context.Context, i int) {
	t, began := r.timeline, at(600+i)
	u := fmt.Sprintf("https://hub.example.org/user/jo/static/lab/chunk.%d.js?v=%d", i, i*7919)
	id := t.BeginAt(ctx, wire.Browser, wire.Open{Type: wire.TypeHTTP, Method: "GET", URL: u, Resource: "Script"}, began)
	t.AddAt(ctx, wire.Browser, id, wire.KindRequest, wire.Request{Method: "GET", URL: u, Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"Mozilla/5.0"}}}, began+at(1))
	t.AddAt(ctx, wire.Browser, id, wire.KindResponse, wire.Response{Status: 200, Proto: "h2", Header: http.Header{"Content-Type": {"application/javascript"}, "Etag": {fmt.Sprint(i)}}}, began+at(30))
	t.AddAt(ctx, wire.Browser, id, wire.KindBody, wire.Body{Bytes: 1000}, began+at(40))
	t.AddAt(ctx, wire.Browser, id, wire.KindClose, wire.Close{}, began+at(40))
}

// Large is the evidence of a run with many exchanges, without a directory.
func Large(exchanges int) evidence.Target {
	t := evidence.Target{Result: result().Targets[0], Started: Began}
	for i := range exchanges {
		u, began := fmt.Sprintf("https://hub.example.org/user/jo/static/lab/chunk.%d.js?v=%d", i, i*7919), at(600+i)
		t.Exchanges = append(t.Exchanges, &wire.Exchange{
			ID: wire.ExchangeID(i + 1), Client: wire.Browser, Scenario: "notebook", Step: "open",
			Open:     wire.Open{Type: wire.TypeHTTP, Role: wire.RoleServer, Method: "GET", URL: u, Resource: "Script", At: began},
			Request:  &wire.Request{Method: "GET", URL: u, Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"Mozilla/5.0"}}, At: began + at(1)},
			Response: &wire.Response{Status: 200, Proto: "h2", Header: http.Header{"Content-Type": {"application/javascript"}, "Etag": {fmt.Sprint(i)}}, At: began + at(30)},
			Body:     &wire.Body{Bytes: 1000, At: began + at(40)}, Close: &wire.Close{At: began + at(40)},
		})
	}
	return t
}

func seconds(f float64) wire.Seconds { return wire.Seconds(f * float64(time.Second)) }

func ago(f float64) *wire.Seconds { s := seconds(f); return &s }

// result is what such a run came to.
func result() smoke.Result {
	return smoke.Result{
		Schema: smoke.Schema, RunID: "1a2b3c4d", SuiteVersion: "0.1.0", Started: Began, Seconds: seconds(31.4), Verdict: smoke.Failed, Ended: smoke.EndedNormal,
		Targets: []smoke.TargetResult{{
			Name: Name, Binder: "https://binder.example.org/", Hub: "https://hub.example.org/", Verdict: smoke.Failed, NotTried: []string{"terminal (needs launch)"},
			Notes: []string{"a note with " + Hostile}, Changes: []string{"launch 3.1 × the median of 20 runs (31.0 s, before: 10.0 s)"},
			Scenarios: []smoke.ScenarioResult{
				{Name: "binder-host", Proves: "the binder host answers as BinderHub", Verdict: smoke.Failed, Seconds: seconds(1.2), Steps: []smoke.StepResult{
					{Name: "page", Verdict: smoke.Failed, Seconds: seconds(0.31), BudgetSeconds: seconds(20), ProvedAt: ago(0.06), FailedAt: ago(0.07),
						Finding: Name + "|binder|upstream-refused", Reason: "expected 200 text/html, got 502 " + Hostile},
					{Name: "health", Verdict: smoke.Blocked, Reason: "needs page"}}},
				{Name: "notebook", Proves: "a person sees the output in a real browser", Verdict: smoke.Pass, Seconds: seconds(9), Steps: []smoke.StepResult{
					{Name: "open", Verdict: smoke.Pass, Seconds: seconds(9), BudgetSeconds: seconds(10), Screenshot: "targets/" + Name + "/notebook-open.png"}}},
			},
			Findings: []diagnose.Finding{{
				Key: Name + "|binder|upstream-refused", Cause: "upstream-refused", Suspects: []string{"upstream-refused", "selector-overmatch"}, Hop: diagnose.HopIngress,
				Role: wire.RoleBinder, Severity: diagnose.Fail, Scenario: "binder-host", Step: "page", Summary: "The ingress answers for BinderHub, but cannot connect to it.",
				Remedy: "Compare the Service's selector with the pods' labels:\n\n    kubectl -n binder get endpoints binder\n", Link: "runbook.md#upstream-refused",
				Exchanges: []wire.ExchangeID{1}, URL: "https://binder.example.org/", Answered: "nginx/1.27.0", Expected: "200 text/html", Got: "502 " + Hostile}},
			Route: []diagnose.Route{
				{Host: "binder", Hops: []diagnose.RouteHop{
					{Hop: diagnose.HopClient, Name: "this machine", State: diagnose.StateOK}, {Hop: diagnose.HopDNS, Name: "binder.example.org", State: diagnose.StateOK, Seconds: ago(0.002), Measured: "lookup", Count: 3},
					{Hop: diagnose.HopLB, Name: "192.0.2.1:443", State: diagnose.StateOK, Seconds: ago(0.003), Measured: "connection", Count: 3}, {Hop: diagnose.HopTLS, Name: "TLS 1.3", State: diagnose.StateOK, Seconds: ago(0.005), Measured: "handshake", Count: 3},
					{Hop: diagnose.HopIngress, Name: "nginx/1.27.0 " + Hostile, State: diagnose.StateBroken, Cause: "upstream-refused", Adds: []string{"Server: nginx/1.27.0"}}}},
				{Host: "hub", Hops: []diagnose.RouteHop{
					{Hop: diagnose.HopClient, Name: "this machine", State: diagnose.StateOK}, {Hop: diagnose.HopIngress, Name: "nginx/1.27.0", State: diagnose.StateOK},
					{Hop: diagnose.HopCHP, Name: "CHP", State: diagnose.StateOK, Seconds: ago(0.012), Measured: "first byte", Count: 9}}},
			},
			Phases: []diagnose.Phase{{Name: "waiting", Seconds: seconds(0.5)}, {Name: "launching", Seconds: seconds(12)}},
			Leaked: []smoke.Leak{},
		}},
	}
}
