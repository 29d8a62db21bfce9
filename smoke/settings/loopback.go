package settings

import (
	"fmt"

	"binderhub-smoke/smoke"
)

// LoopbackDefaults is Defaults without what the user says of the network around their own deployment. A user server of the
// deployment on loopback runs on this very machine: the metadata address, and whatever else a pod of the user's must or must
// not reach, are never asked from here.
func (l *Loaded) LoopbackDefaults() smoke.Target {
	t := l.Defaults
	t.Resolve, t.CA, t.CAFile = nil, nil, ""
	t.Metadata, t.Isolation, t.Egress = "", nil, nil
	t.Kind, t.Token, t.Headers, t.Credentials = smoke.KindBinderHub, "", nil, smoke.Credentials{}
	return t
}

// Loopback makes the deployment on loopback the only target: Defaults, at its URLs, with its authority and its addresses.
// resolve has the form of SMOKE_RESOLVE.
func (l *Loaded) Loopback(binder, hub, caFile, resolve string) error {
	t := l.LoopbackDefaults()
	d := &draft{run: &l.Settings, target: &t}
	given := layer{}
	for key, text := range map[string]string{"binder": binder, "hub": hub, "ca": caFile, "resolve": resolve} {
		given.put(lookup((*definition).key, key), key, text, "loopback deployment", "")
	}
	for _, g := range given {
		for _, it := range g.items {
			if err := g.def.take(d, it.text); err != nil {
				return fmt.Errorf("%s: %s", it.where, g.sentence(it, err))
			}
		}
	}
	t.Name = nameOf(t.Binder.Host)
	l.Settings.Targets = append(l.Settings.Targets[:0:0], t)
	return nil
}
