//go:build !linux

package browser

// member is a process of Chromium's, of which only Linux tells.
type member struct{}

func family(string) []member { return nil }

func (member) alive() bool { return false }

func (member) kill() {}
