package plain

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"  as it is ":           "as it is",
		"two\r\nlines\tand":     "two  lines and",
		"\x1b]0;owned\x07":      `\x1b]0;owned\x07`,
		"user\u202etxt.exe":     `user\u202etxt.exe`,
		"zero\u200bwidth":       `zero\u200bwidth`,
		"not \xff UTF-8":        "not ? UTF-8",
		"Grüße, 世界 → \u00a0end": "Grüße, 世界 → \\u00a0end",
	} {
		assert.Equal(t, want, Line(in), "%q", in)
	}
}

func TestTextKeepsItsLines(t *testing.T) {
	assert.Equal(t, "a\n\tb\\x00\n", Text("a\r\n\tb\x00\n"))
	assert.Equal(t, `over\x0dwritten`, Text("over\rwritten"))
}
