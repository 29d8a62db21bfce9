package browser

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"
)

// Places on the screen, as functions that return [x, y] when there is something to point at. A menu's items come only when
// it is open.
const (
	menuNamed = `() => { ` + place + ` return place([...document.querySelectorAll(".lm-MenuBar-item")].find((el) => el.textContent.trim() === %s)); }`
	menuItem  = `() => { ` + place + ` return place(document.querySelector(".lm-Menu [data-command=" + %s + "]:not(.lm-mod-disabled)")); }`
	element   = `() => { ` + place + ` return place(document.querySelector(%s)); }`
	place     = `const place = (el) => {
		if (!el || !el.getClientRects().length) return null;
		const box = el.getBoundingClientRect();
		const x = box.left + box.width / 2, y = box.top + box.height / 2;
		return el.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
	};`
)

// menuTime is how long an open menu has to offer its item before it is opened again: a menu shows what its commands could do
// when it was opened.
const menuTime = 2 * time.Second

// choose opens a menu of Jupyter's and clicks the item of a command in it. It points at both before it clicks: Lumino's
// menus ignore a click without the mouse's way there.
func (b *Browser) choose(ctx context.Context, menu, command string) error {
	item := fmt.Sprintf(menuItem, quote(quote(command)))
	for {
		if err := b.click(ctx, fmt.Sprintf(menuNamed, quote(menu))); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, menuTime)
		err := b.click(short, item)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if _, err := act(ctx, b, chromedp.KeyEvent("\x1b")); err != nil {
			return err
		}
	}
}

// click waits for a place, moves the mouse there and clicks.
func (b *Browser) click(ctx context.Context, place string) error {
	at, err := until[[]float64](ctx, b, place)
	if err != nil {
		return err
	}
	return b.clickAt(ctx, at)
}

// clickAt moves the mouse to a place and clicks.
func (b *Browser) clickAt(ctx context.Context, at []float64) error {
	_, err := act(ctx, b, chromedp.Steps(
		chromedp.MouseEvent(chromedp.MouseMoved, at[0]-3, at[1]),
		chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]),
		chromedp.MouseClickXY(at[0], at[1]),
	))
	return err
}
