package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// unrecognised is the finding of a step that no rule explains: hop and signature, and no guess.
func (v *View) unrecognised(target string) Finding {
	f := v.blank(target, Unrecognised)
	f.Hop = v.hop()
	f.Severity = v.severity(Fail)
	f.Suspects = v.guesses()
	f.Summary = v.signature() + v.compared() + v.sideBySide() + ". No known cause has this signature"
	f.Remedy = "Read the exchange in the timeline and the logs of the hop named here; if the signature is new, report it with the timeline so that it gets a name."
	return f
}

// guesses are faults that have looked so before, for a signature that proves none of them.
func (v *View) guesses() []string {
	s := status(v.X)
	switch {
	case v.X.ID == 0, v.X.Open.Role == wire.RoleOther, v.Warning():
	case launchStream(v.X) && v.Symptom(wire.PhaseFailed) && buildFailed(v):
		return []string{"repo-build-failed", "build-network-broken", "registry-push-denied"}
	case s == 404:
		return []string{"default-backend-404", "wrong-site", "base-url-mismatch"}
	case s == 403:
		return []string{"waf-blocked", "ws-credentials-stripped", "address-blocked"}
	case s == 503 && v.Answer.Product == "":
		return []string{"no-endpoints-503", "maintenance-page", "edge-rate-limit"}
	case s >= 500:
		return []string{"upstream-refused", "upstream-hang"}
	case s >= 300 && s < 400:
		return []string{"redirect-elsewhere", "base-url-mismatch", "login-required"}
	case v.Symptom(wire.Timeout):
		return []string{"upstream-hang", "cpu-starved-node", "cold-launch-slow"}
	case v.Symptom(wire.NoReply):
		return []string{"cpu-starved-node", "exec-slow-start", "server-lib-regression", "ws-frames-lost"}
	case v.Symptom(wire.SocketLost):
		return []string{"ws-cut-busy", "ingress-reload-cuts-ws", "server-died"}
	}
	return []string{}
}

// signature says what was seen, subject first.
func (v *View) signature() string {
	if v.X.ID == 0 {
		return clean(v.Fault.Error(), v.End.Error, v.Fault.Subject)
	}
	what := firstOf(v.Fault.Got, v.End.Error)
	s := status(v.X)
	if s == 0 {
		return fmt.Sprintf("No answer %s: %s", place(v.X), what)
	}
	if v.X.Opened() {
		return fmt.Sprintf("The %s is open: expected %s, got %s", socketName(v.X), v.Fault.Want, what)
	}
	if s < 400 && v.Fault.Want != "" && v.Fault.Symptom != "" {
		what = fmt.Sprintf("expected %s, got %s", v.Fault.Want, what) // the status is in order, so it alone tells nothing
	}
	if !strings.Contains(what, fmt.Sprint(s)) {
		what = fmt.Sprintf("%s, %s", say(s), what)
	}
	return fmt.Sprintf("%s answers %s: %s", v.who(), place(v.X), what)
}

// clean chooses the sentence for a fault without an exchange: the fault's own, or the step's error.
func clean(fault, err, subject string) string {
	if subject == "" && err != "" {
		return err
	}
	return fault
}

// hop is the hop that answered, or else the one where the request ended.
func (v *View) hop() Hop {
	x := v.X
	switch {
	case v.Symptom(wire.KernelDead, wire.NoReply, wire.CellError, wire.WrongOutput):
		return HopKernel
	case v.Answer.Hop != "":
		return v.Answer.Hop
	case x.ID == 0:
		return HopClient
	case x.DNS != nil && x.DNS.Error != "", v.Symptom(wire.DNSNotFound, wire.DNSFailed):
		return HopDNS
	case x.TLS != nil && x.TLS.Error != "", v.Symptom(wire.TLSExpired, wire.TLSName, wire.TLSAuthority, wire.TLSFailed):
		return HopTLS
	case v.Symptom(wire.TCPRefused, wire.TCPTimeout, wire.TCPUnreachable):
		return HopLB
	case x.Opened() && x.Open.Role == wire.RoleServer:
		return HopServer
	}
	return HopIngress
}

// answered names who answered the deciding exchange, with the version it gives away.
func (v *View) answered() string {
	if v.Answer.Name != "" {
		return v.Answer.Name
	}
	if status(v.X) != 0 {
		return "unknown"
	}
	return "nobody"
}

// who is answered as the subject of a sentence.
func (v *View) who() string {
	switch name := v.answered(); name {
	case "nobody":
		return "Nobody"
	case "unknown":
		return "A server that does not tell its name"
	case anonymous:
		return "A proxy that does not tell its name"
	default:
		return upper(name)
	}
}

// place names a role in a sentence.
func place(x *wire.Exchange) string {
	switch x.Open.Role {
	case wire.RoleHub:
		return "on the hub host"
	case wire.RoleServer:
		return "on the way to the user server"
	case wire.RoleOther:
		return "on another host"
	}
	return "on the binder host"
}
