package diagnose

import (
	"fmt"
	"slices"

	"binderhub-smoke/smoke/wire"
)

// Cause is what a timeline can prove: a signature, and what the person on call must know of it. A cause is data: adding
// one means one literal in the file of its group, a section of runbook.md and a test.
type Cause struct {
	ID    string // id of the plainest row of the catalogue with this signature
	Title string // names the cause in a list: "WebSocket upgrades are dropped"
	// Hop that is broken; empty: the one that answered.
	Hop Hop
	// At is the hop where it depends on the view; nil: Hop.
	At func(*View) Hop
	// Severity is Fail when empty. Inconclusive causes say nothing about the deployment.
	Severity Severity
	// Match tells whether the view has this cause's signature. Causes are tried in order; the first match wins.
	Match func(*View) bool
	// Ask returns probes that would tell it from its look-alikes; nil: none.
	Ask func(*View) []Probe
	// Cite returns further exchanges that prove it, beside those that the fault names; nil: none.
	Cite func(*View) []*wire.Exchange
	// Sentence is for the person on call, subject first.
	Sentence func(*View) string
	// Suspects are the faults that explain the signature, likeliest first.
	Suspects []string
	// Likelier returns suspects that this view's evidence moves to the front; nil: none.
	Likelier func(*View) []string
	// Remedy is what to do, likeliest first, with the exact settings.
	Remedy string
	// ByAnswer marks causes that rest on who answered: with an unverified fingerprint they give suspects, not a cause.
	ByAnswer bool
	// Mutes are causes on the same host that this one explains. MutesLaunch are causes that the launch shows, on whatever
	// host, because BinderHub only relays what broke elsewhere.
	Mutes, MutesLaunch []string
}

// rules are all causes in the order in which they are tried: first what is ours, then along the path of a request. Within
// a group the special comes before the general.
var rules = slices.Concat(
	runnerCauses,
	insideCauses,
	http2Causes,
	partialCauses,
	browserCauses,
	networkCauses,
	tlsCauses,
	handshakeTLSCauses,
	edgeCauses,
	limitCauses,
	websocketCauses,
	handshakeCauses,
	socketCauses,
	toldCauses,
	streamCauses,
	binderhubCauses,
	buildCauses,
	spawnCauses,
	hubCauses,
	failingCauses,
	authCauses,
	redirectCauses,
	kernelCauses,
	serverCauses,
	siteCauses,
	errorCauses,
	upstreamCauses,
	connectionCauses,
	refusalCauses,
)

// causes finds a cause by its id.
var causes = func() map[string]*Cause {
	byID := make(map[string]*Cause, len(rules))
	for i := range rules {
		byID[rules[i].ID] = &rules[i]
	}
	return byID
}()

// Causes returns the ids of all causes, in the order in which they are tried, unrecognised last.
func Causes() []string {
	ids := make([]string, 0, len(rules)+1)
	for _, c := range rules {
		ids = append(ids, c.ID)
	}
	return append(ids, Unrecognised)
}

// cause is the first that matches the view, or nil.
func (v *View) cause() *Cause {
	for i := range rules {
		if rules[i].Match(v) {
			return &rules[i]
		}
	}
	return nil
}

// finding explains the view by its cause.
func (v *View) finding(target string, c *Cause) Finding {
	switch {
	case c == nil:
		return v.unrecognised(target)
	case c.ByAnswer && v.Answer.Product != "" && !v.Answer.Verified:
		return v.suspected(target, c)
	}
	return v.explained(target, c)
}

func (v *View) explained(target string, c *Cause) Finding {
	f := v.blank(target, c.ID)
	f.Hop = c.Hop
	if c.At != nil {
		f.Hop = c.At(v)
	}
	if f.Hop == "" {
		f.Hop = v.hop()
	}
	f.Summary = c.Sentence(v) + v.sideBySide()
	f.Remedy = c.Remedy
	f.Suspects = c.suspects(v)
	f.Severity = v.severity(c.Severity)
	if c.Cite != nil {
		f.cite(c.Cite(v)...)
	}
	return f
}

// suspected is for a signature whose hop nobody has verified: the suspects without the cause.
func (v *View) suspected(target string, c *Cause) Finding {
	f := v.explained(target, c)
	f.Cause, f.Key, f.Link = Unrecognised, key(target, f.Role, Unrecognised), link(Unrecognised)
	f.Summary = fmt.Sprintf("%s. It looks like %s, but nobody has verified how %s answers then",
		v.signature(), c.ID, v.Answer.Product)
	return f
}

// suspects returns the cause's suspects, those that the view's evidence favours first.
func (c *Cause) suspects(v *View) []string {
	var out []string
	if c.Likelier != nil {
		out = append(out, c.Likelier(v)...)
	}
	for _, s := range c.Suspects {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// blank fills what does not depend on the cause.
func (v *View) blank(target, cause string) Finding {
	f := Finding{
		Key: key(target, v.Role(), cause), Cause: cause, Suspects: []string{}, Role: v.Role(), Scenario: v.Scenario, Step: v.Step,
		Also: []string{}, Link: link(cause), Exchanges: []wire.ExchangeID{}, URL: v.Fault.URL, Answered: v.answered(),
		Expected: v.Fault.Want, Got: v.Fault.Got,
	}
	if f.URL == "" {
		f.URL = v.X.Open.URL
	}
	f.cite(v.Proof...)
	return f
}

// cite adds exchanges that are not yet among the finding's.
func (f *Finding) cite(more ...*wire.Exchange) {
	for _, x := range more {
		if x.ID != 0 && !slices.Contains(f.Exchanges, x.ID) {
			f.Exchanges = append(f.Exchanges, x.ID)
		}
	}
}

// severity is the step's own where it has decided: a warning stays one, and what could not be tested proves nothing.
func (v *View) severity(of Severity) Severity {
	switch {
	case v.Warning():
		return Warn
	case v.End.Verdict == "inconclusive", of == Inconclusive:
		return Inconclusive
	}
	return Fail
}

func link(cause string) string { return "runbook.md#" + cause }
