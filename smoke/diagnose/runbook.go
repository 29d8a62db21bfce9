package diagnose

import (
	_ "embed"
	"strings"
)

//go:embed runbook.md
var runbook string

// Runbook is the whole runbook, in Markdown.
func Runbook() string { return runbook }

// Section returns the runbook's section of a cause, or of a step as step-<scenario>-<step>, with its heading.
func Section(id string) (string, bool) {
	_, rest, ok := strings.Cut("\n"+runbook, "\n## "+id+"\n")
	if !ok || id == "" {
		return "", false
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	text, _, _ = strings.Cut(text, "\n# ")
	return "## " + id + "\n\n" + strings.TrimSpace(text) + "\n", true
}
