package settings

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ExitCode is the program's exit code for bad settings, as in sysexits.h (EX_CONFIG).
const ExitCode = 78

// Error is what Load returns for bad settings: each of them as one line that says where it was given, what it must be and
// what came.
type Error struct{ Lines []string }

// Error returns the lines.
func (e *Error) Error() string { return strings.Join(e.Lines, "\n") }

// ExitCode is 78.
func (e *Error) ExitCode() int { return ExitCode }

// problems gathers bad settings, so that one run shows them all. The same line comes once: what is wrong in the file's
// defaults would else be said again for every target.
type problems struct {
	lines []string
	seen  map[string]bool
	count int // with those that came before
}

func (p *problems) add(where, format string, args ...any) {
	line := oneLine(where + ": " + fmt.Sprintf(format, args...))
	p.count++
	if p.seen[line] {
		return
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[line] = true
	p.lines = append(p.lines, line)
}

func (p *problems) err() error {
	if len(p.lines) == 0 {
		return nil
	}
	return &Error{p.lines}
}

// maxLine bounds a line of an error, in bytes: settings come from files that anyone may have written.
const maxLine = 400

// oneLine makes a text safe for a terminal and bounds it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxLine {
		return s
	}
	cut := maxLine
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

var userinfo = regexp.MustCompile(`//[^/?#@\s]*@`)

// shown quotes what the user gave, cut short and without a URL's credentials.
func shown(s string) string {
	if s == "" {
		return "nothing"
	}
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = url.User("redacted")
		s = u.String()
	}
	s = userinfo.ReplaceAllString(s, "//redacted@")
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strconv.Quote(s)
}
