package browser

import (
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"

	"binderhub-smoke/smoke/wire"
)

// bodyGrace is how long a fault waits for the end of the answer that proves it. Its body, which tells who answered, is then fetched.
const bodyGrace = 800 * time.Millisecond

// abortGrace is how long the abort of a main document waits for the navigation that explains it.
const abortGrace = 300 * time.Millisecond

// subject names a request in a sentence, and says of which type its answer must be; empty where any will do.
func (r *recorder) subject(q *request) (subject, want string) {
	switch {
	case q.main:
		return r.pageName(q), "text/html"
	case q.stream != nil:
		return "BinderHub's event stream, fetched by its page,", "text/event-stream"
	case q.resource == network.ResourceTypeScript:
		return "A script of the page", "javascript"
	case q.resource == network.ResourceTypeStylesheet:
		return "A stylesheet of the page", "css"
	case r.saving.request == q:
		return "The page's saving of the notebook", ""
	case severityOf(q) == grave:
		return "A request of the page", "application/json"
	}
	return "A request of the page", ""
}

// judge says what is wrong with the head of an answer that the journey cannot do without. What it can do without becomes a
// notice.
func (r *recorder) judge(q *request, mimeType string) *wire.Fault {
	subject, want := r.subject(q)
	f := &wire.Fault{Subject: subject, URL: q.url, Want: strings.TrimSpace("200 " + want), Exchanges: []wire.ExchangeID{q.exchange}}
	f.Got = strings.TrimSpace(fmt.Sprintf("%d %s%s", q.response.Status, mimeType, r.provenance(q)))
	switch status := q.response.Status; {
	case status >= 400 && allowedRequest(q):
		return nil
	case status >= 400:
		f.Symptom = wire.Status
	case status == 200 && !acceptable(q, want, mimeType):
		f.Symptom = wire.ContentType
	default:
		return nil
	}
	switch severityOf(q) {
	case grave:
		return f
	case notable:
		r.notice(q.visit, f)
	}
	return nil
}

// acceptable tells whether a type of content is one that a browser takes for what it asked for. Scripts may have any type
// that is not another thing's, unless the server says that its types are to be believed.
// Source: https://mimesniff.spec.whatwg.org and https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-nosniff.
func acceptable(q *request, want, mimeType string) bool {
	if t, _, err := mime.ParseMediaType(mimeType); err == nil {
		mimeType = t
	}
	strict := strings.EqualFold(get(q.header, "X-Content-Type-Options"), "nosniff")
	switch {
	case want == "" || mimeType == "":
		return true
	case q.main, q.stream != nil:
		return mimeType == want
	case want == "javascript":
		script := slices.Contains(scriptTypes, mimeType)
		other := mimeType == "text/html" || mimeType == "text/csv" || strings.HasPrefix(mimeType, "image/") || strings.HasPrefix(mimeType, "audio/") || strings.HasPrefix(mimeType, "video/")
		return script || (!strict && !other)
	case want == "css":
		return mimeType == "text/css" || (!strict && mimeType != "text/html")
	}
	return mimeType != "text/html" // of an API: a page in its place is a login, or another application
}

// scriptTypes are those of JavaScript that servers send today, of the sixteen that there are.
var scriptTypes = []string{"text/javascript", "application/javascript", "application/x-javascript", "application/ecmascript", "text/ecmascript"}

// provenance says when an answer did not come from the network, or when the page that names a script or a style did not.
func (r *recorder) provenance(q *request) string {
	asset := q.resource == network.ResourceTypeScript || q.resource == network.ResourceTypeStylesheet
	switch page := r.document; {
	case q.from != "":
		return " (from " + q.from + ")"
	case asset && page != nil && page.from != "" && page.loader == q.loader:
		return " (named by a page that comes from " + page.from + ")"
	}
	return ""
}

// judgeFailure raises the fault of a request that did not come to its end, if it matters.
func (r *recorder) judgeFailure(q *request, c wire.Close) {
	subject, _ := r.subject(q)
	f := &wire.Fault{Subject: subject, URL: q.url, Symptom: c.Symptom, Want: "a complete answer", Got: c.Error + r.provenance(q), Exchanges: []wire.ExchangeID{q.exchange}}
	heavy := severityOf(q)
	switch {
	case heavy == harmless:
	case q.stream != nil && c.Symptom == "":
		// A stream whose bytes Chromium passes on to us ends this way, however it ends.
		r.streamEnded(q)
	case q.stream != nil && q.stream.finished:
	case c.Symptom != "" && heavy == grave:
		r.raise(f)
	case c.Symptom != "":
		r.notice(q.visit, f)
	case q.main:
		f.Symptom = wire.PageError
		r.raiseLater(abortGrace, f, func() bool { return r.document == q })
	case q.resource == network.ResourceTypeScript || q.resource == network.ResourceTypeStylesheet:
		f.Symptom = wire.PageError // no script gives a script up: only a navigation does
		r.raiseLater(abortGrace, f, func() bool { return r.document != nil && r.document.loader == q.loader })
	case !allowedFailure(c.Error):
		r.notice(q.visit, f)
	}
}

// pageName names the page of a main document in a sentence.
func (r *recorder) pageName(q *request) string {
	switch q.role {
	case wire.RoleBinder:
		return "BinderHub's page"
	case wire.RoleServer:
		return "The user server's page"
	case wire.RoleHub:
		return "JupyterHub's page"
	}
	return "The page"
}
