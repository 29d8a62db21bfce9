package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// ErrNoForm says that a front page has loaded and holds no form that we know, or none for the kind of repository that is to
// be launched: BinderHub's page was another before May 2024, and operators may write their own.
type ErrNoForm struct{ Reason string }

// Error returns the reason.
func (e *ErrNoForm) Error() string { return e.Reason }

// provider is what the page's configuration says of a kind of repository. Source: BinderHub's repoproviders.py, display_config.
type provider struct {
	ID, DisplayName string
	Repo            struct{ URLEncode bool }
	Ref             struct{ Enabled bool }
}

// filled is what is typed into the form.
type filled struct{ repository, ref string }

// The form's landmarks. They are those that BinderHub's own tests rely on, and its labels for people who do not see.
const (
	repositoryField = `input[name=repository]`
	refField        = `input[name=ref]`
	kindButton      = `button[aria-label="Select repository type"]`
	kindItems       = `#repository-type-dropdown button`
	launchURLShown  = `[data-testid="launch-url"]`
	launchButton    = `#btn-launch`
)

// formThere returns the providers once the form is on the screen, and "none" once a page has been drawn without it.
const formThere = `() => {
	const config = window.pageConfig, field = document.querySelector(%s);
	if (field && field.getClientRects().length && config) return { providers: config.repoProviders };
	const drawn = document.readyState === "complete" && !!document.body && document.body.innerText.trim() !== "";
	window.smokeDrawn = drawn ? window.smokeDrawn || performance.now() : 0;
	return drawn && performance.now() - window.smokeDrawn > 3000 ? { none: true } : null;
}`

// formState is what formThere returns.
type formState struct {
	Providers []provider
	None      bool
}

// FillForm opens BinderHub's front page and fills its form, as a person does who has no link. spec is what is to be launched,
// as in BinderHub's launch URLs. It returns the launch URL that the page then shows. A page without such a
// form is an *ErrNoForm.
func (b *Browser) FillForm(ctx context.Context, front, spec string) (shown string, err error) {
	b.rec.begin(ctx)
	b.rec.leave()
	var there formState
	if err = b.navigate(ctx, front); err == nil {
		there, err = until[formState](ctx, b, fmt.Sprintf(formThere, quote(repositoryField)))
	}
	x := expectation{subject: "BinderHub's front page", url: front, want: "its form", got: b.rec.pageSoFar, late: wire.NotRendered}
	if err != nil {
		return "", b.explain(ctx, err, x)
	}
	if there.None {
		return "", &ErrNoForm{"the front page has no form that the suite knows"}
	}
	kind, what, err := formFor(there.Providers, spec)
	if err == nil {
		err = b.explain(ctx, b.fill(ctx, kind, what), x)
	}
	if err != nil {
		return "", err
	}
	return b.launchURL(ctx, front, spec)
}

// formFor says what is to be typed for a spec.
func formFor(providers []provider, spec string) (provider, filled, error) {
	id, rest, _ := strings.Cut(spec, "/")
	for _, p := range providers {
		if p.ID != id {
			continue
		}
		what := filled{repository: rest}
		if i := strings.LastIndex(rest, "/"); p.Ref.Enabled && i >= 0 {
			what = filled{rest[:i], rest[i+1:]}
		}
		if plain, err := url.PathUnescape(what.repository); err == nil && p.Repo.URLEncode {
			what.repository = plain
		}
		return p, what, nil
	}
	return provider{}, filled{}, &ErrNoForm{fmt.Sprintf("the front page's form offers no repositories of the kind %q", id)}
}

// fill chooses the kind of repository and types.
func (b *Browser) fill(ctx context.Context, kind provider, what filled) error {
	shown, err := act(ctx, b, chromedp.Evaluate[string](`(document.querySelector(`+quote(kindButton)+`)?.textContent || "").trim()`))
	if err == nil && shown != kind.DisplayName {
		err = b.chooseKind(ctx, kind.DisplayName)
	}
	if err == nil {
		err = b.enter(ctx, repositoryField, what.repository)
	}
	if err == nil && what.ref != "" {
		err = b.enter(ctx, refField, what.ref)
	}
	return err
}

func (b *Browser) chooseKind(ctx context.Context, name string) error {
	if err := b.click(ctx, fmt.Sprintf(element, quote(kindButton))); err != nil {
		return err
	}
	return b.click(ctx, `() => { `+place+` return place([...document.querySelectorAll(`+quote(kindItems)+`)].find((el) => el.textContent.trim() === `+quote(name)+`)); }`)
}

// enter clicks a field and types a text in place of what it holds. A page that is still being drawn may move the field away
// from under the click, or take the focus from it; then it is clicked again, as a person would.
func (b *Browser) enter(ctx context.Context, field, text string) error {
	for {
		if err := b.click(ctx, fmt.Sprintf(element, quote(field))); err != nil {
			return err
		}
		typed, err := act(ctx, b, func(ctx context.Context, t *chromedp.Target) (bool, error) {
			if selected, err := chromedp.Evaluate[bool](inField(field, "field.select(), true"))(ctx, t); err != nil || !selected {
				return false, err
			}
			if _, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
				return false, err
			}
			return chromedp.Evaluate[bool](inField(field, "true"))(ctx, t)
		})
		if err != nil || typed {
			return err
		}
		b.rec.pause(ctx, 20*time.Millisecond)
	}
}

// inField is a JavaScript expression: false unless a field has the focus, else what then tells of it.
func inField(field, then string) string {
	return `(() => { const field = document.querySelector(` + quote(field) + `); return !!field && document.activeElement === field && (` + then + `); })()`
}

// launchURL waits until the page shows the launch URL of a spec.
func (b *Browser) launchURL(ctx context.Context, front, spec string) (string, error) {
	shows := `document.querySelector(` + quote(launchURLShown) + `)?.textContent.trim()`
	shown, err := until[string](ctx, b, `() => { const shown = `+shows+`; return shown && shown.endsWith(`+quote("/v2/"+spec)+`) && shown; }`)
	return shown, b.explain(ctx, err, expectation{
		subject: "The form of BinderHub's front page", url: front, want: "the launch URL …/v2/" + spec, late: wire.Content,
		got: func() (string, []wire.ExchangeID) {
			_, proof := b.rec.pageSoFar()
			return b.reads(shows), proof
		},
	})
}

// reads is what the page has to say at a place, for faults.
func (b *Browser) reads(expression string) string {
	ctx, cancel := context.WithTimeout(b.tab, deedTime)
	defer cancel()
	text, err := run(ctx, b, b.tab, chromedp.Evaluate[string](`"" + (`+expression+` ?? "nothing")`))
	if err != nil {
		return "no answer of the page"
	}
	return fmt.Sprintf("%q", short(text, 300))
}

// LaunchByForm launches by the form that FillForm has filled, and follows the page as Launch does. It spends one launch of the
// rate limit: the front page has no build token.
func (b *Browser) LaunchByForm(ctx context.Context) (Server, error) {
	b.rec.begin(ctx)
	page := b.rec.documentURL()
	b.rec.mu.Lock()
	b.rec.launch.page = page
	b.rec.mu.Unlock()
	return b.follow(ctx, page, b.click(ctx, fmt.Sprintf(element, quote(launchButton))))
}
