package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// Sight is something that must be on the screen in a notebook: a text, or a picture when Width is set.
type Sight struct {
	// What names it in a sentence: "the HTML table". Empty: the text itself.
	What string
	// Text is what a person must be able to read.
	Text string
	// Inside is a CSS selector of an element that the text must be in: "table". Empty: any.
	Inside string
	// InCell is set for what stands in a cell's source and not in an output area.
	InCell bool
	// Width and Height are a picture's own, in pixels, Quarters the colours in the middle of its four quarters: above left,
	// above right, below left, below right.
	Width, Height int
	Quarters      [4]color.RGBA
}

func (s Sight) String() string {
	switch {
	case s.What != "" && s.Text != "":
		return fmt.Sprintf("%s with the text %q", s.What, s.Text)
	case s.What != "":
		return s.What
	}
	return fmt.Sprintf("the text %q", s.Text)
}

// onTop is a JavaScript function that tells whether an element is seen at its place: it scrolls there, and nothing must lie
// before it.
const onTop = `const onTop = (el, height) => {
	el.scrollIntoView({ block: "nearest" });
	const box = el.getBoundingClientRect();
	if (box.width < 1 || box.height < 1 || !el.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
	const x = Math.min(box.left + Math.min(box.width, 80) / 2, innerWidth - 1), y = Math.min(box.top + Math.min(box.height, height) / 2, innerHeight - 1);
	const top = document.elementFromPoint(x, y);
	return !!top && (el.contains(top) || top.contains(el));
};`

// readable looks for a text in some areas of the page, and is true when it is on top at its place on the screen.
const readable = `() => {
	` + onTop + `
	const text = %s, inside = %s;
	for (const area of document.querySelectorAll(%s)) {
		if (!area.textContent.includes(text)) continue;
		let el = area;
		for (let inner; (inner = [...el.children].find((c) => c.textContent.includes(text))); ) el = inner;
		if (inside && !el.closest(inside)) continue;
		if (onTop(el, 20)) return true;
	}
	return false;
}`

// Where outputs and sources are, in JupyterLab, Notebook 7 and the classic Notebook.
const (
	outputAreas = ".jp-OutputArea-output, .output_area"
	cellSources = ".jp-Cell .cm-content, .jp-Cell .CodeMirror"
)

// pictured looks for a picture of its own size in the output areas, and returns its place once it is wholly in the window
// and has been drawn: [x, y, width, height], from the document's corner.
const pictured = `() => {
	` + onTop + `
	const [width, height] = [%d, %d];
	for (const el of document.querySelectorAll(%s)) {
		const own = el.tagName === "IMG" ? [el.naturalWidth, el.naturalHeight] : [el.width.baseVal.value, el.height.baseVal.value];
		if (own[0] !== width || own[1] !== height || el.complete === false) continue;
		el.scrollIntoView({ block: "center" });
		const box = el.getBoundingClientRect();
		if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth || !onTop(el, box.height)) continue;
		return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done([box.left + scrollX, box.top + scrollY, box.width, box.height]))));
	}
	return null;
}`

// Rendered waits until a text is on the screen in an output area.
func (b *Browser) Rendered(ctx context.Context, text string) error {
	return b.See(ctx, Sight{Text: text})
}

// See waits until something is on the screen, as a person would see it: not hidden, not covered, inside the window, a
// picture in its own size or scaled, and in its own colours.
func (b *Browser) See(ctx context.Context, s Sight) error {
	b.rec.begin(ctx)
	var err error
	if s.Width > 0 {
		err = b.seePicture(ctx, s)
	} else {
		err = b.read(ctx, s)
	}
	area := "in an output area"
	if s.InCell {
		area = "in a cell"
	}
	x := expectation{subject: "The notebook's page", url: b.rec.documentURL(), want: s.String() + " on the screen " + area, late: wire.NotRendered}
	x.got = func() (string, []wire.ExchangeID) { return b.outputs(), nil }
	return b.explain(ctx, err, x)
}

// read waits for a text.
func (b *Browser) read(ctx context.Context, s Sight) error {
	areas := outputAreas
	if s.InCell {
		areas = cellSources
	}
	_, err := until[bool](ctx, b, fmt.Sprintf(readable, quote(s.Text), quote(s.Inside), quote(areas)))
	return err
}

// seePicture waits for a picture, and looks at the screen itself until its colours are there: a picture may have its place
// and still be blank.
func (b *Browser) seePicture(ctx context.Context, s Sight) error {
	for {
		images := quote(".jp-OutputArea-output img, .jp-OutputArea-output svg, .output_area img, .output_area svg")
		box, err := until[[]float64](ctx, b, fmt.Sprintf(pictured, s.Width, s.Height, images))
		if err != nil {
			return err
		}
		clip := page.Viewport{X: box[0], Y: box[1], Width: box[2], Height: box[3], Scale: 1}
		shot, err := act(ctx, b, func(ctx context.Context, t *chromedp.Target) (page.CaptureScreenshotResult, error) {
			return cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &clip})
		})
		if err != nil {
			return err
		}
		if showsQuarters(shot.Data, s.Quarters) {
			return nil
		}
		b.rec.pause(ctx, redraw)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// redraw is the pause between two looks at a picture that is not there yet.
const redraw = 100 * time.Millisecond

// showsQuarters tells whether a screenshot has these colours in the middle of its quarters, about: screens differ a little.
func showsQuarters(shot []byte, want [4]color.RGBA) bool {
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return false
	}
	size := img.Bounds()
	for i, c := range want {
		at := image.Pt(size.Min.X+size.Dx()*(1+2*(i%2))/4, size.Min.Y+size.Dy()*(1+2*(i/2))/4)
		if !alike(img.At(at.X, at.Y), c) {
			return false
		}
	}
	return true
}

// maxApart is how far the parts of two colours may be apart that a person takes for one.
const maxApart = 24

func alike(a color.Color, b color.RGBA) bool {
	r, g, bl, _ := a.RGBA()
	apart := func(x uint32, y uint8) bool { d := int(x>>8) - int(y); return d > maxApart || d < -maxApart }
	return !apart(r, b.R) && !apart(g, b.G) && !apart(bl, b.B)
}

// outputs says what the output areas hold instead.
func (b *Browser) outputs() string {
	ctx, cancel := context.WithTimeout(b.tab, deedTime)
	defer cancel()
	shown, err := run(ctx, b, b.tab, chromedp.Evaluate[string](`[...document.querySelectorAll("`+outputAreas+`")].map((o) => o.innerText +
		[...o.querySelectorAll("img")].map((i) => " an image of " + i.naturalWidth + "×" + i.naturalHeight).join("")).join(" · ")`))
	switch {
	case err != nil:
		return "no answer of the page"
	case strings.TrimSpace(shown) == "":
		return "no output"
	}
	return fmt.Sprintf("%q", short(shown, 300))
}

// quote writes a text as JavaScript does.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string: it cannot fail
	return string(quoted)
}
