package settings

import (
	"iter"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// fileOnly is every setting that needs more room than a flag or a variable has: lists, and keys below a key. They belong to
// a target or to the defaults, and are layered like all others, each list and each innermost key by itself.
var fileOnly = []*definition{
	{name: "EXPECT", scope: ofTarget, within: []*definition{
		{name: "VERSIONS", within: []*definition{
			{name: "BINDERHUB", must: mustVersion, take: takeBinderHubVersion,
				help: "Text that must be in BinderHub's version as `/versions` tells it, so that an old deployment that still answers is noticed."},
			{name: "BUILDER", must: mustVersion, take: takeBuilderVersion,
				help: "Text that must be in the name of the build image as `/versions` tells it."},
		}},
		{name: "PYTHON", must: "the beginning of a version, such as 3.12", take: takePython,
			help: "What the kernel's Python version begins with, such as 3.12."},
		{name: "PACKAGES", sequence: true, must: "a name as Python imports it, such as numpy or matplotlib.pyplot", take: takePackage,
			help: "List of packages that the kernel must be able to import."},
		{name: "FILES", sequence: true, must: "a path in the repository, without a leading / or ..", take: takeFile,
			help: "List of files of the repository that must be there."},
	}},
	{name: "LABELS", scope: ofTarget, takePair: takeLabel, must: "a text of at most 200 printable characters",
		help: "Words of your own for a target, such as `site: east`: they are in the report, and `SMOKE_TARGETS=site=east` chooses by them."},
	{name: "BUDGETS", scope: ofTarget, takePair: takeBudget, must: "a duration from 1s to 24h, such as 20m", pattern: durationPattern,
		help: "Time budgets in place of the suite's own, such as `launch/spawn: 20m` where a node may have to be added."},
	{name: "KNOWN", scope: ofTarget, sequence: true, begin: beginKnown, must: "cause, until and why",
		help: "Causes that only warn until a date, each with `cause`, `until` and `why`. What such a failure keeps from running is still not a pass.",
		within: []*definition{
			{name: "CAUSE", must: "the id of a cause of the runbook", take: takeKnownCause, help: "The cause, as findings and runbook name it."},
			{name: "UNTIL", must: "a day, such as 2026-12-31", take: takeKnownUntil, pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, help: "The last day (UTC) on which it only warns."},
			{name: "WHY", must: "a text of at most 200 printable characters", take: takeKnownWhy, help: "What is known of it, for who reads the report."},
		}},
	{name: "HEADERS", scope: ofTarget, secret: true, credible: true, takePair: takeHeader, must: mustReference,
		help: "Headers that are sent to the target's own hosts only, each by reference: `X-Key: {env: NAME}` or `{file: path}`."},
	{name: "CREDENTIALS", scope: ofTarget, within: []*definition{
		{name: "TOKEN", secret: true, credible: true, must: mustReference, take: takeToken,
			help: "JupyterHub API token, by reference: raw clients and browser are known by it (header login)."},
		{name: "LOGIN", within: []*definition{
			{name: "USER", must: "a name without line breaks", take: takeLoginUser, help: "Name for JupyterHub's login form."},
			{name: "PASSWORD", secret: true, credible: true, must: mustReference, take: takeLoginPassword, help: "Its password, by reference."},
		}},
		{name: "COOKIES", path: true, credible: true, must: "a readable cookie file in Netscape's format", take: takeCookies,
			help: "Saved cookies of a browser that has logged in, as a file in Netscape's format (cookies.txt, as curl writes it)."},
		{name: "BASIC", within: []*definition{
			{name: "USER", must: "a name without a colon or line breaks", take: takeBasicUser, help: "Name for HTTP basic authentication in front of everything."},
			{name: "PASSWORD", secret: true, credible: true, must: mustReference, take: takeBasicPassword, help: "Its password, by reference."},
		}},
		{name: "CERTIFICATE", within: []*definition{
			{name: "FILE", path: true, credible: true, must: "a readable PEM file with a certificate", take: takeCertificate, help: "PEM file of a client certificate, with its chain."},
			{name: "KEY", path: true, credible: true, must: "a readable PEM file with the certificate's key", take: takeCertificateKey, help: "PEM file of its key."},
		}},
		{name: "MUST_WORK", must: mustSwitch, take: takeMustWork, enum: []string{"on", "off"},
			help: "`on`: a login that is refused is a failure; otherwise it is inconclusive, since it says nothing about the deployment."},
	}},
	{name: "FORM", scope: ofTarget, must: "true or false", take: takeForm,
		help: "`true`: the browser launches by the form of BinderHub's front page, which spends one launch of the rate limit, and not by a link."},
	{name: "NOTEBOOKS", scope: ofTarget, sequence: true, must: mustNotebook, take: takeNotebooks,
		help: "List of the repository's own notebooks: every code cell of each must run."},
	{name: "EGRESS", scope: ofTarget, sequence: true, must: mustHostPort, take: takeEgress,
		help: "List of `host:port` that a user pod must reach. Not asked of the loopback deployment."},
	{name: "ISOLATION", scope: ofTarget, sequence: true, must: mustHostPort, take: takeIsolation,
		help: "List of `host:port` that a user pod must not reach. Not asked of the loopback deployment."},
}

// maxListed bounds a list: each item costs time in the user server.
const maxListed = 100

// leaves yields the settings of fileOnly that hold a value, with their keys from the target down: "expect.python".
func leaves() iter.Seq2[string, *definition] {
	return func(yield func(string, *definition) bool) { yieldLeaves("", fileOnly, yield) }
}

func yieldLeaves(above string, list []*definition, yield func(string, *definition) bool) bool {
	for _, d := range list {
		more := false
		if d.within != nil && !d.sequence {
			more = yieldLeaves(above+d.key()+".", d.within, yield)
		} else {
			more = yield(above+d.key(), d)
		}
		if !more {
			return false
		}
	}
	return true
}

// ofTargets yields every setting that a target can have.
func ofTargets() iter.Seq[*definition] {
	return func(yield func(*definition) bool) {
		for _, d := range definitions {
			if d.scope == ofTarget && !yield(d) {
				return
			}
		}
		for _, d := range leaves() {
			if !yield(d) {
				return
			}
		}
	}
}

// keyed finds the definition of a key in the file.
func keyed(key string) *definition {
	return find(slices.Concat(definitions, fileOnly), (*definition).key, key)
}

// knownKeys lists the keys of a scope.
func knownKeys(s scope) []string {
	known := names((*definition).key, s)
	if s == ofTarget {
		known = append(known, keysOf(fileOnly)...)
	}
	return known
}

func keysOf(list []*definition) []string {
	var keys []string
	for _, d := range list {
		keys = append(keys, d.key())
	}
	return keys
}

// unknown completes a sentence about a flag or a variable that is none.
func unknown(form func(*definition) string, name string, scopes ...scope) string {
	if d := find(fileOnly, form, name); d != nil {
		return "must be given in the settings file, as " + d.key() + " of a target or of defaults"
	}
	return "is unknown" + didYouMean(name, names(form, scopes...))
}

// enter reads the value of a key, whatever its form.
func (f *file) enter(def *definition, key item, n ast.Node, into layer) {
	switch {
	case def.begin != nil:
		f.enterRecords(def, key, n, into)
	case def.takePair != nil:
		f.enterPairs(def, key, n, into)
	case def.secret:
		f.enterSecret(def, key, n, into)
	case def.within != nil:
		f.enterWithin(def, key, n, into)
	case def.sequence:
		f.enterSequence(def, key, n, into)
	default:
		f.put(def, key, n, into)
	}
}

// enterWithin reads the keys below a key.
func (f *file) enterWithin(def *definition, key item, n ast.Node, into layer) {
	if kind(n) == "nothing" { // most likely its keys are not indented
		f.problems.add(f.where(n), "%s must be keys with values; got nothing", key.text)
		return
	}
	for inner, value := range f.pairs(n, key.text) {
		if d := find(def.within, (*definition).key, inner.text); d != nil {
			f.enter(d, item{text: key.text + "." + inner.text, where: inner.where}, value, into)
			continue
		}
		f.problems.add(inner.where, "%s is an unknown key of %s%s", shown(inner.text), key.text, didYouMean(inner.text, keysOf(def.within)))
	}
}

// enterSequence reads a list. An empty one is how a target is rid of the list of the defaults.
func (f *file) enterSequence(def *definition, key item, n ast.Node, into layer) {
	list, ok := n.(*ast.SequenceNode)
	switch {
	case !ok:
		f.problems.add(f.where(n), "%s must be a list, and each of its items %s; got %s", key.text, def.must, kind(n))
	case len(list.Values) > maxListed:
		f.problems.add(f.where(n), "%s must have at most %d items; got %d", key.text, maxListed, len(list.Values))
	default:
		into[def] = f.listed(def, key, list)
	}
}
