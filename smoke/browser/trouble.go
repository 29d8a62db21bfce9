package browser

import (
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/audits"

	"binderhub-smoke/smoke/wire"
)

// pageFault is a fault of the page as a whole that is seen now, in its document.
func (r *recorder) pageFault(url, want, got string) *wire.Fault {
	f := &wire.Fault{Subject: "The page", URL: url, Symptom: wire.PageError, Want: want, Got: got, At: r.tl.Now()}
	if r.document != nil && r.document.exchange != 0 {
		f.Exchanges = []wire.ExchangeID{r.document.exchange}
	}
	return f
}

// uncaught judges an error that no script of the page caught. What an extension raises, which is of the image, is a notice. So
// is a promise that nobody heard fail: it stops only what waited for it, and what a person needs of that the journey waits for
// too. What a third party's script does, or code that a notebook displays, is not the deployment's.
func (r *recorder) uncaught(c wire.Console) {
	if r.shown != r.visit || r.tl.Places().RoleOf(c.URL) == wire.RoleOther || allowedError(c.Text) {
		return
	}
	first, _, _ := strings.Cut(c.Text, "\n")
	f := r.pageFault(c.URL, "no uncaught error", "the uncaught error “"+short(first, 300)+"”")
	if strings.Contains(pathOf(c.URL), "/lab/extensions/") || strings.HasPrefix(first, "Uncaught (in promise)") {
		r.notice(r.visit, f)
		return
	}
	r.raiseLater(eyeGrace, f, nil)
}

// issueAdded takes what Chromium itself has to say about a page: what it blocked, and why.
func (r *recorder) issueAdded(e event, ev *audits.EventIssueAdded) {
	if ev.Issue == nil || ev.Issue.Details == nil {
		return
	}
	if d := ev.Issue.Details.MixedContentIssueDetails; d != nil {
		r.mixedContent(e, d)
	}
	if d := ev.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
		r.policyViolated(e, d)
	}
}

// mixedContent is a page over https that asks for something over http. Pictures Chromium asks for over https instead.
func (r *recorder) mixedContent(e event, d *audits.MixedContentIssueDetails) {
	r.learn(d.InsecureURL)
	r.add(e, 0, wire.KindConsole, wire.Console{Level: "issue", Text: fmt.Sprintf("mixed content (%s): %s", d.ResolutionStatus, d.InsecureURL), URL: d.MainResourceURL}, e.at)
	if d.ResolutionStatus != audits.MixedContentResolutionStatusMixedContentBlocked || r.shown != r.visit || r.tl.Places().RoleOf(d.InsecureURL) == wire.RoleOther {
		return
	}
	r.raiseLater(eyeGrace, r.pageFault(d.MainResourceURL, "https for all that it asks of the deployment",
		"mixed content: the browser blocks "+d.InsecureURL), nil)
}

// policyViolated is something that a Content-Security-Policy forbids. Who put the policy there, the application or a proxy,
// is not known here. Without eval front ends do with less.
func (r *recorder) policyViolated(e event, d *audits.ContentSecurityPolicyIssueDetails) {
	where := r.documentURLLocked()
	if at := d.SourceCodeLocation; at != nil && at.URL != "" {
		where = at.URL
	}
	what := d.BlockedURL
	if what == "" {
		what = strings.TrimSuffix(strings.TrimPrefix(string(d.ContentSecurityPolicyViolationType), "k"), "Violation") + " code or style"
	}
	r.learn(what)
	r.add(e, 0, wire.KindConsole, wire.Console{Level: "issue", Text: fmt.Sprintf("content security policy %s forbids %s", d.ViolatedDirective, what), URL: where}, e.at)
	about := where
	if d.BlockedURL != "" {
		about = d.BlockedURL
	}
	if d.IsReportOnly || r.shown != r.visit || r.tl.Places().RoleOf(about) == wire.RoleOther {
		return
	}
	f := r.pageFault(where, "a Content-Security-Policy that lets it work", fmt.Sprintf("the directive %s, which forbids %s", d.ViolatedDirective, what))
	switch d.ContentSecurityPolicyViolationType {
	case audits.ContentSecurityPolicyViolationTypeKEvalViolation, audits.ContentSecurityPolicyViolationTypeKWasmEvalViolation:
		r.notice(r.visit, f)
	default:
		r.raiseLater(eyeGrace, f, nil)
	}
}

func (r *recorder) documentURLLocked() string {
	if r.document == nil {
		return ""
	}
	return r.document.url
}

// blankGrace is how long a page may stay blank once it has loaded and nothing that it asked for is under way.
const blankGrace = 4 * time.Second

// blank looks at a page that has loaded and shows nothing, until it does or nothing more can come.
func (r *recorder) blank(url string) {
	r.painted = false
	document, f := r.document, r.pageFault(url, "something on the screen", "a blank page")
	r.raiseLater(blankGrace, f, func() bool {
		if r.painted || r.document != document {
			return false
		}
		if r.waitsForAnswers() {
			r.blank(url)
			return false
		}
		f.At = r.tl.Now() // only time proves it
		return true
	})
}

// waitsForAnswers tells whether the page has asked the deployment for something that has not come.
func (r *recorder) waitsForAnswers() bool {
	for _, q := range r.requests {
		if q.visit == r.visit && q.ours() {
			return true
		}
	}
	return false
}
