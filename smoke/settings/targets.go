package settings

import (
	"regexp"
	"slices"
	"strings"

	"binderhub-smoke/smoke"
)

// targetName is what a name may be: it names a directory of the report.
var targetName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$`)

// targets makes the targets: the one that SMOKE_BINDER names, else those of the file.
func (l *loader) targets() {
	l.out.Defaults = l.target(&entry{})
	selection, chosen := l.selected()
	binder, one := pick(lookup((*definition).key, "binder"), l.flags, l.env)
	switch {
	case one && chosen != nil:
		l.problems.add(selection.where(), "%s must not be given together with %s, which names a target itself; got %s",
			selection.label, binder.label, shown(selection.text()))
	case one:
		l.adHoc(binder)
	default:
		l.fromFile(selection, chosen)
	}
	if !one && len(l.out.Settings.Targets) == 0 {
		l.orphanHub()
	}
}

// adHoc makes the target of SMOKE_BINDER.
func (l *loader) adHoc(binder given) {
	if n := len(l.file.targets); n > 0 {
		l.out.Notes = append(l.out.Notes, oneLine(l.file.label+": its targets do not run, because "+binder.label+" names another; its defaults apply."))
	}
	t := l.target(&entry{})
	if t.Binder != nil {
		t.Name = nameOf(t.Binder.Host)
		l.out.Settings.Targets = []smoke.Target{t}
	}
}

// fromFile makes the chosen targets of the file, or all.
func (l *loader) fromFile(selection given, chosen []string) {
	byName := map[string]*entry{}
	hub, hubForAll := pick(lookup((*definition).key, "hub"), l.flags, l.env)
	for _, e := range l.file.targets {
		t := l.target(e)
		if t.Name = l.nameTarget(e, t); t.Name == "" {
			continue
		}
		if first, twice := byName[t.Name]; twice {
			l.problems.add(e.nameWhere(), "name must be unique among the targets; got %s, as at %s", shown(t.Name), first.nameWhere())
			continue
		}
		byName[t.Name] = e
		if (chosen == nil || slices.Contains(chosen, t.Name)) && t.Binder != nil {
			l.out.Settings.Targets = append(l.out.Settings.Targets, t)
		}
	}
	l.unknownTargets(selection, byName)
	if n := len(l.out.Settings.Targets); hubForAll && n > 1 {
		l.problems.add(hub.where(), "%s must belong to one target, and %d are chosen; got %s: give each target's own in the settings file",
			hub.label, n, shown(hub.text()))
	}
}

func (l *loader) unknownTargets(selection given, byName map[string]*entry) {
	var known []string
	for name := range byName {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, it := range selection.items {
		if targetName.MatchString(it.text) && byName[it.text] == nil {
			l.problems.add(it.where, "%s must be %s; got %s%s", selection.label, selection.def.must, shown(it.text), didYouMean(it.text, known))
		}
	}
}

// orphanHub refuses a hub without a target: it would be ignored, and the loopback deployment tested instead.
func (l *loader) orphanHub() {
	if hub, ok := pick(lookup((*definition).key, "hub"), l.flags, l.env); ok && len(l.problems.lines) == 0 {
		l.problems.add(hub.where(), "%s must come with SMOKE_BINDER or with targets in the settings file; got %s alone", hub.label, shown(hub.text()))
	}
}

// nameTarget is the name that the file gives a target, else its binder host's.
func (l *loader) nameTarget(e *entry, t smoke.Target) string {
	switch {
	case e.name != nil && !targetName.MatchString(e.name.text):
		l.problems.add(e.name.where, "name must be made of a-z, 0-9 and -, beginning and ending with a letter or digit; got %s", shown(e.name.text))
		return ""
	case e.name != nil:
		return e.name.text
	case t.Binder == nil:
		if _, given := e.values[lookup((*definition).key, "binder")]; !given {
			l.problems.add(e.where, "binder must be %s; got nothing: every target needs one", mustURL)
		}
		return ""
	}
	return nameOf(t.Binder.Host)
}

// nameOf turns a host into a target's name.
func nameOf(host string) string {
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	return strings.Trim(name[:min(len(name), 100)], "-")
}

// target puts the layers of one target together.
func (l *loader) target(e *entry) smoke.Target {
	var t smoke.Target
	d := &draft{run: &l.out.Settings, target: &t, ids: l.src.IDs}
	last := fallbacks(moduleRoot(l.src.Dir))
	for def := range ofTargets() {
		l.take(d, def, l.flags, l.env, e.values, l.file.defaults, last)
	}
	return t
}
