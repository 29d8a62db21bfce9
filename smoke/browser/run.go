package browser

import (
	"context"
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// RunAll runs the notebook's cells by the Run menu and returns when each is final: for every execution that the page has asked
// the kernel for, the reply and the status idle have come back. cells is the number of code cells that are not empty. A
// raised error ends it at once, as a fault of symptom wire.CellError.
func (b *Browser) RunAll(ctx context.Context, cells int) (Executed, error) {
	b.rec.begin(ctx)
	b.rec.mu.Lock()
	before := len(b.rec.kernel.executions)
	b.rec.mu.Unlock()
	err := b.choose(ctx, "Run", "runmenu:run-all")
	if err != nil {
		return Executed{}, b.explain(ctx, err, expectation{subject: "The notebook's page", url: b.rec.documentURL(), want: "Run All Cells in its Run menu", late: wire.PageError})
	}
	err = b.rec.wait(ctx, func() bool { return b.rec.allFinal(before, cells) })
	b.rec.mu.Lock()
	done := executed(b.rec.kernel.executions[min(before, len(b.rec.kernel.executions)):])
	b.rec.mu.Unlock()
	return done, b.explain(ctx, err, expectation{
		subject: "The notebook's kernel", url: b.rec.documentURL(), want: fmt.Sprintf("replies to %d cells", cells), late: wire.NoReply,
		got: func() (string, []wire.ExchangeID) { return b.rec.runSoFar(before) },
	})
}

// allFinal tells whether all executions since the first few are final and as many as expected; it raises the fault of one
// that ended badly. Call with mu held.
func (r *recorder) allFinal(before, cells int) bool {
	xs := r.kernel.executions[min(before, len(r.kernel.executions)):]
	for _, x := range xs {
		if !x.final() {
			return false
		}
		if x.Status == "error" {
			r.raise(&wire.Fault{
				Subject: "A cell of the notebook", URL: x.socket.url, Symptom: wire.CellError, Want: "the status ok", Got: orNone(x.Error),
				Exchanges: []wire.ExchangeID{x.Exchange},
			})
			return true
		}
	}
	if len(xs) > cells {
		r.raise(&wire.Fault{
			Subject: "The notebook's page", URL: xs[0].socket.url, Symptom: wire.Content, Want: fmt.Sprintf("%d executions", cells), Got: fmt.Sprint(len(xs)),
			Exchanges: []wire.ExchangeID{xs[0].Exchange},
		})
	}
	return len(xs) >= cells
}

// runSoFar says which executions are not final.
func (r *recorder) runSoFar(before int) (string, []wire.ExchangeID) {
	xs := r.kernel.executions[min(before, len(r.kernel.executions)):]
	var ids []wire.ExchangeID
	var open []string
	for i, x := range xs {
		ids = append(ids, x.Exchange)
		if !x.final() {
			open = append(open, fmt.Sprint(i+1))
		}
	}
	switch {
	case len(xs) == 0:
		return "a page that sent no execution", nil
	case len(open) > 0:
		return fmt.Sprintf("%d sent, and no end of number %s in time", len(xs), strings.Join(open, ", ")), ids[:1]
	}
	return fmt.Sprintf("%d sent and replied to", len(xs)), ids[:1]
}

func executed(xs []*execution) Executed {
	var e Executed
	for _, x := range xs {
		e.Cells = append(e.Cells, x.Cell)
	}
	return e
}
