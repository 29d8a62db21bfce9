package browser

import (
	_ "embed"
	"encoding/json"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"binderhub-smoke/smoke/wire"
)

// The script that watches every page, the isolated world in which it runs, and the function by which it tells.
//
//go:embed eye.js
var eyeScript string

const (
	eyeWorld   = "binderhub-smoke"
	eyeBinding = "smokeEye"
)

// eyeGrace lets the wire prove first what a page only shows.
const eyeGrace = 400 * time.Millisecond

// eyeSaw takes what the script saw.
func (r *recorder) eyeSaw(e event, ev *runtime.EventBindingCalled) {
	var v struct{ Kind, Text, URL string }
	if ev.Name != eyeBinding || json.Unmarshal([]byte(ev.Payload), &v) != nil {
		return
	}
	r.learn(v.URL)
	if v.Kind != "painted" && v.Kind != "log" {
		r.add(e, 0, wire.KindConsole, wire.Console{Level: "screen", Text: v.Kind + ": " + v.Text, URL: v.URL}, e.at)
	}
	if r.shown != r.visit {
		return // of the page that is being left
	}
	f := &wire.Fault{URL: v.URL, Got: v.Text, Symptom: wire.PageError}
	switch v.Kind {
	case "painted":
		r.painted = true
		return
	case "bar", "log":
		r.launch.progress.show(v.Kind, v.Text)
		return
	case "blank":
		r.blank(v.URL)
		return
	case "dialog":
		if allowedDialog(v.Text) {
			r.do.dismiss(e.ctx)
			return
		}
		f.Subject, f.Want, f.Got = "The page", "no dialog in the way", "the dialog “"+v.Text+"”"
	case "launch":
		f.Subject, f.Want, f.Symptom = "BinderHub's page", "a launched server", wire.PhaseFailed
	case "not-found":
		f.Subject, f.Want, f.Symptom = "BinderHub's page", "the launch of the repository", wire.Content
	default:
		return
	}
	if r.document != nil && r.document.exchange != 0 {
		f.Exchanges = []wire.ExchangeID{r.document.exchange}
	}
	r.raiseLater(eyeGrace, f, nil)
}
