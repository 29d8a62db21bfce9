package diagnose

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// launchEvent is what the diagnosis reads of an event of BinderHub's stream (builder.py emit).
type launchEvent struct {
	Phase      string `json:"phase"`
	Message    string `json:"message"`
	StatusCode int    `json:"status_code"`
	at         time.Duration
}

// launchStream tells whether an exchange is a launch: BinderHub's /build.
func launchStream(x *wire.Exchange) bool {
	return x.Open.Role == wire.RoleBinder && strings.Contains(urlOf(x).Path, "/build/")
}

// events reads an exchange's events; of a line that is no JSON, because it was cut, the text is kept.
func events(x *wire.Exchange) []launchEvent {
	var out []launchEvent
	for _, e := range x.Events {
		if e.Comment {
			continue
		}
		var l launchEvent
		if json.Unmarshal([]byte(e.Data), &l) != nil {
			l.Message = e.Data
		}
		l.Phase, l.at = strings.ToLower(l.Phase), e.At
		out = append(out, l)
	}
	return out
}

// failed returns the event by which BinderHub ended the launch. The bare one that follows a failed build says nothing, so
// the first counts. Without events, as from a browser that shows none, the fault's words are read.
func failed(v *View) (launchEvent, bool) {
	for _, e := range events(v.X) {
		if e.Phase == "failed" {
			return e, true
		}
	}
	if v.Fault.Symptom != wire.PhaseFailed {
		return launchEvent{}, false
	}
	e := launchEvent{Phase: "failed", Message: v.Fault.Got}
	if m := codeInWords.FindStringSubmatch(v.Fault.Got); m != nil {
		e.StatusCode, _ = strconv.Atoi(m[1])
	}
	return e, true
}

var codeInWords = regexp.MustCompile(`status_code (\d{3})`)

// refusal is the failed event of a launch that got nowhere: what BinderHub says itself, before it builds or launches.
func refusal(v *View, match func(launchEvent) bool) bool {
	e, ok := failed(v)
	return ok && match(e)
}

// saysFailed matches a failed event by its words.
func saysFailed(words ...string) func(*View) bool {
	return func(v *View) bool {
		return refusal(v, func(e launchEvent) bool { return holds(e.Message, words...) })
	}
}

// launching is all that BinderHub relayed of the launch: the reason of a failure may stand only in an earlier message.
func launching(v *View) string {
	var b strings.Builder
	for _, e := range events(v.X) {
		if e.Phase == "launching" || e.Phase == "failed" {
			b.WriteString(e.Message + "\n")
		}
	}
	if b.Len() == 0 && v.Fault.Symptom == wire.PhaseFailed {
		return v.Fault.Got
	}
	return b.String()
}

// buildLog is what the build printed: every line that is not of the launch.
func buildLog(v *View) string {
	var b strings.Builder
	for _, e := range events(v.X) {
		if e.Phase != "launching" && e.Phase != "ready" {
			b.WriteString(e.Message + "\n")
		}
	}
	return b.String()
}

// spawnFails matches a launch that failed after the build, by words of the hub's progress.
func spawnFails(words ...string) func(*View) bool {
	return func(v *View) bool {
		_, ok := failed(v)
		return ok && holds(launching(v), words...)
	}
}

// lastPhase is the phase that the stream reached; lines without one belong to the phase before them.
func lastPhase(x *wire.Exchange) string {
	last := ""
	for _, e := range events(x) {
		if e.Phase != "" && e.Phase != "unknown" {
			last = e.Phase
		}
	}
	return last
}

// quiet is how long a stream had been silent when it ended, and the time of its last sign of life.
func quiet(x *wire.Exchange) time.Duration {
	last := x.Open.At
	if x.Response != nil {
		last = x.Response.At
	}
	if n := len(x.Events); n > 0 {
		last = x.Events[n-1].At
	}
	if x.Close == nil {
		return 0
	}
	return max(0, x.Close.At-last)
}

// quote shortens a message for a sentence.
func quote(s string) string { return strconv.Quote(short(s)) }

// short is a message on one line, and not more of it than a sentence bears.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	return s
}

// failedWords is the message of the failed event as a sentence quotes it.
func failedWords(v *View) string {
	e, _ := failed(v)
	switch {
	case strings.TrimSpace(e.Message) != "":
		return quote(e.Message)
	case e.StatusCode != 0:
		return http.StatusText(e.StatusCode)
	}
	return "no reason is given"
}

// binderWords begin what BinderHub and the hub always say, whatever went wrong.
var binderWords = []string{"Launch attempt", "Launching server", "Found built image", "Built image", "Server requested", "Spawning server", "Failed to launch image"}

// spawnWords is the last thing that the hub said of the spawn; where it said nothing of its own, BinderHub's last words.
func spawnWords(v *View) string {
	words := ""
	for line := range strings.Lines(launching(v)) {
		line = strings.TrimSpace(line)
		own := !slices.ContainsFunc(binderWords, func(w string) bool { return strings.HasPrefix(line, w) })
		if line != "" && own {
			words = line
		}
	}
	if words == "" {
		return failedWords(v)
	}
	return quote(words)
}

// lineWith returns the last line of a log that holds one of the words.
func lineWith(log string, words ...string) string {
	found := ""
	for line := range strings.Lines(log) {
		if holds(line, words...) {
			found = line
		}
	}
	return found
}

// longest is the longest silence between the events of a stream, before its end.
func longest(x *wire.Exchange) time.Duration {
	var most time.Duration
	for i := 1; i < len(x.Events); i++ {
		most = max(most, x.Events[i].At-x.Events[i-1].At)
	}
	return most
}
