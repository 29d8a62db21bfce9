package smoke

import (
	"flag"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// TestFilter returns the filter for a run that is shown as subtests <test>/<target>/<scenario>/<step>: the flags -test.run
// and -test.skip choose the steps, by the rules by which package testing chooses subtests. What -skip names is left out
// with what needs it: whoever skips the launch wants none.
func TestFilter(test string) func(target, scenario, step string) Ask {
	return testFilter(test, flagValue("test.run"), flagValue("test.skip"))
}

func flagValue(name string) string {
	if f := flag.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

func testFilter(test, run, skip string) func(target, scenario, step string) Ask {
	only, not := parsePatterns(run), parsePatterns(skip)
	return func(target, scenario, step string) Ask {
		name := []string{test, rewritten(target), rewritten(scenario), rewritten(step)}
		asked := Asked
		for n := range name {
			whole, partly := not.match(name[:n+1])
			if skip != "" && whole && !partly {
				return LeftOut
			}
			if ok, _ := only.match(name[:n+1]); run != "" && !ok {
				asked = NotAsked
			}
		}
		return asked
	}
}

// patterns are alternatives, each a regular expression for each element of a test's name. Source: testing/match.go of
// Go 1.26.
type patterns [][]*regexp.Regexp

// parsePatterns splits at | and, within an alternative, at /, neither within brackets. An expression that is none matches
// nothing; package testing has refused it before.
func parsePatterns(text string) patterns {
	var all patterns
	var one []*regexp.Regexp
	start, brackets, parentheses := 0, 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '[':
			brackets++
		case c == ']':
			brackets = max(0, brackets-1) // an unmatched ] is legal
		case c == '(' && brackets == 0:
			parentheses++
		case c == ')' && brackets == 0:
			parentheses--
		case c == '\\':
			i++
		case (c == '/' || c == '|') && brackets == 0 && parentheses == 0:
			one = append(one, compile(text[start:i]))
			start = i + 1
			if c == '|' {
				all, one = append(all, one), nil
			}
		}
	}
	return append(all, append(one, compile(text[start:])))
}

func compile(text string) *regexp.Regexp {
	re, err := regexp.Compile(rewritten(text))
	if err != nil {
		return regexp.MustCompile(`[^\s\S]`)
	}
	return re
}

// match tells whether the first alternative that fits a name does, and whether it goes on where the name ends.
func (p patterns) match(name []string) (ok, partly bool) {
	for _, one := range p {
		ok = true
		for i := 0; ok && i < min(len(name), len(one)); i++ {
			ok = one[i].MatchString(name[i])
		}
		if ok {
			return true, len(name) < len(one)
		}
	}
	return false, false
}

// rewritten is a name as package testing writes it: without white space and unprintable characters.
func rewritten(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte('_')
		case !strconv.IsPrint(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
