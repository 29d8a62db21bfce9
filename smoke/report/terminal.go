package report

import (
	"io"
	"os"

	"golang.org/x/term"

	"binderhub-smoke/smoke"
)

// Terminal is what an output knows of where it writes. The zero value is a plain file.
type Terminal struct {
	Redraw bool // the cursor can be moved
	Color  bool
	Width  func() int // columns now; nil or 0 is unknown
}

// DetectTerminal looks at where w leads and at the environment: NO_COLOR takes the colours, TERM=dumb all.
func DetectTerminal(w io.Writer, getenv func(string) string) Terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || getenv("TERM") == "dumb" {
		return Terminal{}
	}
	return Terminal{Redraw: true, Color: getenv("NO_COLOR") == "", Width: func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return width
	}}
}

func (t Terminal) width(fallback int) int {
	if t.Width != nil {
		if w := t.Width(); w > 0 {
			return w
		}
	}
	return fallback
}

// paint colours a text by a verdict.
func (t Terminal) paint(v smoke.Verdict, s string) string {
	color := map[smoke.Verdict]string{
		smoke.Pass: "32", smoke.Failed: "1;31", smoke.Flaky: "33", smoke.Inconclusive: "33", smoke.Running: "36",
	}[v]
	if !t.Color || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}
