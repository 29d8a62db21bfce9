package settings

import (
	"fmt"
	"slices"
	"strings"
)

// item is one text that the user gave, and where.
type item struct {
	text  string
	where string // "flag", "environment", "smoke.yaml:3:5"

	key    string     // of a pair
	secret *reference // where the text is to be had
	fields []given    // of an item that has keys
}

// given is the value of one setting: several items when it is a list.
type given struct {
	def   *definition
	label string // the setting's name as it was written there
	items []item
	base  string // directory that relative paths start from
}

func (g given) where() string { return g.items[0].where }

// layer is what one source gave.
type layer map[*definition]given

// put enters one text; of a list setting it is split at commas.
func (l layer) put(def *definition, label, text, where, base string) {
	g := given{def: def, label: label, base: base}
	parts := []string{text}
	if def.list {
		parts = strings.Split(text, ",")
	}
	for _, p := range parts {
		g.items = append(g.items, item{text: strings.TrimSpace(p), where: where})
	}
	l[def] = g
}

// fromFlags reads --name=value and --name value.
func fromFlags(args []string, base string, p *problems) layer {
	const where = "flag"
	l := layer{}
	for i := 0; i < len(args); i++ {
		name, value, ok := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "-") {
			p.add(where, "%s is no flag; flags begin with --", shown(args[i]))
			continue
		}
		name = "--" + strings.TrimLeft(name, "-")
		def := lookup((*definition).flag, name)
		if def == nil {
			p.add(where, "%s %s", oneLine(name), unknown((*definition).flag, name, ofRun, ofTarget, ofFlags))
			continue
		}
		if !ok && i+1 < len(args) {
			i++
			value, ok = args[i], true
		}
		switch {
		case !ok:
			p.add(where, "%s needs a value", name)
		case l[def].def != nil:
			p.add(where, "%s is given twice", name)
		default:
			l.put(def, name, value, where, base)
		}
	}
	return l
}

// fromEnvironment reads the SMOKE_ variables. An empty one counts as unset: pipelines set variables they have no value for.
func fromEnvironment(environ []string, base string, p *problems) layer {
	const where = "environment"
	l := layer{}
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "SMOKE_") || slices.Contains(foreign, name) {
			continue
		}
		def := lookup((*definition).env, name)
		switch {
		case def == nil:
			p.add(where, "%s %s", name, unknown((*definition).env, name, ofRun, ofTarget, ofFlags))
		case strings.TrimSpace(value) != "":
			l.put(def, name, value, where, base)
		}
	}
	return l
}

// fallbacks is the layer of the defaults.
func fallbacks(base string) layer {
	l := layer{}
	for _, def := range definitions {
		if def.fallback != "" {
			l.put(def, def.key(), def.fallback, "default", base)
		}
	}
	return l
}

func (g given) text() string {
	var parts []string
	for _, it := range g.items {
		parts = append(parts, it.text)
	}
	return strings.Join(parts, ",")
}

// pick returns the value of a setting from the first layer that has it. Of pairs, each is had from the first layer that has
// its key.
func pick(def *definition, layers ...layer) (given, bool) {
	if def.takePair != nil {
		return pickPairs(def, layers)
	}
	for _, l := range layers {
		if g, ok := l[def]; ok {
			return g, true
		}
	}
	return given{}, false
}

// sentence says what is wrong with one item.
func (g given) sentence(it item, why error) string {
	label, got := g.label, shown(it.text)
	if it.key != "" {
		label += "." + it.key
	}
	if it.secret != nil {
		got = it.secret.String()
	}
	s := fmt.Sprintf("%s must be %s; got %s", oneLine(label), g.def.must, got)
	if why != nil && why.Error() != "" {
		s += ": " + why.Error()
	}
	return s
}
