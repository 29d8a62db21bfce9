package browser

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

// Failing tells whether the page has come to grief, which the next wait will say.
func (b *Browser) Failing() bool { return b.rec.failure() != nil }
