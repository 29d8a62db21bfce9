// Package diagnose says what a timeline proves: which hop broke, by which cause, and what to do about it. It is a pure
// function of the timeline and knows neither network nor browser, so that a recording can be diagnosed anywhere.
package diagnose

import "binderhub-smoke/smoke/wire"

// Severity tells what a finding means for the verdict.
type Severity string

// The severities. A warning leaves its step's verdict pass.
const (
	Fail         Severity = "fail"
	Warn         Severity = "warn"
	Inconclusive Severity = "inconclusive" // we could not test; it says nothing about the deployment
)

// Hop is the part of the path that answered, or that did not.
type Hop string

// The hops, in the order in which a request meets them.
const (
	HopClient    Hop = "client"
	HopDNS       Hop = "dns"
	HopTLS       Hop = "tls"
	HopEdge      Hop = "edge"
	HopLB        Hop = "lb"
	HopIngress   Hop = "ingress"
	HopBinderHub Hop = "binderhub"
	HopBuilder   Hop = "builder"
	HopRegistry  Hop = "registry"
	HopHub       Hop = "hub"
	HopCHP       Hop = "chp"
	HopSpawner   Hop = "spawner"
	HopServer    Hop = "server"
	HopKernel    Hop = "kernel"
	HopPod       Hop = "pod"
)

// Finding is one cause at one host of one target, as the report shows it.
type Finding struct {
	Key      string    `json:"key"`      // target|host|cause; host is binder or hub
	Cause    string    `json:"cause"`    // id of the plainest catalogue row with this signature, or "unrecognised"
	Suspects []string  `json:"suspects"` // the faults that explain it, likeliest first
	Hop      Hop       `json:"hop"`
	Role     wire.Role `json:"role"`
	Severity Severity  `json:"severity"`
	Scenario string    `json:"scenario"` // of the first proof
	Step     string    `json:"step"`
	Also     []string  `json:"also"` // scenario/step of further proofs
	Summary  string    `json:"summary"`
	Remedy   string    `json:"remedy"`
	Link     string    `json:"link"` // section of the runbook, such as "runbook.md#ws-upgrade-missing"
	// Exchanges prove it, the deciding one first.
	Exchanges []wire.ExchangeID `json:"exchanges"`

	URL      string `json:"url"`      // of the deciding exchange, without secrets
	Answered string `json:"answered"` // who answered it, such as "nginx/1.22.1"; "nobody" without an answer
	// Known says until when and why this cause only warns, where the operators know of it; else empty.
	Known    string `json:"known"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
}
