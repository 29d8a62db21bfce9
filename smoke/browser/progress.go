package browser

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// progress is what BinderHub's page has shown of a launch.
type progress struct {
	bar    []string // the labels of its progress bar, each state once
	log    []string // of its log, each state once
	hasBar bool     // the page has such a bar
	logAt  time.Duration
	came   []arrival // of the stream
}

// arrival is an event of the stream.
type arrival struct {
	at             time.Duration
	phase, message string
}

// maxShown bounds the states that are kept of bar and log, and the events.
const maxShown = 500

func (p *progress) show(kind, text string) {
	to := &p.bar
	if kind == "log" {
		to = &p.log
	}
	if len(*to) < maxShown {
		*to = append(*to, text)
	}
}

// showTime is how long a page may take to show what the stream has told it. Launches that are over sooner prove nothing.
const showTime = 2 * time.Second

// logButton returns where the button is that opens the log and whether there is a progress bar, or that the log is open, or that
// the page has gone.
const logButton = `() => {
	` + place + `
	if (/\/user\/[^/]+\//.test(location.pathname)) return { gone: true };
	const bar = !!document.querySelector(".progress-stacked[role=progressbar]");
	if (document.querySelector("#terminal-container:not(.d-none)")) return { open: true, bar };
	const at = document.querySelector("#loader, [name=repository]") && place(document.querySelector("#btn-show-log"));
	return at && { at, bar };
}`

// logState is what logButton returns.
type logState struct {
	At              []float64
	Bar, Open, Gone bool
}

// logButtonTime bounds the wait for that button: pages that are not BinderHub's current one have none.
const logButtonTime = 5 * time.Second

// openLog opens the log of BinderHub's page, as a person does who wonders. The page may move under the mouse, so it is clicked
// until the log is open. What goes wrong shows in the launch itself.
func (b *Browser) openLog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, logButtonTime)
	defer cancel()
	for {
		found, err := until[logState](ctx, b, logButton)
		if err != nil || found.Gone {
			return
		}
		b.rec.mu.Lock()
		p := &b.rec.launch.progress
		p.hasBar = p.hasBar || found.Bar
		if found.Open {
			p.logAt = b.rec.tl.Now()
		}
		b.rec.mu.Unlock()
		if found.Open || b.clickAt(ctx, found.At) != nil {
			return
		}
		b.rec.pause(ctx, redraw)
	}
}

// barStates are the states of the progress bar that BinderHub's page makes of phases. Source: BuilderLauncher.jsx and
// Progress.jsx of binderhub-react-components.
var barStates = map[string]string{"waiting": "Waiting", "building": "Building", "pushing": "Pushing", "built": "Pushing", "launching": "Launching"}

// unmoved says what of a launch the page did not show though it had the time, or nothing. Call with mu held.
func (l *launch) unmoved() (want, got string) {
	p := &l.progress
	var states, messages []string
	var ready time.Duration
	if n := len(p.came); n > 0 {
		ready = p.came[n-1].at
	}
	for _, a := range p.came {
		if ready-a.at < showTime {
			break
		}
		if state := barStates[a.phase]; state != "" && !slices.Contains(states, state) {
			states = append(states, state)
		}
		if m := words(a.message); m != "" {
			messages = append(messages, m)
		}
	}
	switch {
	case p.hasBar && len(states) > 0 && len(p.bar) == 0:
		return "a progress bar that shows " + strings.Join(states, ", "), "an empty one until the launch was over"
	case p.hasBar && len(states) > 1 && len(p.bar) == 1 && !strings.Contains(p.bar[0], " "):
		return "a progress bar that moves through " + strings.Join(states, ", "), "one that stood at " + p.bar[0]
	case p.logAt > 0 && ready-p.logAt > showTime && len(messages) > 0 && !shownIn(p.log, messages):
		return "the launch's log as it comes", fmt.Sprintf("a log without any of its %d messages", len(messages))
	}
	return "", ""
}

// shownIn tells whether a log has shown one of the messages.
func shownIn(log, messages []string) bool {
	for _, shown := range log {
		shown = words(shown)
		if slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(shown, m) }) {
			return true
		}
	}
	return false
}

// notWords is what a terminal shows otherwise than it came: white space, lines that are broken, and codes for colours.
var notWords = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\s+`)

// words are a message without them.
func words(message string) string {
	return strings.ToValidUTF8(notWords.ReplaceAllString(message, ""), "")
}

// progressFault is the fault of a page that did not show how the launch went. Call with mu held.
func (r *recorder) progressFault() error {
	want, got := r.launch.unmoved()
	if want == "" {
		return nil
	}
	return r.clean(&wire.Fault{
		Subject: "BinderHub's page", URL: r.launch.page, Symptom: wire.NotRendered, Want: want, Got: got,
		Exchanges: []wire.ExchangeID{r.launch.stream.exchange},
	})
}
