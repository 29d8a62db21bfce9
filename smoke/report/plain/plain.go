// Package plain makes the words of servers fit to be looked at: what would command a terminal, or turn the direction of
// writing, is spelled out rather than obeyed. It escapes nothing: that is for whoever writes HTML or JSON.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is a text on one line: line breaks and tabs become spaces, and characters that cannot be seen become their numbers.
func Line(s string) string { return spelled(strings.TrimSpace(s), "") }

// Text is Line for texts of several lines, which keep their line breaks and tabs.
func Text(s string) string { return spelled(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t") }

// spelled spells out what cannot be seen, except for the characters in kept.
func spelled(s, kept string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune(kept, r):
			b.WriteRune(r)
		case kept == "" && strings.ContainsRune("\r\n\t", r):
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteRune('?')
		case unicode.Is(unicode.Cc, r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmless tells of most texts quickly that they are as they should be.
func harmless(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
