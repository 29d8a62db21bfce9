package web

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"
)

// drawing is an SVG under way. It holds no style: that is in the page's style sheet, by class.
type drawing struct {
	strings.Builder
	tall          bool
	width, height int // of a box
	along         int // between the boxes of a lane
	title         string
}

// Distances in pixels: between lanes, round the picture, and from the clients to the lanes' first boxes.
const (
	across = 30
	margin = 8
	fan    = 34
)

// svg draws the clients and the lanes that begin at them.
func (d *drawing) svg(clients []node, lanes []lane, spoken string) string {
	longest := 0
	for _, l := range lanes {
		longest = max(longest, len(l.nodes))
	}
	// As if wide: x runs along the lanes, y across them. place turns that for tall pictures.
	long, broad := d.width, d.height
	if d.tall {
		long, broad = d.height, d.width
	}
	start := margin + long + fan
	w := start + longest*(long+d.along) - d.along + margin
	h := margin*2 + max(len(lanes), len(clients))*(broad+across) - across
	labelRoom := 0
	if !d.tall {
		labelRoom = 16
		h += labelRoom
	}
	vw, vh := d.place(w, h)
	fmt.Fprintf(d, `<svg viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="%s"><title id="%s">%s</title>`, vw, vh, vw, vh, d.title, d.title, template.HTMLEscapeString(spoken))
	for i, l := range lanes {
		at := margin + labelRoom + i*(broad+across)
		for k := range clients {
			from := margin + labelRoom + k*(broad+across)
			d.line(margin+long, from+broad/2, start, at+broad/2, "link")
		}
		d.lane(l, start, at, long, broad)
	}
	for k, c := range clients {
		d.box(c, margin, margin+labelRoom+k*(broad+across), "client")
	}
	d.WriteString("</svg>")
	return d.String()
}

// lane draws the boxes of a lane and what joins them.
func (d *drawing) lane(l lane, x, y, long, broad int) {
	if !d.tall {
		fmt.Fprintf(d, `<text class="host" x="%d" y="%d">%s</text>`, x, y-6, template.HTMLEscapeString("to the "+l.host+" host"))
	}
	for i, n := range l.nodes {
		if i > 0 {
			class := "link"
			if n.state == "unseen" || l.nodes[i-1].state == "broken" {
				class = "link cut"
			}
			d.line(x-d.along, y+broad/2, x, y+broad/2, class)
		}
		d.box(n, x, y, "hop")
		x += long + d.along
	}
}

// place turns a point as if wide into one of the picture.
func (d *drawing) place(x, y int) (int, int) {
	if d.tall {
		return y, x
	}
	return x, y
}

// line joins two points as if wide, bent halfway when they are not on one line.
func (d *drawing) line(x1, y1, x2, y2 int, class string) {
	mid := (x1 + x2) / 2
	points := [][2]int{{x1, y1}, {mid, y1}, {mid, y2}, {x2, y2}}
	var path strings.Builder
	for i, p := range points {
		px, py := d.place(p[0], p[1])
		fmt.Fprintf(&path, "%c%d %d", "MLLL"[i], px, py)
	}
	fmt.Fprintf(d, `<path class="%s" d="%s"/>`, class, path.String())
}

// box draws one box with its three lines.
func (d *drawing) box(n node, x, y int, kind string) {
	x, y = d.place(x, y)
	fmt.Fprintf(d, `<g class="box %s %s"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="8"/>`, kind, n.state, template.HTMLEscapeString(n.title), x, y, d.width, d.height)
	label := n.label
	if n.state == "broken" {
		label = "✗ " + label
	}
	below := 0 // lines below the first
	for _, text := range []string{n.name, n.note} {
		if text != "" {
			below++
		}
	}
	y += d.height/2 + 5 - 8*below
	d.words("label", label, x, y, 7.2)
	d.words("name", n.name, x, y+16, 6)
	wide := 6.2
	if n.state == "broken" {
		wide = 6.4 // it is bold
	}
	d.words("note", n.note, x, y+16*below, wide)
	d.WriteString("</g>")
}

// words writes a line in the middle of a box, cut where it would not fit; each character is about so many pixels wide.
func (d *drawing) words(class, text string, x, y int, wide float64) {
	if text == "" {
		return
	}
	if room := int(float64(d.width-6) / wide); utf8.RuneCountInString(text) > room {
		text = string([]rune(text)[:room-1]) + "…"
	}
	fmt.Fprintf(d, `<text class="%s" x="%d" y="%d">%s</text>`, class, x+d.width/2, y, template.HTMLEscapeString(text))
}
