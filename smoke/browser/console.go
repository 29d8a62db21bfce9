package browser

import (
	"fmt"
	"strings"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"binderhub-smoke/smoke/wire"
)

func (r *recorder) consoleCalled(e event, ev *runtime.EventConsoleAPICalled) {
	var words []string
	for _, a := range ev.Args {
		words = append(words, text(a))
	}
	c := wire.Console{Level: string(ev.Type), Text: strings.Join(words, " "), URL: topURL(ev.StackTrace)}
	r.console(e, c, float64(ev.Timestamp))
}

func (r *recorder) exceptionThrown(e event, ev *runtime.EventExceptionThrown) {
	d := ev.ExceptionDetails
	c := wire.Console{Level: "exception", Text: d.Text, URL: d.URL}
	if d.Exception != nil {
		c.Text = strings.TrimSpace(d.Text + " " + text(d.Exception))
	}
	if c.URL == "" {
		c.URL = topURL(d.StackTrace)
	}
	r.console(e, c, float64(ev.Timestamp))
	r.uncaught(c)
}

func (r *recorder) entryAdded(e event, ev *cdplog.EventEntryAdded) {
	level := string(ev.Entry.Level)
	if ev.Entry.Level == cdplog.EntryLevelError {
		level = "log-error"
	}
	c := wire.Console{Level: level, Text: ev.Entry.Text, URL: ev.Entry.URL}
	r.console(e, c, float64(ev.Entry.Timestamp))
}

// maxConsole bounds the lines of the console that are kept: a Lab that lost its server writes hundreds a second.
const maxConsole = 1000

// console writes a line of the console; ms is its time on the wall clock.
func (r *recorder) console(e event, c wire.Console, ms float64) {
	if r.lines++; r.lines == maxConsole {
		c = wire.Console{Level: "warning", Text: fmt.Sprintf("the console's lines after the first %d are not kept", maxConsole)}
	}
	if r.lines > maxConsole {
		return
	}
	r.learn(c.URL)
	r.learn(c.Text)
	r.add(e, 0, wire.KindConsole, c, r.clock.wall(ms/1000, e.at))
}

// text is what a person would see of a value in the console.
func text(o *runtime.RemoteObject) string {
	switch {
	case o.Type == runtime.RemoteObjectTypeString:
		return unquote(o.Value)
	case o.Description != "":
		return o.Description
	case len(o.Value) > 0:
		return string(o.Value)
	}
	return string(o.Type)
}

func topURL(s *runtime.StackTrace) string {
	if s == nil || len(s.CallFrames) == 0 {
		return ""
	}
	return s.CallFrames[0].URL
}

// tabCrashed ends everything: no version of chromedp turns a crash into an error, actions would hang to their deadline.
func (r *recorder) tabCrashed(e event, what string) {
	if r.closing || r.crashed != nil {
		return
	}
	r.add(e, 0, wire.KindNote, wire.Note{Name: wire.NoteCrash, Text: "Chromium: " + what}, e.at)
	r.crash(&wire.Fault{
		Subject: "The browser", Symptom: wire.Crashed, Inconclusive: true,
		Want: "Chromium to live through the journey", Got: what + "; is there too little memory, or too small a /dev/shm?",
	})
}

func (r *recorder) eventsDropped(e event, n int) {
	r.add(e, 0, wire.KindNote, wire.Note{Name: wire.NoteDropped, Text: fmt.Sprintf("%d events of the browser came faster than they could be written", n)}, e.at)
}

// dialogOpening answers the browser's own dialogs (alert, confirm, "Leave site?"), which would stop the page for good.
func (r *recorder) dialogOpening(e event, ev *page.EventJavascriptDialogOpening) {
	r.add(e, 0, wire.KindConsole, wire.Console{Level: "dialog", Text: string(ev.Type) + ": " + ev.Message, URL: ev.URL}, e.at)
	r.do.acceptDialog(e.ctx)
}
