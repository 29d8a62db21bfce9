package browser

import (
	"context"
	"fmt"

	"binderhub-smoke/smoke/wire"
)

// shellThere is true when the shell of JupyterLab or Notebook 7 is on the screen: its menu bar is drawn and no splash is
// before it.
const shellThere = `() => {
	const seen = (el) => el && el.getClientRects().length > 0;
	return seen(document.querySelector(".jp-LabShell, .jp-NotebookShell, #main"))
		&& seen(document.querySelector(".lm-MenuBar-item"))
		&& !seen(document.querySelector("#jupyterlab-splash"));
}`

// cellThere is true when a code cell of a notebook is on the screen, ready to be typed into.
const cellThere = `() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .cm-content, .jp-Notebook .jp-CodeCell .CodeMirror")]
	.some((el) => el.getClientRects().length > 0)`

// WaitLab waits until the page shows JupyterLab or Notebook 7, with every websocket open that it has asked for.
func (b *Browser) WaitLab(ctx context.Context) error {
	b.rec.begin(ctx)
	_, err := until[bool](ctx, b, shellThere)
	err = b.explain(ctx, err, expectation{subject: "The user server's page", url: b.rec.documentURL(), want: "JupyterLab on the screen", got: b.rec.pageSoFar})
	if err != nil {
		return err
	}
	return b.waitSockets(ctx)
}

func (b *Browser) waitSockets(ctx context.Context) error {
	b.settle(ctx)
	err := b.rec.wait(ctx, func() bool { return len(b.rec.socketsOpen()) == 0 })
	return b.explain(ctx, err, expectation{
		subject: "The browser's websocket", want: "101 Switching Protocols", late: wire.Stalled,
		got: func() (string, []wire.ExchangeID) {
			var ids []wire.ExchangeID
			for _, s := range b.rec.socketsOpen() {
				ids = append(ids, s.exchange)
			}
			return "no answer to its handshake in time", ids
		},
	})
}

// documentURL is where the tab is.
func (r *recorder) documentURL() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.document == nil {
		return ""
	}
	return r.document.url
}

// pageSoFar says what there is of the page.
func (r *recorder) pageSoFar() (string, []wire.ExchangeID) {
	if r.document == nil || r.document.response == nil {
		return "no answer in time", nil
	}
	proof := []wire.ExchangeID{r.document.exchange}
	var open int
	for _, q := range r.requests {
		if q.visit == r.visit && q.ours() && q.response == nil {
			open++
			proof = append(proof, q.exchange)
		}
	}
	if open > 0 {
		return fmt.Sprintf("a page that still waits for %d answers", open), proof
	}
	return "a page without it", proof
}

// OpenNotebook opens a notebook's page and waits until a cell can be run: the kernel has answered over the page's own
// websocket and is idle, and a cell is on the screen. The page's own sign of an idle kernel is no proof: it shows one before
// there is a kernel, and executions asked for then are lost.
func (b *Browser) OpenNotebook(ctx context.Context, url string) error {
	b.rec.begin(ctx)
	b.rec.leave()
	return b.opened(ctx, url, b.navigate(ctx, url))
}

// opened waits until a notebook's page is ready, unless err says that it was not even begun.
func (b *Browser) opened(ctx context.Context, url string, err error) error {
	if err == nil {
		err = b.rec.wait(ctx, func() bool { return b.rec.kernel.ready })
	}
	err = b.explain(ctx, err, expectation{
		subject: "The notebook's kernel", url: url, want: "its answer and the status idle on the page's websocket", got: b.rec.kernelSoFar, late: wire.NoReply,
	})
	if err != nil {
		return err
	}
	_, err = until[bool](ctx, b, cellThere)
	return b.explain(ctx, err, expectation{subject: "The notebook's page", url: url, want: "a code cell on the screen", got: b.rec.pageSoFar, late: wire.NotRendered})
}

// kernelSoFar says how far the page came with its kernel.
func (r *recorder) kernelSoFar() (string, []wire.ExchangeID) {
	for _, s := range r.sockets {
		if s.kind != kernelSocket || s.visit != r.visit {
			continue
		}
		proof := []wire.ExchangeID{s.exchange}
		if !s.opened {
			return "no answer to the websocket's handshake in time", proof
		}
		return "an open websocket and no answer of the kernel in time", proof
	}
	what, proof := r.pageSoFar()
	return what + ", and no websocket to a kernel", proof
}
