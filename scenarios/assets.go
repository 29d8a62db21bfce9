package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/html"

	"binderhub-smoke/smoke/wire"
)

// asset is something that a page's HTML names and cannot do without.
type asset struct {
	url  string
	kind string // "script" or "stylesheet"
}

// mimes are the types that a browser accepts for a kind of asset, when told not to guess.
var mimes = map[string][]string{
	"script":     {"text/javascript", "application/javascript", "application/x-javascript"},
	"stylesheet": {"text/css"},
}

// assets fetches everything that a page names on the target's own hosts, and looks at status and type: a page without its
// scripts is blank, and still a 200.
func (j *Journey) assets(ctx context.Context, subject string, page *wire.Answer) error {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		first error
		slots = make(chan struct{}, 6)
	)
	for _, a := range assetsOf(page) {
		if j.Timeline.Places().RoleOf(a.url) == wire.RoleOther {
			continue // a third party never fails a deployment
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := j.asset(ctx, subject, a); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	group.Wait()
	return first
}

func (j *Journey) asset(ctx context.Context, subject string, a asset) error {
	subject = fmt.Sprintf("The %s of %s", a.kind, subject)
	answer, err := j.net.Do(ctx, wire.Call{Subject: subject, URL: a.url, Header: http.Header{"Accept": {"*/*"}}, MaxBody: 32 << 20})
	if err != nil {
		return err
	}
	want := "200 " + mimes[a.kind][0]
	if answer.Status != http.StatusOK {
		return answer.Fault(subject, wire.Status, want, answer.Describe())
	}
	for _, m := range mimes[a.kind] {
		if strings.HasPrefix(strings.ToLower(answer.Header.Get("Content-Type")), m) {
			return nil
		}
	}
	return answer.Fault(subject, wire.ContentType, want, answer.Describe())
}

// maxAssets bounds how many assets of a page are fetched.
const maxAssets = 100

// assetsOf lists the scripts and stylesheets that a page's HTML names.
func assetsOf(page *wire.Answer) []asset {
	base, err := url.Parse(page.URL)
	if err != nil {
		return nil
	}
	var found []asset
	for tokens := html.NewTokenizer(bytes.NewReader(page.Body)); len(found) < maxAssets; {
		switch tokens.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			kind, ref := reference(token)
			if u, err := base.Parse(ref); kind != "" && err == nil {
				found = append(found, asset{url: u.String(), kind: kind})
			}
		}
	}
	return found
}

// reference reads what a tag loads.
func reference(t html.Token) (kind, ref string) {
	attributes := map[string]string{}
	for _, a := range t.Attr {
		attributes[a.Key] = a.Val
	}
	switch {
	case t.Data == "script" && attributes["src"] != "":
		return "script", attributes["src"]
	case t.Data == "link" && strings.EqualFold(attributes["rel"], "stylesheet"):
		return "stylesheet", attributes["href"]
	}
	return "", ""
}
