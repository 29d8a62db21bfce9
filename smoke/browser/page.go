package browser

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// navigate goes to a page. It returns when the page has begun to load; what is wrong with its answer becomes the visit's
// fault, which has more to tell than the command's error.
func (b *Browser) navigate(ctx context.Context, url string) error {
	b.rec.learn(url)
	there := func(ctx context.Context, t *chromedp.Target) (page.NavigateResult, error) {
		return navigateTo(ctx, t, url)
	}
	res, err := act(ctx, b, there)
	if err == nil && res.ErrorText == aborted {
		res, err = act(ctx, b, there) // the page that is left went elsewhere at the same moment
	}
	if err != nil || res.ErrorText == "" {
		return err
	}
	short, cancel := context.WithTimeout(ctx, b.rec.patience+deedTime)
	defer cancel()
	err = b.rec.wait(short, func() bool { return false })
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return errors.New(res.ErrorText)
	}
	return err
}

// screenshotTime bounds a screenshot: a crashed or busy page never gives one.
const screenshotTime = 5 * time.Second

// Screenshot returns a PNG of what the tab shows, also after a fault.
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, screenshotTime)
	defer cancel()
	for {
		png, err := run(ctx, b, b.tab, chromedp.CaptureScreenshot())
		var early *cdproto.Error // between two pages there is none to be shown
		if err == nil || ctx.Err() != nil || !errors.As(err, &early) {
			return png, err
		}
		b.rec.pause(ctx, 50*time.Millisecond)
	}
}

// paintTime bounds the wait for a page's first picture.
const paintTime = 3 * time.Second

// painted is true when a page below a URL shows something: JupyterLab's splash or shell, Notebook's shell, or any words.
const painted = `() => location.href.startsWith(%s) && document.readyState !== "loading" && !!document.body &&
	(!!document.querySelector("#jupyterlab-splash, .jp-LabShell, .jp-NotebookShell") || document.body.innerText.trim() !== "") &&
	new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`

// furnished is true when a front end shows what it opens with: its launcher, a document, or Notebook 7's list of files.
const furnished = `() => [...document.querySelectorAll(".jp-LauncherCard, .jp-Document, .jp-NotebookShell .jp-DirListing-item")].some((el) => el.getClientRects().length > 0) &&
	new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`

// Painted waits until a page below a URL shows anything, for a short time: it is for pictures, and proves nothing.
func (b *Browser) Painted(ctx context.Context, below string) {
	b.pose(ctx, fmt.Sprintf(painted, strconv.Quote(below)))
}

// Furnished waits as Painted does until a front end shows more than its frame.
func (b *Browser) Furnished(ctx context.Context) { b.pose(ctx, furnished) }

// pose waits for a JavaScript function to be true. Where it is not the picture is an emptier one.
func (b *Browser) pose(ctx context.Context, function string) {
	ctx, cancel := context.WithTimeout(ctx, paintTime)
	defer cancel()
	_, _ = until[bool](ctx, b, function)
}
