package diagnose

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// evidence is everything that a timeline holds, folded once for all views.
type evidence struct {
	all     []*wire.Exchange
	byID    map[wire.ExchangeID]*wire.Exchange
	started time.Time // by the clock of the machine that ran the suite; zero where the timeline does not tell
}

func newEvidence(all []*wire.Exchange, notes []wire.StepNote) *evidence {
	e := &evidence{all: all, byID: make(map[wire.ExchangeID]*wire.Exchange, len(all))}
	for _, n := range notes {
		if n.Note.Run != nil {
			e.started = n.Note.Run.Started
		}
	}
	for _, x := range all {
		e.byID[x.ID] = x
	}
	return e
}

// View is one step's end and all that is known beside it: what a rule looks at.
type View struct {
	Scenario, Step string
	End            wire.StepEnd
	Fault          wire.Fault       // of the step; a zero one when the step only had an error
	X              *wire.Exchange   // that decided; never nil, but without an ID when no exchange did
	Proof          []*wire.Exchange // X and the others that the fault names
	All            []*wire.Exchange // of the target
	Answer         Answer           // who answered X; zero when nobody did
	at             time.Duration    // when the step ended
	started        time.Time        // when the run did, by our clock
}

func newView(seen *evidence, n wire.StepNote) *View {
	v := &View{Scenario: n.Scenario, Step: n.Step, End: *n.Note.Step, All: seen.all, X: &wire.Exchange{}, at: n.Note.At, started: seen.started}
	if v.End.Fault != nil {
		v.Fault = *v.End.Fault
	}
	for _, id := range v.Fault.Exchanges {
		if x := seen.byID[id]; x != nil {
			v.Proof = append(v.Proof, x)
		}
	}
	if len(v.Proof) == 0 {
		v.Proof = v.guess()
	}
	if len(v.Proof) > 0 {
		v.X = v.Proof[0]
	}
	if twin, ok := v.rawTwin(); ok {
		v.X, v.Proof = twin, append(v.Proof, twin)
	}
	v.Answer, _ = Answered(v.X)
	return v
}

// guess finds the exchange that a fault forgot to name: the step's last one with the fault's URL.
func (v *View) guess() []*wire.Exchange {
	if v.Fault.URL == "" {
		return nil
	}
	for _, x := range slices.Backward(v.All) {
		if x.Scenario == v.Scenario && x.Step == v.Step && x.Open.URL == v.Fault.URL {
			return []*wire.Exchange{x}
		}
	}
	return nil
}

// provedAt orders views: when the fault was seen, or the exchange that the step saw first ended, or else when the step did.
func (v *View) provedAt() time.Duration {
	switch {
	case v.Fault.At > 0:
		return min(v.at, v.Fault.At)
	case len(v.Proof) == 0:
		return v.at
	}
	return min(v.at, v.Proof[0].Ended())
}

// Role is what the deciding exchange was for; without one, or for a third party's, the scenario tells.
func (v *View) Role() wire.Role {
	if r := v.X.Open.Role; r != "" && r != wire.RoleOther {
		return r
	}
	switch v.Scenario {
	case "hub-host", "idle":
		return wire.RoleHub
	case "server", "kernel", "terminal", "pod", "clean-up":
		return wire.RoleServer
	}
	return wire.RoleBinder
}

// Warning tells whether the step passed and only warns.
func (v *View) Warning() bool { return passed(v.End) }

// Symptom tells whether the fault, or the close of its exchange, has one of these symptoms.
func (v *View) Symptom(of ...wire.Symptom) bool {
	return slices.Contains(of, v.Fault.Symptom) || (v.X.Close != nil && slices.Contains(of, v.X.Close.Symptom))
}

// In tells whether the step is one of these, each written scenario/step, or */step for a step of any scenario.
func (v *View) In(steps ...string) bool {
	name := wire.StepName{Scenario: v.Scenario, Step: v.Step}.String()
	return slices.ContainsFunc(steps, func(s string) bool {
		if step, every := strings.CutPrefix(s, "*/"); every {
			return v.Step == step
		}
		return s == name
	})
}

// Text is everything that the fault and its exchange say in words, for causes that only words tell apart.
func (v *View) Text() string {
	parts := []string{v.Fault.Subject, v.Fault.Got, v.Fault.Want, v.End.Error}
	if v.X.Close != nil {
		parts = append(parts, v.X.Close.Error, v.X.Close.Reason)
	}
	return strings.Join(parts, "\n")
}

// Says tells whether Text holds one of these words, whatever their case.
func (v *View) Says(words ...string) bool { return holds(v.Text(), words...) }

// Others returns the other exchanges that keep a condition.
func (v *View) Others(keep func(*wire.Exchange) bool) []*wire.Exchange {
	var out []*wire.Exchange
	for _, x := range v.All {
		if x.ID != v.X.ID && keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// Other returns the first of Others.
func (v *View) Other(keep func(*wire.Exchange) bool) (*wire.Exchange, bool) {
	for _, x := range v.All {
		if x.ID != v.X.ID && keep(x) {
			return x, true
		}
	}
	return nil, false
}

// SameHost tells whether an exchange went to the same host and port as the deciding one. On a deployment with one host for
// both, the two still have settings of their own, so the role must be on the same side too.
func (v *View) SameHost(x *wire.Exchange) bool {
	return authority(x) == authority(v.X) && host(x.Open.Role) == host(v.X.Open.Role)
}

// holds tells whether text holds one of the words, whatever their case.
func holds(text string, words ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, strings.ToLower(w)) })
}

// urlOf parses an exchange's URL; of one that is none it returns an empty URL.
func urlOf(x *wire.Exchange) *url.URL {
	u, err := url.Parse(x.Open.URL)
	if err != nil {
		return &url.URL{}
	}
	return u
}

func authority(x *wire.Exchange) string { return strings.ToLower(urlOf(x).Host) }
