package report

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"binderhub-smoke/smoke/report/plain"
)

// clean makes a text from a server fit for a terminal, on one line: line breaks and tabs become spaces, and control
// characters, escape sequences and marks that turn the direction of writing are spelled out rather than obeyed.
func clean(s string) string { return plain.Line(s) }

// cut keeps at most width characters of a line.
func cut(s string, width int) string {
	if width < 1 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(0, width-1)]) + "…"
}

// wrap breaks a clean text into lines of at most width characters, the first of at most firstWidth. A word that is longer,
// such as a URL, stays whole: it must remain copyable.
func wrap(text string, width, firstWidth int) []string {
	var lines []string
	line, room := "", firstWidth
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			lines = append(lines, line)
			line, room = "", width
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

var paintCode = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// visible is how many columns a text of ours takes that may be painted.
func visible(s string) int {
	return utf8.RuneCountInString(paintCode.ReplaceAllString(strings.TrimLeft(s, "\n"), ""))
}
