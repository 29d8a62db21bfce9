package browser

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// openedNotebook is a browser with the double's notebook ready to run.
func openedNotebook(t *testing.T, kernel http.HandlerFunc) *double {
	d := newDouble(t, Options{}, lab().with(kernelRoute, kernel))
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	return d
}

func TestNotebook(t *testing.T) {
	d := newDouble(t, Options{}, lab())
	require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
	require.NoError(t, d.browser.WaitLab(limited(t, 20*time.Second)))
	for range 2 { // a second notebook in the same tab starts from nothing
		require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
		done, err := d.browser.RunAll(limited(t, 20*time.Second), 3)
		require.NoError(t, err)
		require.Len(t, done.Cells, 3)
		for i, code := range []string{"a", "b", "c"} {
			cell := done.Cells[i]
			require.Equal(t, code, cell.Code)
			require.Equal(t, "ok", cell.Status)
			require.Equal(t, "ran "+code+"\n", cell.Output)
			require.NotZero(t, cell.Exchange)
			require.Greater(t, cell.Done, cell.Sent)
		}
		require.NoError(t, d.browser.Rendered(limited(t, 20*time.Second), "ran c"))
	}
	requireFault(t, d.tl, d.browser.Rendered(limited(t, 300*time.Millisecond), "ran d"), wire.NotRendered)
}

// answering is a healthy kernel whose answers to executions are others.
func answering(answers ...answer) http.HandlerFunc {
	return kernelDouble(func(typ, code string) []answer {
		if typ == "execute_request" {
			return answers
		}
		return healthy(typ, code)
	})
}

func TestRunAllFails(t *testing.T) {
	failed := answer{"execute_reply", map[string]any{"status": "error", "ename": "ZeroDivisionError", "evalue": "division by zero"}}
	ok := answer{"execute_reply", map[string]any{"status": "ok"}}
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		answers []answer
		cells   int
		symptom wire.Symptom
		got     string
		budget  time.Duration
	}{
		"a cell raises":      {[]answer{failed, state("idle")}, 3, wire.CellError, "ZeroDivisionError: division by zero", 20 * time.Second},
		"no answer":          {nil, 3, wire.NoReply, "3 sent, and no end of number 1, 2, 3 in time", time.Second},
		"no idle":            {[]answer{ok}, 3, wire.NoReply, "3 sent, and no end of number 1, 2, 3 in time", time.Second},
		"no reply":           {[]answer{state("idle")}, 3, wire.NoReply, "3 sent, and no end of number 1, 2, 3 in time", time.Second},
		"too few sent":       {[]answer{ok, state("idle")}, 4, wire.NoReply, "3 sent and replied to", time.Second},
		"too many sent":      {[]answer{ok, state("idle")}, 2, wire.Content, "3", 20 * time.Second},
		"the kernel dies":    {[]answer{state("restarting")}, 3, wire.KernelDead, `the status "restarting"`, 20 * time.Second},
		"the socket is lost": {[]answer{{"hang up", nil}}, 3, wire.SocketLost, "its end while cells were running (no close frame)", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(lab().with(kernelRoute, answering(c.answers...)))
			require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
			began := time.Now()
			_, err := d.browser.RunAll(limited(t, c.budget), c.cells)
			require.Less(t, time.Since(began), 3*time.Second)
			f, x := requireFault(t, d.tl, err, c.symptom)
			require.Equal(t, c.got, f.Got)
			require.NotNil(t, x)
			require.Contains(t, x.Open.URL, kernelRoute)
		})
	}
}

func TestOpenNotebookWantsKernelAndCell(t *testing.T) {
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		handler http.Handler
		symptom wire.Symptom
		got     string
	}{
		"silent kernel":  {lab().with(kernelRoute, kernelDouble(func(string, string) []answer { return nil })), wire.NoReply, "an open websocket and no answer of the kernel in time"},
		"no kernel":      {lab().with("/user/jo-1/notebook", html(labPage)), wire.NoReply, "a page without it, and no websocket to a kernel"},
		"pending kernel": {lab().with(kernelRoute, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), wire.NoReply, "no answer to the websocket's handshake in time"},
		"hidden cells":   {lab().with("/user/jo-1/notebook", html(labPage+`<style>.cm-content { display: none }</style><script>notebook()</script>`)), wire.NotRendered, "a page without it"},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(c.handler)
			f, _ := requireFault(t, d.tl, d.browser.OpenNotebook(limited(t, 4*time.Second), notebookURL), c.symptom)
			require.Equal(t, c.got, f.Got)
		})
	}
}

// What Jupyter tells a person in a dialog ends the wait.
func TestDialog(t *testing.T) {
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", html(labPage+`<script>setTimeout(() => document.body.insertAdjacentHTML("beforeend",
		"<dialog open class=jp-Dialog><div class=jp-Dialog-content>Server Connection Error <button>Dismiss</button></div></dialog>"), 200)</script>`)))
	f, x := requireFault(t, d.tl, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL), wire.PageError)
	require.Contains(t, f.Got, "Server Connection Error")
	require.Equal(t, "Document", x.Open.Resource)
}

// A page that asks whether it may be left does not stop the journey.
func TestLeavingDialogIsAnswered(t *testing.T) {
	page := labPage + `<script>onbeforeunload = (e) => e.preventDefault(); notebook()</script>`
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", html(page)))
	learnHub(d)
	for range 2 {
		require.NoError(t, d.browser.OpenNotebook(limited(t, 10*time.Second), notebookURL))
		_, err := d.browser.RunAll(limited(t, 10*time.Second), 3) // clicks: without a person's gesture no page may ask
		require.NoError(t, err)
	}
}

func TestCrashEndsEveryWait(t *testing.T) {
	d := openedNotebook(t, answering())
	crashed := make(chan error, 1)
	go func() {
		_, err := d.browser.RunAll(limited(t, 20*time.Second), 3)
		crashed <- err
	}()
	require.NoError(t, d.browser.rec.wait(limited(t, 10*time.Second), func() bool { return len(d.browser.rec.kernel.executions) > 0 }))
	go command(limited(t, 5*time.Second), d.browser, page.Crash, struct{}{})
	f, _ := requireFault(t, d.tl, <-crashed, wire.Crashed)
	require.True(t, f.Inconclusive)
	requireFault(t, d.tl, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL), wire.Crashed)
	requireFault(t, d.tl, d.browser.WaitLab(limited(t, 20*time.Second)), wire.Crashed)
	var notes []string
	for _, n := range wire.Notes(d.tl.Records()) {
		if n.Note.Name == wire.NoteCrash {
			notes = append(notes, n.Note.Text)
		}
	}
	require.NotEmpty(t, notes)
}

func TestLostProcessEndsWait(t *testing.T) {
	d := openedNotebook(t, answering())
	time.AfterFunc(300*time.Millisecond, func() { d.browser.process().Kill() })
	_, err := d.browser.RunAll(limited(t, 20*time.Second), 3)
	requireFault(t, d.tl, err, wire.Crashed)
}

// Every method returns promptly when its context is cancelled, whatever the page does.
func TestCancel(t *testing.T) {
	held := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	handler := lab().with(kernelRoute, kernelDouble(func(typ, code string) []answer {
		if typ == "execute_request" {
			return nil
		}
		return healthy(typ, code)
	}))
	handler["hub.test/held/user/x/"], handler["/v2/held"], handler["/empty"] = held, held, html("")
	d := newDouble(t, Options{}, handler)
	b := d.browser
	learnHub(d)
	for _, c := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"Launch", func(ctx context.Context) error { _, err := b.Launch(ctx, binderURL+"v2/held"); return err }},
		{"OpenServer", func(ctx context.Context) error { return b.OpenServer(ctx, "http://hub.test/held/user/x/", "") }},
		{"OpenNotebook", func(ctx context.Context) error { return b.OpenNotebook(ctx, "http://hub.test/empty") }},
		{"WaitLab", b.WaitLab},
		{"Rendered", func(ctx context.Context) error { return b.Rendered(ctx, "x") }},
		{"RunAll without a menu", func(ctx context.Context) error { _, err := b.RunAll(ctx, 3); return err }},
		{"RunAll", func(ctx context.Context) error {
			require.NoError(t, b.OpenNotebook(limited(t, 10*time.Second), notebookURL))
			_, err := b.RunAll(ctx, 3)
			return err
		}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var at time.Time
		time.AfterFunc(time.Second, func() { at = time.Now(); cancel() })
		f, _ := requireFault(t, d.tl, c.do(ctx), wire.Cancelled)
		require.True(t, f.Inconclusive, c.name)
		require.ErrorIs(t, f, context.Canceled)
		require.Less(t, time.Since(at), 500*time.Millisecond, c.name)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Screenshot(over)
	require.ErrorIs(t, err, context.Canceled)
}
