package settings

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	mustVersion  = "a text of at most 200 printable characters"
	mustNotebook = "the path of an .ipynb file in the repository, without a leading / or .."
)

func takeBinderHubVersion(d *draft, s string) error { return d.version("binderhub", s) }
func takeBuilderVersion(d *draft, s string) error   { return d.version("builder", s) }

func (d *draft) version(of, s string) error {
	if len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("")
	}
	if d.target.Expect.Versions == nil {
		d.target.Expect.Versions = map[string]string{}
	}
	d.target.Expect.Versions[of] = s
	return nil
}

var versionStart = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*\.?$`)

func takePython(d *draft, s string) error {
	if len(s) > 20 || !versionStart.MatchString(s) {
		return errors.New("")
	}
	d.target.Expect.Python = s
	return nil
}

// packageName is an importable name. It becomes part of code that runs in the kernel, so it must not be able to end
// anything there.
var packageName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

func takePackage(d *draft, s string) error {
	if len(s) > 200 || !packageName.MatchString(s) {
		return errors.New("")
	}
	return addOnce(&d.target.Expect.Packages, s)
}

func takeFile(d *draft, s string) error {
	if !inRepository(s) {
		return errors.New("")
	}
	return addOnce(&d.target.Expect.Files, s)
}

func takeNotebook(d *draft, s string) error {
	d.target.Notebook = s
	return notebookPath(s)
}

func takeNotebooks(d *draft, s string) error {
	if err := notebookPath(s); err != nil {
		return err
	}
	return addOnce(&d.target.Notebooks, s)
}

func notebookPath(s string) error {
	if !inRepository(s) || path.Ext(s) != ".ipynb" {
		return errors.New("")
	}
	return nil
}

// inRepository tells whether s is a plain path that stays below where it starts.
func inRepository(s string) bool {
	odd := func(r rune) bool { return r == '\\' || unicode.IsControl(r) }
	return len(s) <= 500 && utf8.ValidString(s) && !strings.ContainsFunc(s, odd) && path.Clean(s) == s && !path.IsAbs(s) &&
		s != "." && s != ".." && !strings.HasPrefix(s, "../")
}

// addOnce refuses what a list has already: of two equal items one was meant to be another.
func addOnce(list *[]string, s string) error {
	if slices.Contains(*list, s) {
		return errors.New("it is given twice")
	}
	*list = append(*list, s)
	return nil
}
