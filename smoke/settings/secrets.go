package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const mustReference = "{env: NAME} or {file: path}, so that no secret stands in the settings file"

func mustSecret(where, what string) string {
	return where + " that holds " + what + ", in one line"
}

// reference says where a secret is to be had: in one of two places.
type reference struct{ env, file string }

func (r reference) String() string {
	if r.env != "" {
		return "{env: " + oneLine(r.env) + "}"
	}
	return "{file: " + oneLine(r.file) + "}"
}

// read gets the secret. Its errors never show it.
func (r reference) read(environ []string, base string) (string, error) {
	if r.file != "" {
		return readSecret(absolute(r.file, base))
	}
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, r.env+"="); ok && value != "" {
			return oneSecret(value)
		}
	}
	return "", errors.New("that variable is not set, or empty")
}

// maxSecretFile bounds a file that holds one secret, in bytes.
const maxSecretFile = 16 << 10

func readSecret(name string) (string, error) {
	b, err := readBounded(name, maxSecretFile)
	if err != nil {
		return "", err
	}
	return oneSecret(string(b))
}

// oneSecret checks that a secret can be sent in a header.
func oneSecret(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", errors.New("it is empty")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("it has more than one line, or control characters")
	}
	return s, nil
}

// minSecret is the length, in bytes, below which the report cannot be kept free of a secret without losing ordinary words.
const minSecret = 6

func longEnough(s string) error {
	if len(s) < minSecret {
		return fmt.Errorf("it has fewer than %d characters, and could not be kept out of the report", minSecret)
	}
	return nil
}

// enterSecret reads a reference.
func (f *file) enterSecret(def *definition, key item, n ast.Node, into layer) {
	if it, ok := f.reference(def, key.text, n); ok {
		into[def] = given{def: def, label: key.text, items: []item{it}, base: filepath.Dir(f.name)}
	}
}

// reference reads {env: NAME} or {file: path}. What stands in its place is not shown: it may be the secret itself.
func (f *file) reference(def *definition, label string, n ast.Node) (item, bool) {
	it := item{where: f.where(first(n)), secret: &reference{}}
	count := 0
	if _, text := scalar(n); text || kind(n) != "keys with values" {
		f.problems.add(it.where, "%s must be %s; got something else", oneLine(label), def.must)
		return it, false
	}
	before := len(f.problems.lines)
	for key, value := range f.pairs(n, label) {
		text, ok := scalar(value)
		count++
		switch {
		case key.text == "env" && ok && text != "":
			it.secret.env = text
		case key.text == "file" && ok && text != "":
			it.secret.file = text
		default:
			f.problems.add(key.where, "%s must be %s; got another key, or no text", oneLine(label), def.must)
		}
	}
	if count != 1 && len(f.problems.lines) == before {
		f.problems.add(it.where, "%s must be %s; got %d keys", oneLine(label), def.must, count)
	}
	return it, len(f.problems.lines) == before
}
