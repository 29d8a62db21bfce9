package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// saving is what is known of the saving of a notebook that is under way.
type saving struct {
	path     string   // in the server's directory, not escaped; empty when none is under way
	request  *request // the page's own, the newest
	accepted bool
}

// Save saves the notebook that is open by the front end's own command in its File menu, and returns when the user server
// has accepted it. Where people edit together (jupyter-collaboration) the server itself writes the file, some time later:
// then Save returns at once, with together set. path is the notebook's in the server's directory.
func (b *Browser) Save(ctx context.Context, path string) (together bool, err error) {
	b.rec.begin(ctx)
	b.rec.mu.Lock()
	b.rec.saving = saving{path: path}
	together = b.rec.collaborates()
	b.rec.mu.Unlock()
	err = b.choose(ctx, "File", "docmanager:save")
	if err == nil && !together {
		err = b.rec.wait(ctx, func() bool { return b.rec.saving.accepted })
	}
	b.rec.mu.Lock()
	b.rec.saving.path = ""
	b.rec.mu.Unlock()
	return together, b.explain(ctx, err, expectation{
		subject: "The notebook's page", url: b.rec.documentURL(), want: "its Save Notebook to be accepted by the user server", got: b.rec.savingSoFar,
	})
}

// savingSoFar says how far the saving came. Call with mu held.
func (r *recorder) savingSoFar() (string, []wire.ExchangeID) {
	switch q := r.saving.request; {
	case q == nil:
		return "a page that sent nothing", nil
	case q.response == nil:
		return "no answer in time", []wire.ExchangeID{q.exchange}
	default:
		return fmt.Sprint(q.response.Status), []wire.ExchangeID{q.exchange}
	}
}

// collaborates tells whether a socket is open over which the page shares what is typed. Call with mu held.
func (r *recorder) collaborates() bool {
	for _, s := range r.sockets {
		if s.opened && !s.closed && strings.Contains(s.url, "/api/collaboration/room/") {
			return true
		}
	}
	return false
}

// saves tells whether a request is the page's saving of the notebook.
func (r *recorder) saves(q *request) bool {
	if r.saving.path == "" || q.method != http.MethodPut || q.visit != r.visit {
		return false
	}
	u, err := url.Parse(q.url)
	return err == nil && strings.HasSuffix(u.Path, "/api/contents/"+r.saving.path)
}

// savingAnswered notes the user server's answer to the saving.
func (r *recorder) savingAnswered(q *request) {
	if r.saving.request == q && q.response.Status < 300 {
		r.saving.accepted = true
	}
}

// Reload loads the notebook's page again in the same profile, as a person does who comes back, and waits until its kernel
// has answered and a cell is on the screen.
func (b *Browser) Reload(ctx context.Context) error {
	b.rec.begin(ctx)
	url := b.rec.documentURL()
	b.rec.leave()
	_, err := act(ctx, b, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, page.Reload, page.ReloadParams{})
	})
	return b.opened(ctx, url, err)
}
