package settings

import (
	"fmt"
	"path/filepath"

	"github.com/goccy/go-yaml/ast"
)

// maxFile bounds the settings file, in bytes.
const maxFile = 1 << 20

// maxTargets bounds the targets of one file.
const maxTargets = 1000

// file is a settings file, read: top-level keys are settings of the run, defaults apply to each of its targets.
type file struct {
	name     string // absolute
	label    string // as shown
	top      layer
	defaults layer
	targets  []*entry
	problems *problems
}

// entry is one target of the file.
type entry struct {
	where  string
	name   *item
	values layer
}

func (e *entry) nameWhere() string {
	if e.name != nil {
		return e.name.where
	}
	return e.where
}

// parseFile reads a settings file. What is wrong goes to p; the rest is still read, so that all of it is said at once.
func parseFile(name, label string, content []byte, p *problems) *file {
	f := &file{name: name, label: oneLine(label), top: layer{}, defaults: layer{}, problems: p}
	root, bad := parseYAML(content)
	if bad != nil {
		p.add(f.at(bad.line, bad.column), "the settings file must be YAML of keys and values: %s", bad.why)
		return f
	}
	for key, value := range f.pairs(root, "the settings file") {
		switch key.text {
		case "defaults":
			f.readValues(value, "defaults", f.defaults, nil)
		case "targets":
			f.readTargets(value)
		default:
			f.readSetting(key, value, ofRun, f.top, []string{"targets", "defaults"})
		}
	}
	return f
}

func (f *file) at(line, column int) string {
	if line == 0 {
		return f.label
	}
	return fmt.Sprintf("%s:%d:%d", f.label, line, column)
}

func (f *file) where(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return f.label
	}
	at := n.GetToken().Position
	return f.at(at.Line, at.Column)
}

// readTargets reads the list of targets.
func (f *file) readTargets(n ast.Node) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		f.problems.add(f.where(n), "targets must be a list of targets; got %s", kind(n))
		return
	}
	if len(list.Values) > maxTargets {
		f.problems.add(f.where(n), "targets must be at most %d; got %d", maxTargets, len(list.Values))
		return
	}
	for i, v := range list.Values {
		e := &entry{where: f.where(first(v)), values: layer{}}
		before := len(f.problems.lines)
		f.readValues(v, fmt.Sprintf("target %d", i+1), e.values, e)
		if len(e.values) > 0 || len(f.problems.lines) == before { // what was no target at all has its line
			f.targets = append(f.targets, e)
		}
	}
}

// first is the first key of a mapping: a block mapping's own token is its first colon.
func first(n ast.Node) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key
	}
	return n
}

// readValues reads the settings of a target or of the defaults, which have no name.
func (f *file) readValues(n ast.Node, what string, into layer, e *entry) {
	var extra []string
	if e != nil {
		extra = []string{"name"}
	}
	for key, value := range f.pairs(n, what) {
		if e != nil && key.text == "name" {
			if text, ok := scalar(value); ok {
				e.name = &item{text: text, where: f.where(value)}
			} else {
				f.problems.add(f.where(value), "name must be one text; got %s", kind(value))
			}
			continue
		}
		f.readSetting(key, value, ofTarget, into, extra)
	}
}

// readSetting reads one key of a given scope.
func (f *file) readSetting(key item, n ast.Node, s scope, into layer, extra []string) {
	def := keyed(key.text)
	switch {
	case def == nil:
		known := append(knownKeys(s), extra...)
		f.problems.add(key.where, "%s is an unknown key%s", shown(key.text), didYouMean(key.text, known))
	case def.scope == ofFlags:
		f.problems.add(key.where, "%s must be given as %s or %s, not in the settings file", key.text, def.flag(), def.env())
	case def.scope != s && def.scope == ofTarget:
		f.problems.add(key.where, "%s belongs to a target, or under defaults, not at the top of the settings file", key.text)
	case def.scope != s:
		f.problems.add(key.where, "%s belongs to the whole run, at the top of the settings file, not to a target", key.text)
	default:
		f.enter(def, key, n, into)
	}
}

// put enters a scalar, or the scalars of a list.
func (f *file) put(def *definition, key item, n ast.Node, into layer) {
	if text, ok := scalar(n); ok {
		into.put(def, key.text, text, f.where(n), filepath.Dir(f.name))
	} else if list, ok := n.(*ast.SequenceNode); ok && def.list && len(list.Values) > 0 {
		if g := f.listed(def, key, list); len(g.items) > 0 {
			into[def] = g
		}
	} else {
		f.problems.add(f.where(n), "%s must be %s; got %s", key.text, def.must, kind(n))
	}
}

// listed reads the texts of a list.
func (f *file) listed(def *definition, key item, list *ast.SequenceNode) given {
	g := given{def: def, label: key.text, base: filepath.Dir(f.name)}
	for _, v := range list.Values {
		if text, ok := scalar(v); ok {
			g.items = append(g.items, item{text: text, where: f.where(v)})
		} else {
			f.problems.add(f.where(v), "%s must be %s; got %s", key.text, def.must, kind(v))
		}
	}
	return g
}
