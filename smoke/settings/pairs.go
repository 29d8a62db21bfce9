package settings

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// enterPairs reads keys that the user names, each with its value.
func (f *file) enterPairs(def *definition, key item, n ast.Node, into layer) {
	g := given{def: def, label: key.text, base: filepath.Dir(f.name)}
	if kind(n) == "nothing" {
		f.problems.add(f.where(n), "%s must be keys with values; got nothing", key.text)
		return
	}
	for inner, value := range f.pairs(n, key.text) {
		if len(g.items) == maxListed {
			f.problems.add(inner.where, "%s must have at most %d keys", key.text, maxListed)
			break
		}
		it, ok := f.pair(def, key.text+"."+inner.text, value)
		if it.key = inner.text; ok {
			g.items = append(g.items, it)
		}
	}
	if len(g.items) > 0 {
		into[def] = g
	}
}

// pair reads the value of one key.
func (f *file) pair(def *definition, label string, n ast.Node) (item, bool) {
	if def.secret {
		return f.reference(def, label, n)
	}
	text, ok := scalar(n)
	if !ok {
		f.problems.add(f.where(n), "%s must be %s; got %s", oneLine(label), def.must, kind(n))
	}
	return item{text: text, where: f.where(n)}, ok
}

// pickPairs puts the pairs of all layers together: a key's value is that of the first layer that has the key.
func pickPairs(def *definition, layers []layer) (given, bool) {
	var all given
	seen := map[string]bool{}
	for _, l := range layers {
		g, ok := l[def]
		if !ok {
			continue
		}
		if all.def == nil {
			all = given{def: def, label: g.label, base: g.base}
		}
		for _, it := range g.items {
			if !seen[it.key] {
				seen[it.key] = true
				all.items = append(all.items, it)
			}
		}
	}
	return all, all.def != nil
}

// labelName is what a label may be called: the metrics take it as it is.
var labelName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func takeLabel(d *draft, key, s string) error {
	switch {
	case !labelName.MatchString(key):
		return errors.New("a label's name is made of a-z, 0-9 and _, beginning with a letter")
	case !printable(s):
		return errors.New("")
	}
	if d.target.Labels == nil {
		d.target.Labels = map[string]string{}
	}
	d.target.Labels[key] = s
	return nil
}

// printable tells whether a text is one line that can be shown.
func printable(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func takeBudget(d *draft, key, s string) error {
	if !strings.Contains(key, "/") {
		return errors.New("a budget belongs to a step: scenario/step")
	}
	if err := d.ids.check(key); err != nil {
		return err
	}
	budget, err := duration(s, time.Second, 24*time.Hour)
	switch {
	case err != nil:
		return err
	case d.run.Timeout > 0 && budget > d.run.Timeout:
		return errors.New("the whole run has " + d.run.Timeout.String() + " (timeout)")
	}
	if d.target.Budgets == nil {
		d.target.Budgets = map[string]time.Duration{}
	}
	d.target.Budgets[key] = budget
	return nil
}

// durationPattern is what time.ParseDuration takes, without a sign.
const durationPattern = `^(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$`

// switchOn reads on or off.
func switchOn(into *bool, s string) error {
	*into = s == "on"
	return oneOf(s, "on", "off")
}

func takeMustWork(d *draft, s string) error { return switchOn(&d.target.Credentials.MustWork, s) }
