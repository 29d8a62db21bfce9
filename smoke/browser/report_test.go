package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/report/reporttest"
	"binderhub-smoke/smoke/report/web"
)

// reader is a person with a browser who looks at a report.
type reader struct {
	t   *testing.T
	tab context.Context
}

// troubles notes what a page's policy stopped and what its scripts raised.
const troubles = `window.troubles = [];
addEventListener("securitypolicyviolation", (e) => troubles.push(e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => troubles.push(String(e.message)));`

func newReader(t *testing.T) *reader {
	t.Helper()
	needsChromium(t)
	path, err := find()
	require.NoError(t, err)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	pool, closePool := chromedp.NewExecAllocator(ctx, flags...)
	tab, closeTab := chromedp.NewContext(pool, silent...)
	t.Cleanup(func() { closeTab(); closePool(); cancel() })
	r := &reader{t, tab}
	do(r, func(ctx context.Context, t *chromedp.Target) (page.AddScriptToEvaluateOnNewDocumentResult, error) {
		return cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: troubles})
	})
	return r
}

func do[T any](r *reader, a chromedp.Action[T]) T {
	r.t.Helper()
	v, err := chromedp.Run(r.tab, a)
	require.NoError(r.t, err)
	return v
}

// sees returns what an expression says in the page.
func sees[T any](r *reader, expression string) T {
	r.t.Helper()
	return do(r, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// await waits until an expression is true.
func (r *reader) await(expression string) {
	r.t.Helper()
	sees[bool](r, `new Promise((done) => { const look = () => (`+expression+`) ? done(true) : setTimeout(look, 20); look(); })`)
}

func (r *reader) press(keys string) { do(r, chromedp.KeyEvent(keys)) }

// look gives the page a width in pixels and a colour scheme.
func (r *reader) look(width int64, scheme string) {
	do(r, chromedp.EmulateViewport(width, 900))
	do(r, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	})
}

// open opens report.html of a directory, as from disk.
func (r *reader) open(dir string) {
	do(r, chromedp.Navigate((&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "report.html"))}).String()))
}

func written(t *testing.T, exchanges int) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, report.WritePages(dir, reporttest.Write(t, dir, exchanges), nil))
	return dir
}

const count = `document.querySelector(".count").textContent`

func TestAReportIsReadInABrowser(t *testing.T) {
	r := newReader(t)
	r.open(written(t, 60))
	assert.Contains(t, sees[string](r, `document.querySelector("h1").innerText`), "FAIL")
	assert.Contains(t, sees[string](r, `document.querySelector(".finding").innerText`), "The ingress answers for BinderHub, but cannot connect to it.")
	assert.Contains(t, sees[string](r, `document.querySelector(".route .broken").textContent`), "✗ ingress")
	assert.Positive(t, sees[int](r, `document.querySelector(".shot img").decode().then(() => document.querySelector(".shot img").naturalWidth)`), "the screenshot is a picture")

	sees[bool](r, `(document.getElementById("timeline-0").scrollIntoView(), true)`)
	r.await(`document.querySelector("[role=option]")`)
	all := sees[string](r, count)
	assert.Equal(t, "62 of 62", all)
	sees[bool](r, `(document.querySelector("input[type=search]").focus(), true)`)
	r.press("chunk.33")
	assert.Equal(t, "1 of 62", sees[string](r, count))
	sees[bool](r, `(document.querySelector("input[type=search]").select(), true)`)
	r.press(kb.Backspace)
	assert.Equal(t, all, sees[string](r, count))

	sees[bool](r, `(document.querySelector(".proof").click(), true)`)
	shown := sees[string](r, `document.querySelector(".detail").innerText`)
	assert.Contains(t, shown, "Exchange 1: GET 502")
	assert.Contains(t, shown, "nginx/1.27.0", "headers")
	assert.Contains(t, shown, `<script>document.title='owned'</script>`, "the first bytes, as text")
	assert.Contains(t, shown, `\x1b]0;owned\x07`)

	assert.Empty(t, sees[[]string](r, `troubles`), "the policy had nothing to stop")
	assert.NotContains(t, sees[string](r, `document.title`), "owned")
	assert.Equal(t, 0, sees[int](r, `document.querySelectorAll("[onerror]").length`))
}

func TestAReportIsReadByKeyboard(t *testing.T) {
	r := newReader(t)
	r.open(written(t, 60))
	sees[bool](r, `(document.getElementById("timeline-0").scrollIntoView(), true)`)
	r.await(`document.querySelector("[role=option]")`)
	sees[bool](r, `(document.querySelector(".view").focus(), true)`)
	active := func() string {
		return sees[string](r, `document.getElementById(document.querySelector(".view").getAttribute("aria-activedescendant")).innerText`)
	}
	r.press(kb.ArrowDown)
	assert.Contains(t, active(), "502")
	r.press(kb.End)
	assert.Contains(t, active(), "error:", "the last row is the console's line")
	r.press(kb.Home)
	assert.Contains(t, active(), "502")
	r.press(kb.Enter)
	assert.True(t, sees[bool](r, `document.activeElement.matches(".detail") && document.activeElement.innerText.includes("Exchange 1")`))
	r.press(kb.Escape)
	assert.True(t, sees[bool](r, `document.activeElement.matches(".view") && document.querySelector(".detail").hidden`))
	whole := sees[string](r, `document.querySelector(".ruler").innerText`)
	r.press("+")
	assert.NotEqual(t, whole, sees[string](r, `document.querySelector(".ruler").innerText`), "it zooms in")
	r.press("0")
	assert.Equal(t, whole, sees[string](r, `document.querySelector(".ruler").innerText`), "and back")
}

func TestAReportWithoutScripts(t *testing.T) {
	r := newReader(t)
	do(r, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	r.open(written(t, 10))
	text := sees[string](r, `document.body.innerText`)
	for _, part := range []string{"FAIL", "cannot connect to it", "kubectl -n binder get endpoints", "The timeline is drawn by a script"} {
		assert.Contains(t, text, part)
	}
}

// A report of 5,000 exchanges is drawn in under two seconds, its loading included.
func TestALargeReportIsDrawnSoon(t *testing.T) {
	r := newReader(t)
	dir, large := t.TempDir(), reporttest.Large(5000)
	b := web.NewBuilder(smoke.Result{Targets: []smoke.TargetResult{large.Result}}, nil)
	b.Add(large)
	page, err := b.Render()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.html"), page, 0o644))
	best := 1e9
	for range 3 {
		r.open(dir)
		took := sees[float64](r, `new Promise((done) => {
			document.getElementById("timeline-0").scrollIntoView();
			const look = () => document.querySelector("[role=option]") ? done(performance.now()) : requestAnimationFrame(look);
			look();
		})`)
		best = min(best, took)
	}
	t.Logf("drawn after %.0f ms", best)
	assert.Less(t, best, 2000.0)
	assert.Less(t, sees[int](r, `document.querySelectorAll("[role=option]").length`), 200, "only what can be seen is drawn")
	assert.Equal(t, "5000 of 5000", sees[string](r, count))
}

// tool is a file of the packages that scripts/setup installs with a flag, or skips the test.
func tool(t *testing.T, flag, path string) string {
	t.Helper()
	deps := os.Getenv("SMOKE_DEPS")
	if deps == "" {
		deps = filepath.Join("..", "..", ".deps")
	}
	file, err := filepath.Abs(filepath.Join(deps, filepath.FromSlash(path)))
	require.NoError(t, err)
	if _, err := os.Stat(file); err != nil {
		t.Skip("not installed (scripts/setup " + flag + "): " + path)
	}
	return file
}

// violations runs axe-core in a page.
const violations = `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target + ": " + n.failureSummary)))`

func TestAReportIsAccessible(t *testing.T) {
	axe, err := os.ReadFile(tool(t, "--pages", "pages/node_modules/axe-core/axe.min.js"))
	require.NoError(t, err)
	r := newReader(t)
	dir := written(t, 20)
	for width, scheme := range map[int64]string{390: "dark", 1280: "light"} {
		r.look(width, scheme)
		r.open(dir)
		sees[bool](r, `(document.getElementById("timeline-0").scrollIntoView(), true)`)
		r.await(`document.querySelector("[role=option]")`)
		sees[bool](r, `(document.querySelectorAll("details:not(.shot)").forEach((d) => d.open = true), document.querySelector(".proof").click(), true)`)
		sees[bool](r, string(axe)+"; true")
		assert.Empty(t, sees[[]string](r, violations), "%d pixels, %s", width, scheme)
		assert.LessOrEqual(t, sees[int](r, `document.documentElement.scrollWidth`), int(width), "nothing sticks out")
	}
}

// replay opens a page of an archive as Playwright does, without a network, and prints its text.
const replay = `
const {chromium} = await import(process.argv[1]);
const browser = await chromium.launch({executablePath: process.argv[2], args: process.getuid?.() === 0 ? ["--no-sandbox"] : []});
const page = await browser.newPage();
await page.routeFromHAR(process.argv[3], {notFound: "abort"});
await page.goto("https://binder.example.org/health");
console.log(await page.innerText("body"));
console.log(await page.goto("https://hub.example.org/nowhere").then(() => "came", () => "aborted"));
await browser.close();
`

func TestPlaywrightReadsTheArchive(t *testing.T) {
	playwright := tool(t, "--bench", "playwright/node_modules/playwright-core/index.mjs")
	needsChromium(t)
	chromium, err := find()
	require.NoError(t, err)
	archive := filepath.Join(written(t, 20), "network.har")
	out, err := exec.Command("node", "--input-type=module", "-e", replay, playwright, chromium, archive).CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Fields(string(out))
	require.Len(t, lines, 2, string(out))
	assert.Equal(t, strings.Repeat("x", 2048), lines[0], "the first bytes of the body that was recorded")
	assert.Equal(t, "aborted", lines[1], "what is not in the archive")
}

func TestThePageIsValid(t *testing.T) {
	validator := tool(t, "--pages", "pages/node_modules/html-validate/bin/html-validate.mjs")
	out, err := exec.Command("node", validator, "--preset", "recommended", "--formatter", "text", filepath.Join(written(t, 20), "report.html")).CombinedOutput()
	assert.NoError(t, err, string(out[:min(len(out), 2000)]))
}

// Pictures for people: REPORT_PICTURES names a directory, REPORT_DIRECTORY a report that is shown instead of the test's.
func TestPicturesOfAReport(t *testing.T) {
	out, dir := os.Getenv("REPORT_PICTURES"), os.Getenv("REPORT_DIRECTORY")
	if out == "" {
		t.Skip("REPORT_PICTURES names no directory")
	}
	if dir == "" {
		dir = written(t, 60)
	}
	r := newReader(t)
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			r.look(width, scheme)
			r.open(dir)
			sees[bool](r, `(document.getElementById("timeline-0").scrollIntoView(), true)`)
			r.await(`document.querySelector("[role=option]")`)
			sees[bool](r, `(document.querySelector(".proof")?.click(), document.querySelectorAll(".scenario:has(.shot)").forEach((d) => d.open = true), scrollTo(0, 0), true)`)
			png := do(r, chromedp.FullScreenshot(100))
			require.NoError(t, os.WriteFile(filepath.Join(out, fmt.Sprintf("%s-%d-%s.png", filepath.Base(dir), width, scheme)), png, 0o644))
		}
	}
	do(r, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	})
	require.NoError(t, os.WriteFile(filepath.Join(out, filepath.Base(dir)+"-print.png"), do(r, chromedp.FullScreenshot(100)), 0o644))
}
