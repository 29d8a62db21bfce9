// Package settings reads what the user says of a run: flags over environment over file over defaults. Every setting is
// defined once (definitions.go); each bad one becomes one line that says where it was given, what it must be and what came.
package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"binderhub-smoke/smoke"
)

// Source is where settings come from.
type Source struct {
	Args    []string // flags, without the program's and the subcommand's name
	Environ []string // as os.Environ gives it
	Dir     string   // relative paths start here; empty is the working directory
	IDs     IDs      // scenarios and steps that may be named
	// Look is for who only shows the settings: a credential that cannot be read is left out, with a note, and no error.
	Look bool
}

// Loaded is what settings came to.
type Loaded struct {
	Settings smoke.Settings
	// Defaults is a target without name and URLs, with everything else as the user wants it. It is for the loopback
	// deployment, which is tested when Settings has no targets.
	Defaults smoke.Target
	File     string   // the settings file that was read, or empty
	Notes    []string // what the user should know of how the settings were understood
}

// loader is one reading of the settings.
type loader struct {
	src        Source
	problems   problems
	unread     problems // credentials that are left out
	flags, env layer
	file       *file
	last       layer // the defaults
	out        Loaded
}

// Load reads the settings. Its error is an *Error, which carries the exit code 78.
func Load(src Source) (Loaded, error) {
	dir, err := filepath.Abs(src.Dir)
	if err != nil {
		return Loaded{}, &Error{[]string{fmt.Sprintf("the working directory is unknown: %v", err)}}
	}
	src.Dir = dir
	l := &loader{src: src, last: fallbacks(moduleRoot(dir))}
	l.flags = fromFlags(src.Args, dir, &l.problems)
	l.env = fromEnvironment(src.Environ, dir, &l.problems)
	l.file = l.readFile()
	l.out.File = l.file.name
	l.run()
	l.targets()
	for _, line := range l.unread.lines {
		l.out.Notes = append(l.out.Notes, "left out: "+line)
	}
	return l.out, l.problems.err()
}

// readFile reads the settings file, when one is named or lies where one is looked for.
func (l *loader) readFile() *file {
	if g, ok := pick(lookup((*definition).key, "config"), l.flags, l.env); ok {
		name := absolute(g.items[0].text, g.base)
		b, err := readBounded(name, maxFile)
		if err != nil {
			l.problems.add(g.where(), "%s", g.sentence(g.items[0], err))
			return &file{}
		}
		return parseFile(name, shorter(name, l.src.Dir), b, &l.problems)
	}
	for _, dir := range []string{l.src.Dir, moduleRoot(l.src.Dir)} {
		name := filepath.Join(dir, "smoke.yaml")
		if _, err := os.Lstat(name); err != nil {
			continue
		}
		b, err := readBounded(name, maxFile)
		if err != nil {
			l.problems.add(shorter(name, l.src.Dir), "the settings file must be readable: %v", err)
			return &file{}
		}
		return parseFile(name, shorter(name, l.src.Dir), b, &l.problems)
	}
	return &file{}
}

// run reads the settings of the run.
func (l *loader) run() {
	d := &draft{run: &l.out.Settings, ids: l.src.IDs}
	for _, def := range definitions {
		if def.scope == ofRun {
			l.take(d, def, l.flags, l.env, l.file.top, l.last)
		}
	}
	l.schedule(d)
	if s := l.out.Settings; s.Out == s.State {
		l.problems.add("settings", "SMOKE_OUT and SMOKE_STATE must be two directories; got %s for both", shown(s.Out))
	}
}

// take writes the value of one setting into a draft.
func (l *loader) take(d *draft, def *definition, layers ...layer) {
	g, ok := pick(def, layers...)
	if !ok {
		return
	}
	for _, it := range g.items {
		l.takeItem(d, g, it)
	}
}

func (l *loader) takeItem(d *draft, g given, it item) {
	if g.def.credible && d.blind {
		return
	}
	if g.def.begin != nil {
		g.def.begin(d)
		for _, field := range it.fields {
			l.takeItem(d, field, field.items[0])
		}
		return
	}
	text, err := it.text, error(nil)
	switch {
	case it.secret != nil:
		text, err = it.secret.read(l.src.Environ, g.base)
	case text == "":
		err = errors.New("")
	case g.def.path:
		text = absolute(text, g.base)
	}
	if err == nil {
		d.where = it.where
		err = g.def.accept(d, it.key, text)
	}
	if err != nil {
		l.refuse(g, it, err)
	}
}

// refuse says what is wrong with a value.
func (l *loader) refuse(g given, it item, err error) {
	if g.def.credible && l.src.Look {
		l.unread.add(it.where, "%s", g.sentence(it, err))
		return
	}
	l.problems.add(it.where, "%s", g.sentence(it, err))
}

// accept writes a value into a draft.
func (d *definition) accept(to *draft, key, text string) error {
	if d.takePair != nil {
		return d.takePair(to, key, text)
	}
	return d.take(to, text)
}

// absolute completes a path that is relative to where it was given.
func absolute(name, base string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(base, name)
}

// shorter is a path as a person writes it: relative to dir where it lies below.
func shorter(name, dir string) string {
	if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}

// selected are the names that SMOKE_TARGETS asks for.
func (l *loader) selected() (given, []string) {
	def := lookup((*definition).key, "targets")
	g, ok := pick(def, l.flags, l.env)
	if !ok {
		return given{}, nil
	}
	l.take(&draft{}, def, l.flags, l.env)
	var names []string
	for _, it := range g.items {
		if it.text != "" && !slices.Contains(names, it.text) {
			names = append(names, it.text)
		}
	}
	return g, names
}
