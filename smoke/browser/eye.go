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
	switch v.Kind {
	case "painted":
		r.painted = true
	case "bar", "log":
		r.launch.progress.show(v.Kind, v.Text)
	case "blank":
		r.blank(v.URL)
	case "dialog":
		if allowedDialog(v.Text) {
			r.do.dismiss(e.ctx)
			return
		}
		r.raiseLater(eyeGrace, r.pageFault(v.URL, "no dialog in the way", "the dialog “"+v.Text+"”"), nil)
	case "launch":
		r.binderSays(wire.PhaseFailed, v.URL, "a launched server", v.Text)
	case "not-found":
		r.binderSays(wire.Content, v.URL, "the launch of the repository", v.Text)
	}
}

// binderSays raises what BinderHub's page itself says is wrong.
func (r *recorder) binderSays(symptom wire.Symptom, url, want, got string) {
	f := r.pageFault(url, want, got)
	f.Subject, f.Symptom = "BinderHub's page", symptom
	r.raiseLater(eyeGrace, f, nil)
}
