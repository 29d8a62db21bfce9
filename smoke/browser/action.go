package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// act runs an action on the tab until it is done, ctx ends or the visit has a fault.
func act[T any](ctx context.Context, b *Browser, a chromedp.Action[T]) (T, error) {
	v, err := run(ctx, b, b.rec.faults(), a)
	if err != nil {
		if f := b.rec.failure(); f != nil {
			return v, f
		}
	}
	return v, err
}

// run runs an action on the tab until it is done or one of two contexts ends.
func run[T any](ctx context.Context, b *Browser, other context.Context, a chromedp.Action[T]) (T, error) {
	tab, cancel := context.WithCancel(b.tab)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	defer context.AfterFunc(other, cancel)()
	v, err := chromedp.Run(tab, a)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return v, err
}

// command sends one command of the protocol, whatever the page has come to.
func command[P, R any](ctx context.Context, b *Browser, c cdp.Command[P, R], params P) (R, error) {
	return run(ctx, b, b.tab, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
}

// until waits until a JavaScript function returns something truthy, and returns it. The function is asked at every frame
// that the page draws. A navigation on the way does not disturb it.
func until[T any](ctx context.Context, b *Browser, function string) (T, error) {
	expression := fmt.Sprintf(`new Promise((resolve) => {
		const end = performance.now() + %d;
		const ask = () => { const v = (%s)(); v ? resolve(v) : performance.now() < end && requestAnimationFrame(ask); };
		ask();
	})`, remaining(ctx).Milliseconds()+1000, function)
	for {
		v, err := act(ctx, b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
		var gone *cdproto.Error // the document the question was put to is gone, ask the next one
		if err == nil || ctx.Err() != nil || !errors.As(err, &gone) {
			return v, err
		}
		b.rec.pause(ctx, 20*time.Millisecond)
	}
}

// settle waits until the recorder has taken in everything that came before now: what the page has answered may be ahead of
// what the recorder knows.
func (b *Browser) settle(ctx context.Context) {
	m := make(mark)
	b.queue.put(b.rec.current(), b.rec.tl.Now(), m)
	select {
	case <-m:
	case <-ctx.Done():
	case <-b.tab.Done():
	}
}

// remaining is the time that ctx has, or an hour.
func remaining(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return time.Until(end)
	}
	return time.Hour
}

// expectation is what an action is for. It turns an error that is no proof by itself into one that reads well.
type expectation struct {
	subject, url, want string
	got                func() (string, []wire.ExchangeID) // with mu held: what there is instead when time is over
	late               wire.Symptom                       // when time is over; wire.Timeout when empty
}

// explain returns faults as they are and makes faults of everything else.
func (b *Browser) explain(ctx context.Context, err error, x expectation) error {
	var f *wire.Fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	f = &wire.Fault{Subject: x.subject, URL: x.url, Want: x.want, Err: err, Symptom: wire.Timeout}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		if x.late != "" {
			f.Symptom = x.late
		}
		f.Got = "nothing of it in time"
		if x.got != nil {
			b.rec.mu.Lock()
			f.Got, f.Exchanges = x.got()
			b.rec.mu.Unlock()
		}
	case ctx.Err() != nil:
		f.Symptom, f.Inconclusive, f.Got = wire.Cancelled, true, "an interruption"
	default:
		f.Symptom, f.Inconclusive, f.Got = wire.ClientFailed, true, "an error of the browser: "+short(strings.TrimSpace(err.Error()), 300)
	}
	return b.rec.clean(f)
}

// deedTime bounds what is done beside the methods.
const deedTime = 2 * time.Second

// beside runs f on a goroutine that Close waits for.
func (b *Browser) beside(f func(ctx context.Context)) {
	b.workers.Go(func() {
		ctx, cancel := context.WithTimeout(b.tab, deedTime)
		defer cancel()
		f(ctx)
	})
}

// fetchBody asks for the body of a bad answer; whatever comes, the exchange is then complete.
func (b *Browser) fetchBody(step context.Context, id network.RequestID) {
	b.beside(func(ctx context.Context) {
		res, _ := command(ctx, b, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
		b.queue.put(step, b.rec.tl.Now(), bodyFetched{id, res.Body[:min(len(res.Body), 64<<10)]})
	})
}

// streamBody makes Chromium pass a body on as it comes. When that is too late because the body has ended, it is fetched.
func (b *Browser) streamBody(step context.Context, id network.RequestID) {
	b.beside(func(ctx context.Context) {
		res, err := command(ctx, b, network.StreamResourceContent, network.StreamResourceContentParams{RequestID: id})
		data := res.BufferedData
		if err != nil {
			body, _ := command(ctx, b, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
			data = body.Body
		}
		b.queue.put(step, b.rec.tl.Now(), bodyStreaming{id, data})
	})
}

// acceptDialog answers one of the browser's own dialogs with yes.
func (b *Browser) acceptDialog(context.Context) {
	b.beside(func(ctx context.Context) {
		command(ctx, b, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	})
}

// later has f called among the events, if the browser is not closed by then.
func (b *Browser) later(after time.Duration, f func()) {
	step := b.rec.current()
	time.AfterFunc(after, func() { b.queue.put(step, b.rec.tl.Now(), deferred(f)) })
}

// dismiss answers a dialog of Jupyter's with no.
func (b *Browser) dismiss(context.Context) {
	b.beside(func(ctx context.Context) {
		run(ctx, b, b.tab, chromedp.Evaluate[chromedp.Void](`document.querySelector(".jp-Dialog .jp-mod-reject")?.click()`))
	})
}

// tell passes a launched server on.
func (b *Browser) tell(s Server) {
	if b.rec.onServer != nil {
		b.workers.Go(func() { b.rec.onServer(s) })
	}
}

// navigateTo sends the command to navigate, and does not wait for the page to load.
func navigateTo(ctx context.Context, t *chromedp.Target, url string) (page.NavigateResult, error) {
	return cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: url})
}
