package settings

import (
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/diagnose"
)

// enterRecords reads a list whose items have the same keys, each of which they must have.
func (f *file) enterRecords(def *definition, key item, n ast.Node, into layer) {
	list, ok := n.(*ast.SequenceNode)
	switch {
	case !ok:
		f.problems.add(f.where(n), "%s must be a list, and each of its items %s; got %s", key.text, def.must, kind(n))
		return
	case len(list.Values) > maxListed:
		f.problems.add(f.where(n), "%s must have at most %d items; got %d", key.text, maxListed, len(list.Values))
		return
	}
	g := given{def: def, label: key.text, base: filepath.Dir(f.name)}
	for _, v := range list.Values {
		if it, ok := f.record(def, key.text, v); ok {
			g.items = append(g.items, it)
		}
	}
	into[def] = g
}

// record reads one item of such a list.
func (f *file) record(def *definition, label string, n ast.Node) (item, bool) {
	before := len(f.problems.lines)
	found := layer{}
	for key, value := range f.pairs(n, "an item of "+label) {
		d := find(def.within, (*definition).key, key.text)
		if d == nil {
			f.problems.add(key.where, "%s is an unknown key of %s%s", shown(key.text), label, didYouMean(key.text, keysOf(def.within)))
			continue
		}
		f.put(d, item{text: label + "." + key.text, where: key.where}, value, found)
	}
	it := item{where: f.where(first(n))}
	for _, d := range def.within {
		g, ok := found[d]
		if ok {
			it.fields = append(it.fields, g)
		} else if len(f.problems.lines) == before {
			f.problems.add(it.where, "an item of %s must have %s; %s is missing", label, def.must, d.key())
		}
	}
	return it, len(f.problems.lines) == before
}

func beginKnown(d *draft) { d.target.Known = append(d.target.Known, smoke.Known{}) }

func (d *draft) known() *smoke.Known { return &d.target.Known[len(d.target.Known)-1] }

// takeKnownCause refuses what no finding is ever called. What is unrecognised may be anything, so nobody can know of it.
func takeKnownCause(d *draft, s string) error {
	switch {
	case s == diagnose.Unrecognised:
		return errors.New("what is unrecognised may be anything tomorrow")
	case !slices.Contains(diagnose.Causes(), s):
		return errors.New("there is no such cause" + didYouMean(s, diagnose.Causes()))
	case slices.ContainsFunc(d.target.Known, func(k smoke.Known) bool { return k.Cause == s }):
		return errors.New("it is given twice")
	}
	d.known().Cause = s
	return nil
}

func takeKnownUntil(d *draft, s string) (err error) {
	d.known().Until, err = time.Parse(time.DateOnly, s)
	if err != nil {
		return errors.New("")
	}
	return nil
}

func takeKnownWhy(d *draft, s string) error {
	if !printable(s) {
		return errors.New("")
	}
	d.known().Why = s
	return nil
}
