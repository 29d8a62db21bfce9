package browser

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// front is BinderHub's front page: its landmarks, and its way to make a launch URL of what is typed.
const front = `<div id=root><h4>Build and launch a repository</h4><form>
<button type=button aria-label="Select repository type">GitHub</button><ul id=repository-type-dropdown hidden>
<li><button type=button class=dropdown-item>GitHub</button><li><button type=button class=dropdown-item>Git repository</button><li><button type=button class=dropdown-item>Zenodo</button></ul>
<input name=repository aria-label="Enter repository URL"><input name=ref id=ref><button id=btn-launch>launch</button></form>
<div data-testid=launch-url>Fill in the fields to see a URL for sharing your Binder.</div></div><script>
window.pageConfig = {repoProviders: [
  {id: "gh", displayName: "GitHub", repo: {urlEncode: false}, ref: {enabled: true, default: "HEAD"}},
  {id: "git", displayName: "Git repository", repo: {urlEncode: true}, ref: {enabled: true}},
  {id: "zenodo", displayName: "Zenodo", repo: {urlEncode: false}, ref: {enabled: false}}]};
let provider = pageConfig.repoProviders[0];
const at = (q) => document.querySelector(q);
const kinds = at("#repository-type-dropdown");
at("[aria-label='Select repository type']").onclick = () => kinds.hidden = false;
[...kinds.querySelectorAll("button")].forEach((b, i) => b.onclick = () => {
  provider = pageConfig.repoProviders[i]; kinds.hidden = true; at("[aria-label='Select repository type']").textContent = provider.displayName; show() });
const spec = () => provider.id + "/" + (provider.repo.urlEncode ? encodeURIComponent(at("[name=repository]").value) : at("[name=repository]").value)
  + (provider.ref.enabled ? "/" + (at("#ref").value || provider.ref.default) : "");
const show = () => { at("[data-testid]").textContent = location.origin + "/v2/" + spec() };
document.oninput = show;
at("form").onsubmit = (e) => e.preventDefault();
at("#btn-launch").onclick = () => { at("h4").insertAdjacentHTML("beforebegin", "<div id=loader></div><div id=terminal></div>"); launch("/build/" + spec()) };
</script><script src=/static/dist/bundle.js></script>`

// withFront is BinderHub with a front page.
func withFront(page string) routes {
	return binderhub().with("binder.test/", html(page)).with("binder.test/static/dist/bundle.js", script(`async function launch(build) {
		const res = await fetch(build, {headers: {Accept: "text/event-stream"}}), text = await res.text();
		const ev = JSON.parse(text.trim().split("\n\n").pop().slice(6));
		location.href = ev.url + "?token=" + ev.token; }`))
}

func TestForm(t *testing.T) {
	d := newDouble(t, Options{}, withFront(front))
	for _, spec := range []string{"gh/owner/repo/HEAD", "gh/owner/repo/some-branch", "git/https%3A%2F%2Fexample.org%2Fx.git/main", "zenodo/10.5281/zenodo.3242074"} {
		shown, err := d.browser.FillForm(limited(t, 20*time.Second), binderURL, spec)
		require.NoError(t, err)
		require.Equal(t, binderURL+"v2/"+spec, shown)
	}
	_, err := d.browser.FillForm(limited(t, 20*time.Second), binderURL, "gh/owner/repo/HEAD")
	require.NoError(t, err)
	server, err := d.browser.LaunchByForm(limited(t, 20*time.Second))
	require.NoError(t, err)
	require.Equal(t, Server{URL: serverURL, Token: token}, server)
}

// A page that is still being drawn takes the focus from its fields, once each here.
func TestFormThatLosesTheFocus(t *testing.T) {
	restless := front + `<script>const lost = new Set();
		document.addEventListener("focusin", (e) => { if (!lost.has(e.target)) { lost.add(e.target); e.target.blur() } })</script>`
	d := newDouble(t, Options{}, withFront(restless))
	shown, err := d.browser.FillForm(limited(t, 20*time.Second), binderURL, "gh/owner/repo/HEAD")
	require.NoError(t, err)
	require.Equal(t, binderURL+"v2/gh/owner/repo/HEAD", shown)
}

func TestFormFails(t *testing.T) {
	d := newDouble(t, Options{}, withFront(front))
	for name, c := range map[string]struct {
		page    http.HandlerFunc
		symptom wire.Symptom
		got     string
		budget  time.Duration
	}{
		"bad gateway":        {status(502, "nginx"), wire.Status, "502", 20 * time.Second},
		"another URL":        {html(front + `<script>document.oninput = () => { at("[data-testid]").textContent = "http://other.test/v2/gh/owner/repo/master" }</script>`), wire.Content, `"http://other.test/v2/gh/owner/repo/master"`, 2 * time.Second},
		"takes no text":      {html(front + `<script>document.oninput = null</script>`), wire.Content, "Fill in the fields", 2 * time.Second},
		"disabled":           {html(front + `<div style="position:fixed;inset:0">`), wire.NotRendered, "a page without it", 2 * time.Second},
		"a script throws":    {html(`<script>throw new Error("boom")</script>`), wire.PageError, "boom", 20 * time.Second},
		"nothing is mounted": {html(`<div id=root></div>`), wire.PageError, "a blank page", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(withFront(front).with("binder.test/", c.page))
			_, err := d.browser.FillForm(limited(t, c.budget), binderURL, "gh/owner/repo/HEAD")
			f, _ := requireFault(t, d.tl, err, c.symptom)
			require.Contains(t, f.Got, c.got)
		})
	}
}

// An operator's own front page, and one of a time before the form, are no fault.
func TestNoForm(t *testing.T) {
	d := newDouble(t, Options{}, withFront(`<h1>Welcome</h1>`))
	var none *ErrNoForm
	_, err := d.browser.FillForm(limited(t, 20*time.Second), binderURL, "gh/owner/repo/HEAD")
	require.ErrorAs(t, err, &none)
	d.serve(withFront(front))
	_, err = d.browser.FillForm(limited(t, 20*time.Second), binderURL, "hydroshare/x")
	require.ErrorAs(t, err, &none)
	require.ErrorContains(t, err, `"hydroshare"`)
}

// moving is a page that shows how the launch goes, as far as its script says.
func moving(script string) string {
	return `<div id=root><div id=loader></div><h4>Launching your Binder...</h4><div class=progress-stacked role=progressbar></div><button id=btn-show-log>show</button>
<div id=terminal-container class=d-none style="display:none"><div id=terminal><div class=xterm-rows></div></div></div></div><script>
const rows = document.querySelector(".xterm-rows"), bar = document.querySelector("[role=progressbar]"), log = document.querySelector("#terminal-container");
document.querySelector("#btn-show-log").onclick = () => { log.className = ""; log.style.display = "block" };
const label = (s) => bar.insertAdjacentHTML("beforeend", "<strong>" + s + "</strong>"), line = (s) => rows.insertAdjacentHTML("beforeend", "<div>" + s + "</div>");
(async () => {
  const res = await fetch("/build/gh/owner/repo/HEAD", {headers: {Accept: "text/event-stream"}});
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part; !(part = await reader.read()).done; ) for (const text of part.value.trim().split("\n\n")) {
    const ev = JSON.parse(text.slice(6));
    if (ev.phase === "ready") location.href = ev.url + "?token=" + ev.token;
    ` + script + `
  }
})();</script>`
}

// slowly is a launch that takes long enough for a page to show it.
func slowly(w http.ResponseWriter, r *http.Request) {
	events(false, `{"phase":"waiting","message":"Waiting for build\n"}`)(w, r)
	events(false, `{"phase":"building","message":"\u001b[1mStep 1/2: install everything\u001b[0m\n"}`)(w, r)
	time.Sleep(showTime + 500*time.Millisecond) // the pace of the double
	events(false, ready)(w, r)
}

func TestProgress(t *testing.T) {
	const page, build = "binder.test/v2/gh/owner/repo/HEAD", "binder.test/build/gh/owner/repo/HEAD"
	bar, log := `if (ev.phase !== "ready") label(ev.phase);`, `line(ev.message.replace(/\u001b\[\d+m/g, ""));`
	d := newDouble(t, Options{}, binderhub())
	for name, c := range map[string]struct{ script, got string }{
		"moves":            {bar + log, ""},
		"empty bar":        {log, "an empty one until the launch was over"},
		"bar stands still": {`if (ev.phase === "waiting") label("Waiting");` + log, "one that stood at Waiting"},
		"empty log":        {bar, "a log without any of its"},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(binderhub().with(page, html(moving(c.script))).with(build, slowly))
			_, err := d.browser.Launch(limited(t, 20*time.Second), launchURL)
			if c.got == "" {
				require.NoError(t, err)
				return
			}
			f, x := requireFault(t, d.tl, err, wire.NotRendered)
			require.Contains(t, f.Got, c.got)
			require.Equal(t, wire.TypeStream, x.Open.Type)
		})
	}
	t.Run("a quick launch proves nothing", func(t *testing.T) {
		d.serve(binderhub().with(page, html(moving(""))))
		_, err := d.browser.Launch(limited(t, 20*time.Second), launchURL)
		require.NoError(t, err)
	})
	require.NoError(t, d.browser.Close(context.Background()))
}
