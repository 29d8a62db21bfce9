package browser

import (
	"context"
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
	b.rec.remote, b.rec.elsewhere = true, o.Resolve
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
	if want := r.told(q); want != "" && q.response.Remote != "" && q.visit == r.visit && want != q.response.Remote {
		r.raise(r.otherwise(q, want, "an answer from "+q.response.Remote))
	}
}

// astray raises the fault of a request of ours that a browser elsewhere could not make for reasons of its own: its DNS, its
// trust, or that it does not know where the user says that the host is. The raw clients say how the deployment is.
func (r *recorder) astray(q *request, c wire.Close) bool {
	if !r.remote || !q.ours() {
		return false
	}
	want := r.told(q)
	switch c.Symptom {
	case wire.TLSAuthority:
		f := r.otherwise(q, "", c.Error)
		f.Want = "it to trust the target's certificate, and SMOKE_CA where that is set"
		f.Got += "; add the authority to its trust and start it again (on Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n smoke -i <file>)"
		r.raise(f)
	case wire.DNSNotFound, wire.DNSFailed:
		r.raise(r.otherwise(q, want, c.Error))
	case wire.TCPRefused, wire.TCPTimeout, wire.TCPUnreachable:
		if want == "" {
			return false
		}
		r.raise(r.otherwise(q, want, c.Error))
	default:
		return false
	}
	return true
}

// told is where the user says that a request's host is, which a browser elsewhere does not know; empty where nothing is said.
func (r *recorder) told(q *request) string {
	u, err := url.Parse(q.url)
	if err != nil {
		return ""
	}
	return r.elsewhere[strings.ToLower(hostPort(u))]
}

// otherwise is the fault of a browser elsewhere that did not reach a host as it should; want is an address, or empty.
func (r *recorder) otherwise(q *request, want, got string) *wire.Fault {
	f := &wire.Fault{
		Subject: "The browser that SMOKE_BROWSER names", URL: q.url, Symptom: wire.ClientFailed, Inconclusive: true,
		Want: "it to find the target", Got: got, Exchanges: []wire.ExchangeID{q.exchange},
	}
	if want != "" {
		f.Want = "it to go to " + want + " as SMOKE_RESOLVE says"
		f.Got += "; start that browser with --host-resolver-rules=\"" + resolverRules(r.elsewhere) + `"`
	}
	return f
}
