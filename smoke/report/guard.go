package report

import (
	"io"
	"strings"
)

// guard is a writer that takes the power of command from what passes through it. GitHub's runner reads every line that a
// step prints: one that begins with "::", after any white space, may be a command, and so may one with "##[" anywhere in
// it. A server's words are among our lines, and must neither set an output nor stop the commands after them. The
// characters stay readable: a space comes between them.
type guard struct {
	w      io.Writer
	begun  bool // the line has a character that is not white space
	colon  bool // the line so far is one colon
	hashes int  // number signs that came last
}

// Guard returns w itself, or on GitHub's runners a writer to w through which no workflow command passes.
func Guard(w io.Writer, getenv func(string) string) io.Writer {
	if !OnGitHub(getenv) {
		return w
	}
	return &guard{w: w}
}

// GuardText is a text as a Guard lets it pass.
func GuardText(s string, getenv func(string) string) string {
	var b strings.Builder
	_, _ = io.WriteString(Guard(&b, getenv), s) // a Builder takes everything
	return b.String()
}

// OnGitHub tells whether the program runs in a GitHub workflow.
func OnGitHub(getenv func(string) string) bool { return getenv("GITHUB_ACTIONS") == "true" }

// Write writes p with spaces where commands would begin. The state of the line outlives the call.
func (g *guard) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+8)
	for _, c := range p {
		if (c == ':' && g.colon) || (c == '[' && g.hashes >= 2) {
			out = append(out, ' ')
		}
		out = append(out, c)
		g.next(c)
	}
	if _, err := g.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// next follows the line. Bytes of characters beyond ASCII may be white space too; a line of them that goes on with "::" is
// broken up to be sure.
func (g *guard) next(c byte) {
	if c == '#' {
		g.hashes++
	} else {
		g.hashes = 0
	}
	switch {
	case c == '\n' || c == '\r':
		g.begun, g.colon = false, false
	case g.begun:
		g.colon = false
	case c == ':':
		g.begun, g.colon = true, true
	case c > ' ' && c < 0x7f:
		g.begun = true
	}
}
