package browser

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// held keeps what is to be done later, and does nothing else.
type held struct {
	deeds
	waiting []func()
}

func (h *held) later(_ time.Duration, f func())               { h.waiting = append(h.waiting, f) }
func (h *held) fetchBody(context.Context, network.RequestID)  {}
func (h *held) streamBody(context.Context, network.RequestID) {}

// Chromium tells of a style sheet of the wrong type by a failure and by the answer's header, in any order.
func TestRefusedStyleSheet(t *testing.T) {
	const id = network.RequestID("1")
	url := serverURL + "a.css"
	sent := &network.EventRequestWillBeSent{RequestID: id, Type: network.ResourceTypeStylesheet, Request: &network.Request{URL: url, Method: "GET"}}
	failed := &network.EventLoadingFailed{RequestID: id, ErrorText: aborted, Type: network.ResourceTypeStylesheet}
	header := &network.EventResponseReceivedExtraInfo{RequestID: id, StatusCode: 200, Headers: network.Headers{"Content-Type": "text/html"}}
	for name, c := range map[string]struct {
		events  []any
		symptom wire.Symptom // of the exchange; empty when the header never came
	}{
		"header first":  {[]any{sent, header, failed}, wire.ContentType},
		"failure first": {[]any{sent, failed, header}, wire.ContentType},
		"no header":     {[]any{sent, failed}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			later := &held{}
			r := newRecorder(newTimeline(binderURL, "http://hub.test/"), nil)
			r.attach("main", later)
			r.begin(t.Context())
			for _, ev := range c.events {
				r.handle(event{ctx: t.Context(), ev: ev})
			}
			for _, f := range later.waiting {
				f()
			}
			if c.symptom == "" {
				require.Empty(t, r.requests, "the request has failed for good")
				return
			}
			require.NotNil(t, r.requests[id], "its body is awaited")
			require.Equal(t, c.symptom, r.requests[id].fault.Symptom)
		})
	}
}

// The body of a bad answer tells who answered: a fault waits for it while it is fetched, and not for an answer without end.
func TestAFaultWaitsForTheBody(t *testing.T) {
	const id = network.RequestID("1")
	events := []any{
		&network.EventRequestWillBeSent{RequestID: id, LoaderID: "1", FrameID: "main", Type: network.ResourceTypeDocument, Request: &network.Request{URL: launchURL, Method: "GET"}},
		&network.EventResponseReceived{RequestID: id, Type: network.ResourceTypeDocument, Response: &network.Response{URL: launchURL, Status: 502, MimeType: "text/html"}},
		&network.EventLoadingFinished{RequestID: id},
	}
	for name, ended := range map[string]bool{"complete": true, "without end": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder(newTimeline(binderURL, ""), nil)
				r.attach("main", &held{})
				r.begin(t.Context())
				for i, ev := range events {
					if i < 2 || ended {
						r.handle(event{ctx: t.Context(), ev: ev})
					}
				}
				time.Sleep(2 * bodyGrace)
				require.Equal(t, ended, r.failure() == nil)
				r.handle(event{ctx: t.Context(), ev: bodyFetched{id, []byte("nginx")}})
				require.Equal(t, wire.Status, r.failure().Symptom)
			})
		})
	}
}

// What came of a bad answer to the launch's stream is passed on by one answer of Chromium's and kept from another, in any
// order.
func TestTheBodyOfABadStream(t *testing.T) {
	const id = network.RequestID("1")
	url := binderURL + "build/gh/owner/repo/HEAD"
	passed, kept := bodyStreaming{id, []byte("<center>nginx")}, bodyFetched{id: id}
	for name, last := range map[string][]any{"passed on first": {passed, kept}, "passed on last": {kept, passed}} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(newTimeline(binderURL, ""), nil)
			r.attach("main", &held{})
			r.begin(t.Context())
			for _, ev := range append([]any{
				&network.EventRequestWillBeSent{RequestID: id, Type: network.ResourceTypeFetch, Request: &network.Request{URL: url, Method: "GET"}},
				&network.EventResponseReceived{RequestID: id, Type: network.ResourceTypeFetch, Response: &network.Response{URL: url, Status: 502, MimeType: "text/html"}},
				&network.EventLoadingFinished{RequestID: id},
			}, last...) {
				r.handle(event{ctx: t.Context(), ev: ev})
			}
			require.Empty(t, r.requests)
			require.Equal(t, wire.Status, r.failure().Symptom)
			require.Equal(t, "<center>nginx", r.tl.Exchanges()[0].Body.Prefix)
		})
	}
}
