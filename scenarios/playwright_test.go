package scenarios_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// BenchmarkBesidePlaywright makes the browser's journey with Playwright and with the suite's browser in turn, on one deployment
// and with the same Chromium, and reports the median time of each and how many times Playwright's ours is. A lost execution on
// either side ends it. Twenty pairs:
//
//	scripts/setup --bench && go test ./scenarios -run '^$' -bench BesidePlaywright -benchtime 20x -timeout 60m
func BenchmarkBesidePlaywright(b *testing.B) {
	d := deployment(b)
	target := loopback(b, d)
	theirs := startPlaywright(b, d)
	journeys := [2]func() []float64{
		func() []float64 { return theirs.journey(b, d, target) },
		func() []float64 { return ourJourney(b, d, target) },
	}
	var times [2][]float64
	for pair := range b.N {
		for turn := range journeys {
			which := (pair + turn) % 2 // who goes first changes with each pair
			laps := journeys[which]()
			times[which] = append(times[which], laps[len(laps)-1])
			b.Logf("pair %d, %s: %.1f s", pair+1, [2]string{"Playwright", "suite"}[which], laps)
		}
	}
	ratio := median(times[1]) / median(times[0])
	b.ReportMetric(median(times[0]), "s/playwright")
	b.ReportMetric(median(times[1]), "s/suite")
	b.ReportMetric(ratio, "times")
	b.ReportMetric(0, "ns/op") // a mean over both says nothing
	if b.N >= enoughPairs {
		require.LessOrEqual(b, ratio, 1.0, "the suite's journey takes longer than Playwright's")
	}
}

// enoughPairs is how many pairs tell something in spite of what else a machine does.
const enoughPairs = 20

// ourJourney makes the journey with the suite's browser. It returns the seconds since its beginning at which the browser ran,
// JupyterLab was there, the notebook could be run, it had run, and all that it shows had been seen.
func ourJourney(b *testing.B, d *fixtures.Deployment, target smoke.Target) (laps []float64) {
	ctx, cancel := context.WithTimeout(wire.WithStep(b.Context(), "notebook", "run"), 2*time.Minute)
	defer cancel()
	timeline, net := journal(b, target)
	file, cells, sights := scenarios.OwnNotebook()

	began := time.Now()
	lap := func() { laps = append(laps, time.Since(began).Seconds()) }
	page, err := browser.Start(ctx, browser.Options{Timeline: timeline, Resolve: target.Resolve, CA: target.CA})
	require.NoError(b, err)
	defer func() { require.NoError(b, page.Close(context.WithoutCancel(ctx))) }()
	lap()
	launched, err := page.Launch(ctx, launchLink(target))
	require.NoError(b, err)
	defer dismiss(b, d, launchedServer{URL: launched.URL}.user())
	require.NoError(b, page.WaitLab(ctx))
	lap()
	server := jupyter.NewServer(net, launched.URL, launched.Token)
	require.NoError(b, server.Upload(ctx, "pair.ipynb", file))
	require.NoError(b, page.OpenNotebook(ctx, server.URL("lab/tree/pair.ipynb")))
	lap()
	done, err := page.RunAll(ctx, cells)
	require.NoError(b, err)
	require.Len(b, done.Cells, cells)
	lap()
	for _, s := range sights {
		require.NoError(b, page.See(ctx, s))
	}
	lap()
	return laps
}

// playwright is a Node.js that makes journeys with Playwright.
type playwright struct {
	in  io.Writer
	out *bufio.Scanner
	job map[string]any // what all journeys have in common
}

// startPlaywright starts it, where scripts/setup --bench has installed Playwright.
func startPlaywright(b *testing.B, d *fixtures.Deployment) *playwright {
	executable, err := exec.LookPath("chromium")
	if err != nil {
		b.Skip("Playwright is compared on Debian's chromium: ", err)
	}
	library := playwrightLibrary(b)
	p := &playwright{job: map[string]any{
		"executable": executable, "home": trustingHome(b, d.CAFile), "rules": "MAP " + strings.NewReplacer(",", ",MAP ", "=", " ").Replace(d.Resolve),
	}}
	cmd := exec.CommandContext(b.Context(), "node", filepath.Join("testdata", "playwright.mjs"), library)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		require.NoError(b, in.Close()) // its sign to leave
		_ = cmd.Wait()                 // the benchmark's end may have come first
	})
	p.in, p.out = in, bufio.NewScanner(out)
	return p
}

// playwrightLibrary is the file of the npm package playwright-core.
func playwrightLibrary(b *testing.B) string {
	deps := os.Getenv("SMOKE_DEPS")
	if deps == "" {
		deps = filepath.Join("..", ".deps")
	}
	library, err := filepath.Abs(filepath.Join(deps, "playwright", "node_modules", "playwright-core", "index.mjs"))
	require.NoError(b, err)
	if _, err := os.Stat(library); err != nil {
		b.Skip("scripts/setup --bench installs Playwright: ", err)
	}
	return library
}

// trustingHome is a home directory in which Chromium finds an authority.
func trustingHome(b *testing.B, authority string) string {
	home, err := os.MkdirTemp("/tmp", "pw") // the path of Chromium's socket in it may have 107 bytes
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, os.RemoveAll(home)) })
	database := filepath.Join(home, ".pki", "nssdb")
	require.NoError(b, os.MkdirAll(database, 0o700))
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "ca", "-t", "C,,", "-i", authority}} {
		out, err := exec.CommandContext(b.Context(), "certutil", append(args, "-d", "sql:"+database)...).CombinedOutput()
		require.NoError(b, err, string(out))
	}
	return home
}

// journey makes one, and returns what ourJourney does.
func (p *playwright) journey(b *testing.B, d *fixtures.Deployment, target smoke.Target) []float64 {
	file, cells, sights := scenarios.OwnNotebook()
	texts, pictures := []string{}, [][2]int{}
	for _, s := range sights {
		if s.Width > 0 {
			pictures = append(pictures, [2]int{s.Width, s.Height})
		} else {
			texts = append(texts, s.Text)
		}
	}
	p.job["launch"], p.job["notebook"], p.job["cells"], p.job["texts"], p.job["pictures"] = launchLink(target), file, cells, texts, pictures
	line, err := json.Marshal(p.job)
	require.NoError(b, err)
	_, err = p.in.Write(append(line, '\n'))
	require.NoError(b, err)
	require.True(b, p.out.Scan(), "Playwright ended")
	var result struct {
		Server, Error string
		Laps          []float64
	}
	require.NoError(b, json.Unmarshal(p.out.Bytes(), &result))
	if result.Server != "" {
		dismiss(b, d, launchedServer{URL: result.Server}.user())
	}
	require.Empty(b, result.Error)
	return result.Laps
}
