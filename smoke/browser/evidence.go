package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// Document is the page as it stands, as HTML. It is empty where the page does not answer. It may hold secrets: the page has
// the user server's token.
func (b *Browser) Document(ctx context.Context) string {
	html, err := run(ctx, b, b.tab, chromedp.Evaluate[string](`document.documentElement ? document.documentElement.outerHTML : ""`))
	if err != nil {
		return ""
	}
	return html
}

// Console is what the page wrote to the console since the browser was started, a line each, with what Chromium added of its
// own accord. It may hold secrets.
func (b *Browser) Console() string {
	var out strings.Builder
	for r := range b.rec.tl.Records() {
		if r.Client != wire.Browser || r.Kind != wire.KindConsole {
			continue
		}
		var c wire.Console
		if json.Unmarshal(r.Data, &c) == nil {
			fmt.Fprintf(&out, "%9.3f  %-9s  %s  %s\n", r.At.Seconds(), c.Level, strings.ReplaceAll(c.Text, "\n", "\n           "), c.URL)
		}
	}
	return out.String()
}
