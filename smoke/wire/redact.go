package wire

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Redacted stands where a secret stood.
const Redacted = "[redacted]"

// minSecret is the shortest text that is treated as a secret wherever it stands, in bytes: shorter ones would black out
// ordinary words, and no credential of ours is that short.
const minSecret = 6

// maxSecret is the longest secret that survives no cut, in bytes. Hub tokens have 32 bytes, BinderHub's build tokens
// (JWT) some 300, OAuth state about 400. Of a longer one the first 4,096 bytes are known.
const maxSecret = 4096

// maxKnown bounds the secrets that are known, in bytes together: a server that sets ever new cookies must not make the
// search for them slow.
const maxKnown = 256 << 10

// Redactor removes secrets from everything that is kept, written or shown: those it was told of, raw, URL-encoded, in
// JSON, HTML and base64, and those it knows by where they stand. It is safe for concurrent use. The zero value is not
// usable.
type Redactor struct {
	mu      sync.RWMutex
	secrets map[string]bool
	bytes   int
	known   finder
	longest int // of the known forms, in bytes
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{secrets: map[string]bool{}}
	r.Learn(secrets...)
	return r
}

// Learn adds secrets: from now on they appear nowhere. Texts of fewer than six bytes are not taken for secrets.
func (r *Redactor) Learn(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		s = s[:min(len(s), maxSecret)]
		if len(s) < minSecret || strings.Contains(Redacted, s) || r.secrets[s] || r.bytes+len(s) > maxKnown {
			continue
		}
		r.secrets[s] = true
		r.bytes += len(s)
		for _, form := range formsOf(s) {
			r.known.add(form, 0)
			r.longest = max(r.longest, len(form))
		}
	}
}

// LearnCookies adds the values that an answer's Set-Cookie lines carry, if they look like credentials: a cookie such as
// theme=default must not black out a word.
func (r *Redactor) LearnCookies(h http.Header) {
	var values []string
	for _, line := range h.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && looksRandom(c.Value) {
			values = append(values, c.Value)
		}
	}
	r.Learn(values...)
}

// span is a part of a text that goes.
type span struct{ from, to int }

// spans finds the secrets in a text, all on the text as it is: a secret that overlaps another one leaves no rest.
func (r *Redactor) spans(s string) []span {
	found := spansOfPatterns(s)
	r.mu.RLock()
	r.known.each(s, func(at int, form needle) {
		// A text may have been cut in the middle of a secret before it came to us.
		n := min(len(form.text), len(s)-at)
		if n >= min(len(form.text), minSecret+2) && s[at:at+n] == form.text[:n] {
			found = append(found, span{at, at + n})
		}
	})
	r.mu.RUnlock()
	if len(found) < 2 {
		return found
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	merged := found[:1]
	for _, f := range found[1:] {
		if last := &merged[len(merged)-1]; f.from <= last.to {
			last.to = max(last.to, f.to)
		} else {
			merged = append(merged, f)
		}
	}
	return merged
}

// once removes the secrets that begin before limit, and keeps of the rest what stands before limit.
func (r *Redactor) once(s string, limit int) string {
	spans := r.spans(s)
	limit = min(limit, len(s))
	if len(spans) == 0 {
		return s[:limit]
	}
	var b strings.Builder
	at := 0
	for _, f := range spans {
		if f.from >= limit {
			break
		}
		b.WriteString(s[at:f.from])
		b.WriteString(Redacted)
		at = f.to
	}
	if at < limit {
		b.WriteString(s[at:limit])
	}
	return b.String()
}

// maxRounds bounds how often a text is looked at again because what stands around a removed secret may look like one.
const maxRounds = 4

// String removes the secrets from a text of any length.
func (r *Redactor) String(s string) string {
	for range maxRounds {
		next := r.once(s, len(s))
		if next == s {
			break
		}
		s = next
	}
	return s
}

// Cut removes the secrets from a text and then keeps at most limit bytes of it. No part of a secret survives at the cut,
// and no half character.
func (r *Redactor) Cut(s string, limit int) string {
	r.mu.RLock()
	window := limit + max(maxSecret, r.longest) // a secret that begins before the cut ends within this
	r.mu.RUnlock()
	if len(s) > window {
		s = s[:window]
	}
	if next := r.once(s, limit); next != s {
		s = r.String(next)
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// window is as much of a text as Cut may need to keep limit bytes of it, so that megabytes need not be copied first.
func window(b []byte, limit int) string { return string(b[:min(len(b), limit+4*maxSecret)]) }
