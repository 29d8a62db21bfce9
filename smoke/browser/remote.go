package browser

import (
	"context"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"

	"binderhub-smoke/smoke/wire"
)

// attach connects to a browser that runs elsewhere. An address without a path is asked for the rest. Its first tab stays
// empty: ours gets cookies and a cache of its own.
func (b *Browser) attach(ctx, life context.Context, o Options) (context.Context, context.CancelFunc, error) {
	b.notes = append(b.notes, "the browser runs elsewhere (SMOKE_BROWSER), with its own DNS and its own trust")
	b.rec.elsewhere = o.Resolve
	pool, closePool := remote.NewAllocator(life, o.Remote)
	first, closeFirst := chromedp.NewContext(pool, silent...)
	stop := context.AfterFunc(ctx, closeFirst)
	defer stop()
	err := chromedp.Do(first)
	if err != nil {
		err = &wire.Fault{
			Subject: "The browser that SMOKE_BROWSER names", Symptom: wire.Unavailable, Inconclusive: true, Want: "an answer of its remote debugging",
			Got: strings.ReplaceAll(err.Error(), o.Remote, "its address") + "; start it with --remote-debugging-port, and see that the port is reached from here", Err: err,
		}
	}
	return first, func() { closeFirst(); closePool() }, err
}

// silent keeps chromedp from writing to our standard error.
var silent = []chromedp.ContextOption{chromedp.WithLogf(func(string, ...any) {}), chromedp.WithErrorf(func(string, ...any) {})}

// profile keeps our tab apart from what else a browser elsewhere has open. One that is started for us has a profile of its own.
func profile(o Options) []chromedp.ContextOption {
	if o.Remote == "" {
		return slices.Clone(silent)
	}
	return []chromedp.ContextOption{chromedp.WithNewBrowserContext()}
}

// display looks for one where the browser is to be shown.
func (b *Browser) display(o Options) error {
	if !o.Headed || runtime.GOOS != "linux" || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" {
		return nil
	}
	return &wire.Fault{
		Subject: "The browser", Symptom: wire.Unavailable, Inconclusive: true, Want: "a display to show the browser on (SMOKE_HEADED)",
		Got: "neither DISPLAY nor WAYLAND_DISPLAY; leave SMOKE_HEADED out, or run under xvfb-run",
	}
}

// reached checks that a browser elsewhere goes where the user says that a host is: it has DNS of its own, and may well test
// the cluster that is to be replaced.
func (r *recorder) reached(q *request) {
	u, err := url.Parse(q.url)
	if err != nil || q.response.Remote == "" || q.visit != r.visit {
		return
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	want, ok := r.elsewhere[strings.ToLower(net.JoinHostPort(u.Hostname(), port))]
	if !ok || want == q.response.Remote {
		return
	}
	r.raise(&wire.Fault{
		Subject: "The browser that SMOKE_BROWSER names", URL: q.url, Symptom: wire.ClientFailed, Inconclusive: true,
		Want: "it to go to " + want + " as SMOKE_RESOLVE says", Got: "an answer from " + q.response.Remote +
			"; start that browser with --host-resolver-rules=" + `"` + resolverRules(r.elsewhere) + `"`,
		Exchanges: []wire.ExchangeID{q.exchange},
	})
}
