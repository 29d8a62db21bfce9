package browser

import (
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"binderhub-smoke/smoke/wire"
)

// Events of our own.
type (
	// droppedEvents is how many events found no room in the queue.
	droppedEvents int
	// lostBrowser says that the browser's process is gone.
	lostBrowser struct{}
	// mark is closed when everything that came before it has been handled.
	mark chan struct{}
	// deferred is something to be done among the events, in their order.
	deferred func()
	// closed says that we close the browser.
	closed struct{}
	// bodyFetched is the body of an answer, asked for because the answer was bad.
	bodyFetched struct {
		id   network.RequestID
		body []byte
	}
	// bodyStreaming is what had come of a body before Chromium began to pass it on piece by piece.
	bodyStreaming struct {
		id       network.RequestID
		buffered []byte
	}
)

// handle takes one event. Protocol domains that are only listened to for the sake of chromedp itself fall through.
func (r *recorder) handle(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handleRequest(e) || r.handleSocket(e) || r.handlePage(e) {
		r.notify()
	}
}

func (r *recorder) handleRequest(e event) bool {
	switch ev := e.ev.(type) {
	case *network.EventRequestWillBeSent:
		r.requestSent(e, ev)
	case *network.EventRequestWillBeSentExtraInfo:
		r.requestExtra(e, ev)
	case *network.EventResponseReceived:
		r.responseReceived(e, ev)
	case *network.EventResponseReceivedExtraInfo:
		r.responseExtra(e, ev)
	case *network.EventDataReceived:
		r.dataReceived(e, ev)
	case *network.EventEventSourceMessageReceived:
		r.sourceMessage(e, ev)
	case *network.EventLoadingFinished:
		r.loadingFinished(e, ev)
	case *network.EventLoadingFailed:
		r.loadingFailed(e, ev)
	case bodyFetched:
		r.bodyFetched(e, ev)
	case bodyStreaming:
		r.bodyStreaming(e, ev)
	default:
		return false
	}
	return true
}

func (r *recorder) handleSocket(e event) bool {
	switch ev := e.ev.(type) {
	case *network.EventWebSocketCreated:
		r.socketCreated(e, ev)
	case *network.EventWebSocketWillSendHandshakeRequest:
		r.socketHandshake(e, ev)
	case *network.EventWebSocketHandshakeResponseReceived:
		r.socketAnswered(e, ev)
	case *network.EventWebSocketFrameError:
		r.socketError(e, ev)
	case *network.EventWebSocketFrameSent:
		r.socketFrame(e, ev.RequestID, ev.Timestamp, wire.Sent, ev.Response)
	case *network.EventWebSocketFrameReceived:
		r.socketFrame(e, ev.RequestID, ev.Timestamp, wire.Received, ev.Response)
	case *network.EventWebSocketClosed:
		r.socketClosed(e, ev)
	default:
		return false
	}
	return true
}

func (r *recorder) handlePage(e event) bool {
	switch ev := e.ev.(type) {
	case *runtime.EventConsoleAPICalled:
		r.consoleCalled(e, ev)
	case *runtime.EventExceptionThrown:
		r.exceptionThrown(e, ev)
	case *cdplog.EventEntryAdded:
		r.entryAdded(e, ev)
	case *audits.EventIssueAdded:
		r.issueAdded(e, ev)
	case *runtime.EventBindingCalled:
		r.eyeSaw(e, ev)
		r.socketTold(e, ev)
	case *page.EventJavascriptDialogOpening:
		r.dialogOpening(e, ev)
	case *page.EventFrameNavigated:
		if r.isMain(ev.Frame.ID) {
			r.pageShown(e, ev.Frame)
		}
	case mark:
		close(ev)
	case deferred:
		ev()
	case closed:
		r.end(e)
	case *inspector.EventTargetCrashed:
		r.tabCrashed(e, "its page crashed")
	case *target.EventTargetCrashed:
		if string(ev.TargetID) == r.main {
			r.tabCrashed(e, "its page "+ev.Status)
		}
	case lostBrowser:
		r.tabCrashed(e, "its process ended")
	case droppedEvents:
		r.eventsDropped(e, int(ev))
	default:
		return false
	}
	return true
}

// pageShown notes that the tab has begun to show another page.
func (r *recorder) pageShown(e event, frame *cdp.Frame) {
	if r.document != nil && r.document.loader == frame.LoaderID {
		r.shown = r.visit
	}
	r.pageReplaced(e)
}

// isMain tells whether a frame is the tab's outermost one, whose id is the tab's.
func (r *recorder) isMain(frame cdp.FrameID) bool { return string(frame) == r.main }
