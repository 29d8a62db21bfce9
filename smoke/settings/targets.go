package settings

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"binderhub-smoke/smoke"
)

// targetName is what a name may be: it names a directory of the report.
var targetName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$`)

// targets makes the targets: the one that SMOKE_BINDER names, else those of the file.
func (l *loader) targets() {
	l.out.Defaults = l.target(&entry{}, true)
	selection, chosen := l.selected()
	binder, one := l.named()
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

// named is the target that flags or environment name: a BinderHub, or a hub said to have none.
func (l *loader) named() (given, bool) {
	if binder, ok := pick(keyed("binder"), l.flags, l.env); ok {
		return binder, true
	}
	kind, _ := pick(keyed("kind"), l.flags, l.env)
	hub, ok := pick(keyed("hub"), l.flags, l.env)
	return hub, ok && kind.def != nil && kind.text() == string(smoke.KindJupyterHub)
}

// adHoc makes the target of SMOKE_BINDER.
func (l *loader) adHoc(binder given) {
	if n := len(l.file.targets); n > 0 {
		l.out.Notes = append(l.out.Notes, oneLine(l.file.label+": its targets do not run, because "+binder.label+" names another; its defaults apply."))
	}
	t := l.target(&entry{where: binder.where()}, false)
	if at := t.Home(); at != nil {
		t.Name = nameOf(at.Host)
		l.out.Settings.Targets = []smoke.Target{t}
	}
}

// fromFile makes the chosen targets of the file, or all.
func (l *loader) fromFile(selection given, chosen []string) {
	byName := map[string]*entry{}
	known := map[string]bool{} // what may be chosen by
	hub, hubForAll := pick(keyed("hub"), l.flags, l.env)
	for _, e := range l.file.targets {
		t := l.target(e, true)
		if t.Name = l.nameTarget(e, t); t.Name == "" {
			continue
		}
		if first, twice := byName[t.Name]; twice {
			l.problems.add(e.nameWhere(), "name must be unique among the targets; got %s, as at %s", shown(t.Name), first.nameWhere())
			continue
		}
		byName[t.Name] = e
		handles := handlesOf(t)
		for _, h := range handles {
			known[h] = true
		}
		if chosen != nil && !slices.ContainsFunc(handles, func(h string) bool { return slices.Contains(chosen, h) }) {
			continue
		}
		name := t.Name
		if t = l.target(e, false); t.Home() != nil {
			t.Name = name
			l.out.Settings.Targets = append(l.out.Settings.Targets, t)
		}
	}
	l.unknownTargets(selection, known)
	if n := len(l.out.Settings.Targets); hubForAll && n > 1 {
		l.problems.add(hub.where(), "%s must belong to one target, and %d are chosen; got %s: give each target's own in the settings file",
			hub.label, n, shown(hub.text()))
	}
}

// handlesOf is what a target may be chosen by: its name and its labels.
func handlesOf(t smoke.Target) []string {
	handles := []string{t.Name}
	for label, value := range t.Labels {
		handles = append(handles, label+"="+value)
	}
	return handles
}

func (l *loader) unknownTargets(selection given, known map[string]bool) {
	candidates := slices.Sorted(maps.Keys(known))
	for _, it := range selection.items {
		if takeName(nil, it.text) == nil && !known[it.text] {
			l.problems.add(it.where, "%s must be %s; got %s%s", selection.label, selection.def.must, shown(it.text), didYouMean(it.text, candidates))
		}
	}
}

// orphanHub refuses a hub without a target: it would be ignored, and the loopback deployment tested instead.
func (l *loader) orphanHub() {
	if hub, ok := pick(keyed("hub"), l.flags, l.env); ok && len(l.problems.lines) == 0 {
		l.problems.add(hub.where(), "%s must come with SMOKE_BINDER or with targets in the settings file; got %s alone", hub.label, shown(hub.text()))
	}
}

// nameTarget is the name that the file gives a target, else its host's.
func (l *loader) nameTarget(e *entry, t smoke.Target) string {
	switch at := t.Home(); {
	case e.name != nil && !targetName.MatchString(e.name.text):
		l.problems.add(e.name.where, "name must be made of a-z, 0-9 and -, beginning and ending with a letter or digit; got %s", shown(e.name.text))
		return ""
	case e.name != nil:
		return e.name.text
	case at == nil:
		return "" // which has its line
	default:
		return nameOf(at.Host)
	}
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

// target puts the layers of one target together. A blind one's credentials are not read: it does not run, or not yet.
func (l *loader) target(e *entry, blind bool) smoke.Target {
	var t smoke.Target
	d := &draft{run: &l.out.Settings, target: &t, ids: l.src.IDs, blind: blind}
	before, unread := l.problems.count, l.unread.count
	for def := range ofTargets() {
		l.take(d, def, l.flags, l.env, e.values, l.file.defaults, l.last)
	}
	if l.problems.count == before && e.where != "" {
		l.homeless(e, t)
	}
	if l.problems.count == before && l.unread.count == unread && !blind {
		l.complete(d)
	}
	t.UI = t.UI && t.Kind != smoke.KindJupyterHub // whose pages are not BinderHub's
	return t
}

// homeless refuses a target without the URL that its kind needs, or with one that it cannot have.
func (l *loader) homeless(e *entry, t smoke.Target) {
	switch alone := t.Kind == smoke.KindJupyterHub; {
	case alone && t.Binder != nil:
		l.problems.add(e.where, "binder must not be given for kind jupyterhub, which has none; got %s", shown(t.Binder.String()))
	case alone && t.Hub == nil:
		l.problems.add(e.where, "hub must be %s; got nothing: kind jupyterhub needs one", mustURL)
	case !alone && t.Binder == nil:
		l.problems.add(e.where, "binder must be %s; got nothing: every target needs one", mustURL)
	}
}
