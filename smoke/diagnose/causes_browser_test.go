package diagnose

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// pageSays is a notebook step that the page itself fails: its document came well, and got is what the page showed.
func pageSays(step, got string) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.get(step, serverURL+"lab", answer{client: wire.Browser, status: 200, header: headers("Content-Type", "text/html")})
		h.fails(step, wire.PageError, got, id)
	}
}

// frontSays is pageSays of BinderHub's front page.
func frontSays(got string) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.get("notebook/form", binderURL+"/", answer{client: wire.Browser, status: 200, header: headers("Content-Type", "text/html")})
		h.fails("notebook/form", wire.PageError, got, id)
	}
}

// keptAnswer is an answer that the browser did not get from the network.
func keptAnswer(from, got string, symptom wire.Symptom) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.get("notebook/reload", serverURL+"static/lab/main.js", answer{client: wire.Browser, status: 503, header: headers("Content-Type", "text/plain")})
		h.fails("notebook/reload", symptom, got+" (from "+from+")", id)
	}
}

// oldPage is a page that the browser had kept, and a script that it names and that is answered so.
func oldPage(status int) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.get("notebook/reload", serverURL+"static/lab/old.js", answer{client: wire.Browser, status: status})
		h.fails("notebook/reload", wire.Status, fmt.Sprintf("%d text/html (named by a page that comes from the browser's cache)", status), id)
	}
}

// A bad gateway is no file of an earlier release.
func TestOldPageBehindABadGateway(t *testing.T) {
	h := byHand(t)
	oldPage(502)(h)
	require.NotEqual(t, "assets-stale-cache", h.diagnose()[0].Cause)
}

var (
	_ = known("ws-wrong-scheme",
		signature{name: "websocket", make: pageSays("notebook/open", "mixed content: the browser blocks ws://hub.example.org/user/x/api/kernels/k/channels"), hop: HopIngress},
		signature{name: "request", make: pageSays("notebook/lab", "mixed content: the browser blocks http://hub.example.org/user/x/api/me"), hop: HopIngress},
	)
	_ = known("csp-blocks-page",
		signature{name: "inline script", make: pageSays("notebook/lab", "the directive script-src, which forbids Inline code or style"), hop: HopIngress},
		signature{name: "websocket", make: pageSays("notebook/open", "the directive connect-src, which forbids wss://hub.example.org/"), hop: HopIngress},
	)
	_ = known("assets-stale-cache",
		signature{name: "service worker", make: keptAnswer("the page's service worker", "503 text/plain", wire.Status), hop: HopServer},
		signature{name: "page of an earlier release", make: oldPage(404), hop: HopServer},
		signature{name: "cache", make: keptAnswer("the browser's cache", "200 text/html", wire.ContentType), hop: HopServer},
	)
	_ = known("page-error", signature{name: "BinderHub's page", make: frontSays("the uncaught error “Uncaught TypeError: x is not a function”"), hop: HopBinderHub})
	_ = known("page-blank", signature{name: "BinderHub's page", make: frontSays("a blank page"), hop: HopBinderHub})
	_ = known("page-dialog", signature{name: "dialog", make: pageSays("notebook/open", "the dialog “Server Connection Error Dismiss”"), hop: HopServer})
	_ = known("page-blank", signature{name: "blank", make: pageSays("notebook/lab", "a blank page"), hop: HopServer})
	_ = known("page-error", signature{name: "uncaught", make: pageSays("notebook/lab", "the uncaught error “Uncaught TypeError: x is not a function”"), hop: HopServer})
)

// An error that a missing file explains is the missing file's.
func TestPageErrorWithoutItsFile(t *testing.T) {
	h := byHand(t)
	h.served()
	page := h.get("notebook/lab", serverURL+"lab", answer{client: wire.Browser, status: 200, header: headers("Content-Type", "text/html")})
	h.get("notebook/lab", serverURL+"static/lab/main.js", answer{client: wire.Browser, status: 404})
	h.fails("notebook/lab", wire.PageError, "the uncaught error “ChunkLoadError”", page)
	h.one("assets-404-white-page")
}

// Every finding of a websocket says how the other client fared, and what that means.
func TestSideBySide(t *testing.T) {
	byToken := func(status int) answer {
		return answer{status: status, send: headers("Authorization", "token x", "Upgrade", "websocket")}
	}
	byCookie := func(status int) answer {
		return answer{status: status, send: headers("Origin", hubURL, "Cookie", "x", "Upgrade", "websocket")}
	}
	repeated := byCookie(101)
	repeated.client = wire.Probe
	for name, c := range map[string]struct {
		beside map[string]answer // by step
		says   string
	}{
		"nothing":                {nil, ""},
		"raw refused":            {map[string]answer{"kernel/channel": byToken(502)}, "gets 502 too"},
		"raw passes by token":    {map[string]answer{"kernel/channel": byToken(101)}, "passes with a token, which skips"},
		"refused by cookie only": {map[string]answer{"kernel/start": byToken(101), "kernel/channel": byCookie(403)}, "passes with a token and gets 403 with a cookie"},
		"raw passes by both":     {map[string]answer{"kernel/start": byToken(101), "kernel/channel": byCookie(101)}, "Origin and subprotocol are in order"},
		"repeat passes":          {map[string]answer{"notebook/open": repeated}, "with the browser's own cookies and Origin, so only the browser's way differs"},
	} {
		t.Run(name, func(t *testing.T) {
			h := byHand(t)
			for step, a := range c.beside {
				h.ws(step, serverURL+channels, a)
			}
			id := h.ws("notebook/open", serverURL+channels, refusedBy("502"))
			h.fails("notebook/open", wire.UpgradeRefused, "502", id)
			found := h.diagnose()
			require.Len(t, found, 1)
			if c.says == "" {
				require.NotContains(t, found[0].Summary, "Side by side")
				return
			}
			require.Contains(t, found[0].Summary, "Side by side: ")
			require.Contains(t, found[0].Summary, c.says)
		})
	}
}

func TestSideBySideOfTheRawClient(t *testing.T) {
	for says, browser := range map[string]answer{
		"the browser's passes":                                {client: wire.Browser, status: 101},
		"the browser's gets 503 too, so it is neither Origin": refusedBy("503"),
	} {
		h := byHand(t)
		h.ws("notebook/open", serverURL+channels, browser)
		id := h.ws("kernel/channel", serverURL+channels, answer{status: 503, send: headers("Authorization", "token x")})
		h.fails("kernel/channel", wire.UpgradeRefused, "503", id)
		require.Contains(t, h.diagnose()[0].Summary, "Side by side: "+says)
	}
}

func TestSideBySideOfRequests(t *testing.T) {
	h := byHand(t)
	h.get("server/lab", serverURL+"lab", answer{status: 200})
	id := h.get("notebook/lab", serverURL+"lab?x", answer{client: wire.Browser, status: 403})
	h.fails("notebook/lab", wire.Status, "403", id)
	require.Contains(t, h.diagnose()[0].Summary, "the raw client got 200 from the same URL")
}

// What two clients sent may differ: a small file that was accepted says nothing of a large one.
func TestNothingIsBesideWhatWasSent(t *testing.T) {
	h := byHand(t)
	h.get("notebook/open", serverURL+"api/contents/n.ipynb", answer{method: http.MethodPut, status: 201})
	id := h.get("notebook/save", serverURL+"api/contents/n.ipynb", answer{client: wire.Browser, method: http.MethodPut, status: 413})
	h.fails("notebook/save", wire.Status, "413", id)
	require.NotContains(t, h.one("save-413").Summary, "Side by side")
}
