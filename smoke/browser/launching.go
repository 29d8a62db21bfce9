package browser

import "binderhub-smoke/smoke/wire"

// Launching tells whether BinderHub may still launch a server for the page: it has been asked to, the page knows of no server,
// and BinderHub has not said that it failed.
func (b *Browser) Launching() bool {
	b.rec.mu.Lock()
	defer b.rec.mu.Unlock()
	l := &b.rec.launch
	switch {
	case l.known() || l.page == "":
		return false
	case l.stream == nil:
		return false // the page has not got so far as to ask
	}
	return !l.stream.stream.finished && !l.stream.stream.over
}

// Notices are what was wrong with the page since the last call, and did not keep a person from working.
func (b *Browser) Notices() []*wire.Fault {
	b.rec.mu.Lock()
	defer b.rec.mu.Unlock()
	notices := b.rec.notices
	b.rec.notices = nil
	return notices
}

// Failing tells whether the page has come to grief, which the next wait will say.
func (b *Browser) Failing() bool { return b.rec.failure() != nil }
