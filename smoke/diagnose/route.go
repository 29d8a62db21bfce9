package diagnose

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Route is the way of the requests to one of a target's two hosts, as far as a timeline shows it.
type Route struct {
	Host string     `json:"host"` // binder or hub
	Hops []RouteHop `json:"hops"` // in the order in which a request meets them
}

// State tells what a run has seen of a hop.
type State string

// The states of a hop.
const (
	StateOK     State = "ok"     // it answered, or passed on what others answered
	StateBroken State = "broken" // a finding of severity fail names it
)

// RouteHop is one hop of a route.
type RouteHop struct {
	Hop   Hop      `json:"hop"`
	Name  string   `json:"name"` // "nginx/1.22.1", "192.0.2.1:443", "TLS 1.3"
	State State    `json:"state"`
	Cause string   `json:"cause"` // of the finding that names it, or empty
	Adds  []string `json:"adds"`  // headers that it leaves on answers, "Server: nginx/1.22.1", or what it offers, "ALPN: h2"
	// Measured is what Seconds are the median of, over Count of the raw clients' exchanges: a lookup, a connection, a TLS
	// handshake, or the first byte of answers that this hop gave by itself. Seconds is null where there was none.
	Measured string        `json:"measured"`
	Seconds  *wire.Seconds `json:"seconds"`
	Count    int           `json:"count"`
}

// order is how a request meets the hops of a host.
var order = map[string][]Hop{
	"binder": {HopClient, HopDNS, HopLB, HopTLS, HopEdge, HopIngress, HopBinderHub, HopBuilder, HopRegistry, HopHub, HopSpawner},
	"hub":    {HopClient, HopDNS, HopLB, HopTLS, HopEdge, HopIngress, HopCHP, HopHub, HopSpawner, HopServer, HopKernel, HopPod},
}

// routes maps the way to both hosts. A host of which nothing was asked has none.
func routes(all []*wire.Exchange, found []Finding) []Route {
	out := []Route{}
	for _, name := range []string{"binder", "hub"} {
		s := sightings{host: name, seen: map[Hop]*sighting{}}
		for _, x := range all {
			if x.Open.Role != wire.RoleOther && host(x.Open.Role) == name {
				s.look(x)
			}
		}
		if s.asked {
			out = append(out, s.route(found))
		}
	}
	return out
}

// sighting is what the exchanges show of one hop.
type sighting struct {
	names []string
	adds  []string
	times []time.Duration
}

type sightings struct {
	host  string
	asked bool
	seen  map[Hop]*sighting
}

func (s *sightings) at(h Hop) *sighting {
	if s.seen[h] == nil {
		s.seen[h] = &sighting{}
	}
	return s.seen[h]
}

// saw notes a hop's name.
func (s *sightings) saw(h Hop, name string) *sighting {
	at := s.at(h)
	if name != "" && !slices.Contains(at.names, name) {
		at.names = append(at.names, name)
	}
	return at
}

// look takes in what one exchange shows.
func (s *sightings) look(x *wire.Exchange) {
	s.asked = true
	s.connection(x)
	if x.Response == nil {
		return
	}
	for _, f := range passedBy {
		if f.Match(x) {
			s.saw(f.Hop, named(f, x))
		}
	}
	if a, ok := Answered(x); ok && a.Page {
		answered := s.saw(a.Hop, a.Name)
		if x.Client != wire.Browser && x.Open.Type == wire.TypeHTTP {
			answered.times = append(answered.times, firstByte(x))
		}
		s.adds(x, a)
	}
	s.deeper(x)
}

// connection takes in what lies before HTTP: the name, the address, TLS.
func (s *sightings) connection(x *wire.Exchange) {
	if x.DNS != nil && x.DNS.Error == "" {
		dns := s.saw(HopDNS, urlOf(x).Hostname())
		if x.DNS.Override {
			dns.add("SMOKE_RESOLVE")
		} else if x.Client != wire.Browser {
			dns.times = append(dns.times, time.Duration(x.DNS.Seconds))
		}
	}
	for _, t := range x.TCP {
		if t.Error == "" {
			at := s.saw(HopLB, t.Address)
			if x.Client != wire.Browser {
				at.times = append(at.times, time.Duration(t.Seconds))
			}
		}
	}
	if x.TLS != nil && x.TLS.Error == "" {
		at := s.saw(HopTLS, x.TLS.Version)
		if x.TLS.ALPN != "" {
			at.add("ALPN: " + x.TLS.ALPN)
		}
		if x.Client != wire.Browser {
			at.times = append(at.times, time.Duration(x.TLS.Seconds))
		}
	}
}

// deeper takes in what only the content of an answer shows: what is behind BinderHub, and the kernel.
func (s *sightings) deeper(x *wire.Exchange) {
	if kind(x) == "kernel" && x.Opened() && slices.ContainsFunc(x.Frames, func(f wire.Frame) bool {
		return f.Direction == wire.Received && (f.Opcode == wire.OpText || f.Opcode == wire.OpBinary)
	}) {
		s.saw(HopKernel, "")
	}
	if !launchStream(x) {
		return
	}
	phases := map[string]Hop{"building": HopBuilder, "pushing": HopRegistry, "launching": HopHub, "ready": HopSpawner}
	for _, e := range events(x) {
		if h, ok := phases[e.Phase]; ok {
			s.saw(h, "")
		}
	}
}

// adds notes the headers by which hops tell of themselves. A header that may be any proxy's is the outermost one's.
func (s *sightings) adds(x *wire.Exchange, a Answer) {
	outermost := HopIngress
	if s.seen[HopEdge] != nil {
		outermost = HopEdge
	}
	server := a.Hop
	for _, f := range passedBy {
		if f.Match(x) {
			server = f.Hop
		}
	}
	for _, mark := range []struct {
		header string
		hop    Hop
		value  bool // is the same on all answers, and worth telling
	}{
		{"Server", server, true}, {"Via", outermost, true}, {"Alt-Svc", outermost, true}, {"Strict-Transport-Security", outermost, false},
		{"Cf-Ray", HopEdge, false}, {"X-Amz-Cf-Id", HopEdge, false}, {"X-Envoy-Upstream-Service-Time", HopIngress, false},
		{"X-Jupyterhub-Version", a.Hop, true},
	} {
		value := header(x, mark.header)
		if value == "" {
			continue
		}
		line := mark.header
		if mark.value {
			line += ": " + short(value)
		}
		s.at(mark.hop).add(line)
	}
}

func (s *sighting) add(line string) {
	if !slices.Contains(s.adds, line) && len(s.adds) < maxAdds {
		s.adds = append(s.adds, line)
	}
}

// firstByte is the time from the request to the head of its answer, without that of a connection made for it.
func firstByte(x *wire.Exchange) time.Duration {
	from := x.Open.At
	if x.Request != nil {
		from = x.Request.At
	}
	for _, t := range x.TCP {
		from = max(from, t.At)
	}
	if x.TLS != nil {
		from = max(from, x.TLS.At)
	}
	return max(0, x.Response.At-from)
}

// maxAdds bounds the headers of one hop: a server may answer each time with another.
const maxAdds = 8

// route puts the hops in order and marks those that a finding names.
func (s *sightings) route(found []Finding) Route {
	broken := map[Hop]string{}
	for _, f := range found {
		if f.Severity == Fail && host(f.Role) == s.host && broken[f.Hop] == "" {
			broken[f.Hop] = f.Cause
		}
	}
	r := Route{Host: s.host, Hops: []RouteHop{{Hop: HopClient, Name: "this machine", State: StateOK, Adds: []string{}}}}
	for _, h := range order[s.host] {
		seen, cause := s.seen[h], broken[h]
		if h == HopClient || (seen == nil && cause == "") {
			continue
		}
		hop := RouteHop{Hop: h, State: StateOK, Cause: cause, Adds: []string{}}
		if cause != "" {
			hop.State = StateBroken
		}
		if seen != nil {
			seen.fill(&hop)
		}
		r.Hops = append(r.Hops, hop)
	}
	return r
}

var measures = map[Hop]string{HopDNS: "lookup", HopLB: "connection", HopTLS: "handshake"}

// maxNames bounds the names of one hop.
const maxNames = 4

func (s *sighting) fill(hop *RouteHop) {
	hop.Name = strings.Join(s.names[:min(len(s.names), maxNames)], ", ")
	hop.Adds = append(hop.Adds, s.adds...)
	if len(s.times) == 0 {
		return
	}
	slices.Sort(s.times)
	median := wire.Seconds(s.times[len(s.times)/2])
	hop.Seconds, hop.Count, hop.Measured = &median, len(s.times), cmp.Or(measures[hop.Hop], "first byte")
}

// Broken tells whether a hop of the route is.
func (r Route) Broken() bool {
	return slices.ContainsFunc(r.Hops, func(h RouteHop) bool { return h.State == StateBroken })
}

// String is the route on one line: "you → nginx/1.22.1 (TLS) → CHP → ✗ user server (stale-route-503)". What lies before the
// first proxy is shown only where it is broken.
func (r Route) String() string {
	parts, secured := []string{"you"}, false
	for _, h := range r.Hops {
		switch h.Hop {
		case HopClient:
			continue
		case HopTLS:
			secured = h.State == StateOK
			fallthrough
		case HopDNS, HopLB:
			if h.State == StateOK {
				continue
			}
		}
		parts = append(parts, h.text(secured))
		secured = false
	}
	return strings.Join(parts, " → ")
}

// text is a hop of the line.
func (h RouteHop) text(secured bool) string {
	text := hopNames[h.Hop]
	if text == "" {
		text = cmp.Or(h.Name, string(h.Hop))
	}
	if h.Hop == HopLB {
		if address, _, err := net.SplitHostPort(h.Name); err == nil {
			text = address
		}
	}
	var said []string
	if secured {
		said = append(said, "TLS")
	}
	if h.State == StateBroken {
		text, said = "✗ "+text, append(said, h.Cause)
	}
	if len(said) > 0 {
		text += " (" + strings.Join(said, ", ") + ")"
	}
	return text
}

// hopNames are those hops whose name is always the same.
var hopNames = map[Hop]string{
	HopDNS: "DNS", HopTLS: "TLS", HopBinderHub: "BinderHub", HopBuilder: "builder", HopRegistry: "registry", HopHub: "JupyterHub", HopCHP: "CHP",
	HopSpawner: "spawner", HopServer: "user server", HopKernel: "kernel", HopPod: "user pod",
}
