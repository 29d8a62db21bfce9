package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/report/plain"
	"binderhub-smoke/smoke/wire"
)

// node is one box of the picture of the route.
type node struct {
	label, name, note string // three lines
	state             string // ok, broken or unseen
	title             string // all of it in words
}

// lane is the way to one host.
type lane struct {
	host  string
	nodes []node
}

// labels are hops as a picture names them; a hop that is not here has its own name.
var labels = map[diagnose.Hop]string{
	diagnose.HopDNS: "DNS", diagnose.HopTLS: "TLS", diagnose.HopLB: "address", diagnose.HopBinderHub: "BinderHub", diagnose.HopHub: "JupyterHub",
	diagnose.HopCHP: "CHP", diagnose.HopServer: "user server", diagnose.HopPod: "user pod",
}

// last are the hops behind the proxies of a host, in their order, and whether the picture shows one that was not seen.
var last = map[string][]struct {
	hop   diagnose.Hop
	shown bool
}{
	"binder": {{diagnose.HopBinderHub, true}, {diagnose.HopBuilder, false}, {diagnose.HopRegistry, false}, {diagnose.HopHub, false}, {diagnose.HopSpawner, false}},
	"hub":    {{diagnose.HopCHP, true}, {diagnose.HopHub, false}, {diagnose.HopSpawner, false}, {diagnose.HopServer, true}, {diagnose.HopKernel, true}, {diagnose.HopPod, false}},
}

func labelOf(h diagnose.Hop) string {
	if text := labels[h]; text != "" {
		return text
	}
	return plain.Line(string(h))
}

// lanes are the target's routes, each without the client and with the hops behind the last that was seen.
func (t *targetView) lanes() (lanes []lane) {
	for _, r := range t.Route {
		l := lane{host: plain.Line(r.Host)}
		seen := map[diagnose.Hop]bool{}
		for _, h := range r.Hops {
			if seen[h.Hop] = true; h.Hop != diagnose.HopClient {
				l.nodes = append(l.nodes, nodeOf(h))
			}
		}
		behind := last[r.Host]
		for i := len(behind) - 1; i >= 0; i-- {
			if seen[behind[i].hop] {
				behind = behind[i+1:]
				break
			}
		}
		for _, h := range behind {
			if h.shown {
				l.nodes = append(l.nodes, node{label: labelOf(h.hop), note: "not seen", state: "unseen", title: labelOf(h.hop) + ": not seen in this run"})
			}
		}
		lanes = append(lanes, l)
	}
	return lanes
}

func nodeOf(h diagnose.RouteHop) node {
	n := node{label: labelOf(h.Hop), name: plain.Line(h.Name), state: "ok", title: hopInWords(h)}
	if h.Seconds != nil {
		n.note = took(*h.Seconds)
	}
	if n.name == n.label {
		n.name = ""
	}
	if h.State == diagnose.StateBroken {
		n.state, n.note = "broken", plain.Line(h.Cause)
	}
	return n
}

func hopInWords(h diagnose.RouteHop) string {
	parts := []string{labelOf(h.Hop), plain.Line(h.Name), measured(h)}
	if h.State == diagnose.StateBroken {
		parts = append(parts, "broken: "+plain.Line(h.Cause))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// measured is how long a hop takes, or nothing.
func measured(h diagnose.RouteHop) string {
	if h.Seconds == nil {
		return ""
	}
	return fmt.Sprintf("%s %s (median of %d)", plain.Line(h.Measured), took(*h.Seconds), h.Count)
}

// clientNodes are the two clients that every way begins at.
func (t *targetView) clientNodes() []node {
	nodes := []node{{label: "raw client", state: "unseen", note: "did nothing"}, {label: "browser", state: "unseen", note: "did not run"}}
	for i, client := range []wire.Client{wire.Raw, wire.Browser} {
		if count := t.exchanges[client]; count > 0 {
			nodes[i].state, nodes[i].note = "ok", fmt.Sprintf("%d exchanges", count)
		}
		nodes[i].title = nodes[i].label + ": " + nodes[i].note
	}
	return nodes
}

// count counts what each client did with the target.
func (t *targetView) count() {
	t.exchanges = map[wire.Client]int{}
	for _, x := range t.evidence.Exchanges {
		if x.Open.Role != wire.RoleOther {
			t.exchanges[x.Client]++
		}
	}
}

// Spoken is the picture in words.
func (t *targetView) Spoken() (lines []string) {
	for _, r := range t.Route {
		lines = append(lines, plain.Line("Route to the "+r.Host+" host: "+r.String()))
	}
	return lines
}

// hopView is one hop in the table below the picture.
type hopView struct {
	Host, Hop, Name, State, Time, Adds string
}

// HopTable is the picture as a table.
func (t *targetView) HopTable() (rows []hopView) {
	for _, r := range t.Route {
		for _, h := range r.Hops {
			v := hopView{plain.Line(r.Host), labelOf(h.Hop), plain.Line(h.Name), string(h.State), measured(h), plain.Line(strings.Join(h.Adds, "; "))}
			if h.Cause != "" {
				v.State += ": " + plain.Line(h.Cause)
			}
			rows = append(rows, v)
		}
	}
	return rows
}

// Wide is the picture for wide screens and paper: a lane beside the other, from left to right.
func (t *targetView) Wide() template.HTML { return t.draw(false) }

// Tall is the picture for phones: from top to bottom.
func (t *targetView) Tall() template.HTML { return t.draw(true) }

func (t *targetView) draw(tall bool) template.HTML {
	lanes := t.lanes()
	if len(lanes) == 0 {
		return ""
	}
	d := &drawing{tall: tall, width: 122, height: 62, along: 14, title: fmt.Sprintf("route-%d-%t", t.Index, tall)}
	if tall {
		d.width, d.along = 164, 20
	}
	return template.HTML(d.svg(t.clientNodes(), lanes, strings.Join(t.Spoken(), ". ")))
}
