package settings

import (
	"fmt"
	"strings"
)

// Table is the README's table of settings, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| environment | flag | file | default | meaning |\n|---|---|---|---|---|\n")
	for _, d := range definitions {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", d.env(), d.flag(), d.place(), d.showDefault(), d.help)
	}
	for key, d := range leaves() {
		fmt.Fprintf(&b, "|  |  | target's `%s` | %s | %s |\n", key, d.showDefault(), d.help)
	}
	return b.String()
}

// place tells where in the file a setting stands.
func (d *definition) place() string {
	switch d.scope {
	case ofRun:
		return "`" + d.key() + "`"
	case ofTarget:
		return "target's `" + d.key() + "`"
	}
	return ""
}

func (d *definition) showDefault() string {
	switch {
	case d.shows != "":
		return d.shows
	case d.fallback != "":
		return "`" + d.fallback + "`"
	}
	return "none"
}

// Help is what --help prints of the settings, for a terminal of 80 columns.
func Help() string {
	var b strings.Builder
	b.WriteString("Settings: flags over environment over settings file over defaults.\n" +
		"--a-b is SMOKE_A_B in the environment and a_b in the file (smoke.yaml).\n\n")
	for _, d := range definitions {
		text := d.help
		if d.fallback != "" || d.shows != "" {
			text += " Default: " + strings.TrimSuffix(d.showDefault(), ".") + "."
		}
		fmt.Fprintf(&b, "  %s\n%s", d.flag(), indented(text))
	}
	b.WriteString("\nOnly in the settings file, of a target or of defaults:\n\n")
	for key, d := range leaves() {
		fmt.Fprintf(&b, "  %s\n%s", key, indented(d.help))
	}
	return b.String()
}

func indented(text string) string { return wrap(strings.ReplaceAll(text, "`", ""), 72, "        ") }

// wrap breaks a text into lines of at most width columns, each behind indent.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width+len(indent) {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
