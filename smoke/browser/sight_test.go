package browser

import (
	"fmt"
	"image/color"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// The picture of these tests, as SVG: 40×20 in four colours.
const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="10" fill="rgb(200,0,0)"/><rect x="20" width="20" height="10" fill="rgb(0,200,0)"/>` +
	`<rect y="10" width="20" height="10" fill="rgb(0,0,200)"/><rect x="20" y="10" width="20" height="10" fill="rgb(90,90,90)"/></svg>`

var drawn = Sight{What: "the drawing", Width: 40, Height: 20, Quarters: [4]color.RGBA{{R: 200}, {G: 200}, {B: 200}, {R: 90, G: 90, B: 90}}}

func TestSee(t *testing.T) {
	word := Sight{Text: "seldom"}
	table := Sight{What: "the table", Text: "seldom", Inside: "table"}
	img := fmt.Sprintf(`<img src='data:image/svg+xml,%s'>`, drawing)
	d := newDouble(t, Options{}, lab())
	for name, c := range map[string]struct {
		output string
		sight  Sight
		seen   bool
	}{
		"text":                     {"a seldom word", word, true},
		"text far below":           {"<div style='height:5000px'></div>a <b>seldom</b> word", word, true},
		"no text":                  {"an often word", word, false},
		"hidden text":              {"<p hidden>seldom", word, false},
		"invisible text":           {"<p style='visibility:hidden'>seldom", word, false},
		"transparent text":         {"<p style='opacity:0'>seldom", word, false},
		"covered text":             {"seldom</div><div style='position:fixed;inset:0;background:white'>", word, false},
		"table":                    {"<table><td>seldom</table>", table, true},
		"table as text":            {"| seldom |", table, false},
		"image":                    {img, drawn, true},
		"image far below":          {"<div style='height:5000px'></div>" + img, drawn, true},
		"scaled image":             {"<style>img { width: 120px }</style>" + img, drawn, true},
		"drawing":                  {drawing, drawn, true},
		"image of another size":    {fmt.Sprintf(`<img src='data:image/svg+xml,%s'>`, `<svg xmlns="http://www.w3.org/2000/svg" width="41" height="20"/>`), drawn, false},
		"blank image":              {fmt.Sprintf(`<img src='data:image/svg+xml,%s'>`, `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>`), drawn, false},
		"image of other colours":   {"<style>img { filter: invert(1) }</style>" + img, drawn, false},
		"image that does not load": {"<img src=/missing.png width=40 height=20>", drawn, false},
		"covered image":            {img + "<div style='position:fixed;inset:0;background:white'></div>", drawn, false},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(lab().with("/user/jo-1/", html("<div class=jp-OutputArea-output>"+c.output+"</div>")))
			require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
			if c.seen {
				require.NoError(t, d.browser.See(limited(t, 20*time.Second), c.sight))
				return
			}
			f, _ := requireFault(t, d.tl, d.browser.See(limited(t, 400*time.Millisecond), c.sight), wire.NotRendered)
			require.Contains(t, f.Want, c.sight.String())
		})
	}
}
