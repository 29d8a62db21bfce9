package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestGoldenScreens(t *testing.T) {
	interrupted := seed()
	interrupted.Ended, interrupted.Targets[0].Leaked = smoke.EndedSignal, nil
	interrupted.Targets[0].Findings = interrupted.Targets[0].Findings[:1]
	nothing := smoke.Result{Ended: smoke.EndedNormal, Verdict: smoke.Skipped}
	fleet := seed()
	fleet.Targets = append(fleet.Targets, healthy().Targets[0], healthy().Targets[0])
	for name, r := range map[string]smoke.Result{
		"seed.txt": seed(), "healthy.txt": healthy(), "interrupted.txt": interrupted, "nothing.txt": nothing, "fleet.txt": fleet,
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, Screen{Out: "smoke-report"}.Render(r)) })
	}
}

func TestTheScreenFitsEightyColumns(t *testing.T) {
	for line := range strings.Lines(Screen{Out: "smoke-report"}.Render(seed())) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

// hostile puts a text wherever a server's words can come to stand.
func hostile(text string) smoke.Result {
	r := seed()
	t := &r.Targets[0]
	t.Hub, t.NotTried, t.Notes = text, []string{text}, []string{text}
	t.Leaked[0].Repository, t.Leaked[0].Reason = text, text
	t.Scenarios[2].Steps[0].Reason = text
	t.Scenarios[2].Steps[0].Name = text
	f := &t.Findings[0]
	f.Summary, f.Remedy, f.URL, f.Answered, f.Expected, f.Got = text, "x\n  "+text, text, text, text, text
	f.Suspects, f.Also = []string{text}, []string{text}
	t.Route[0].Hops[2].Name = text
	return r
}

func TestAServersWordsCannotSteerTheTerminal(t *testing.T) {
	for _, text := range []string{
		"\x1b[2J\x1b[H\x1b]0;title\x07", "\u009b31m", "a\rb", "a\nb\x00c", "\u202egnp.exe", "\u2066x\u2069", "\x7f\x08\x08",
		"\xff\xfe", "\U000e0041", "\ufeff", strings.Repeat("x", 100_000), strings.Repeat("y ", 50_000),
	} {
		screen := Screen{Out: "smoke-report"}.Render(hostile(text))
		assert.Less(t, len(screen), 40_000)
		assert.True(t, utf8.ValidString(screen))
		for _, r := range screen {
			require.False(t, r != '\n' && (r < 0x20 || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)), "%q of %q", r, text)
		}
	}
}

func TestColouredScreensSayTheSame(t *testing.T) {
	plain := Screen{Out: "o"}.Render(seed())
	colored := Screen{Out: "o", Terminal: Terminal{Color: true}}.Render(seed())
	assert.NotEqual(t, plain, colored)
	for _, code := range []string{"\x1b[1;31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"} {
		colored = strings.ReplaceAll(colored, code, "")
	}
	assert.Equal(t, plain, colored)
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range clean(s) {
			require.False(t, r < 0x20 || (r >= 0x7f && r < 0xa0), "%q", s)
		}
	})
}
