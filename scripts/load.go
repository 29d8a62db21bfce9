package main

import (
	"net/url"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/settings"
)

// load reads the settings and says what the user should know of how they were understood.
func (p *program) load(args []string) (settings.Loaded, error) {
	loaded, err := settings.Load(settings.Source{Args: args, Environ: p.environ, IDs: ids()})
	if err != nil {
		return loaded, err
	}
	for _, note := range loaded.Notes {
		p.say("%s", note)
	}
	return loaded, nil
}

// ids names every scenario and step.
func ids() settings.IDs {
	all := settings.IDs{}
	for _, sc := range describe(smoke.Target{}) {
		all[sc.Name] = []string{}
		for _, st := range sc.Steps {
			all[sc.Name] = append(all[sc.Name], st.Name)
		}
	}
	return all
}

// describe constructs the scenarios of a target, to look at. A target without a binder has the loopback deployment's.
func describe(t smoke.Target) []smoke.Scenario {
	if t.Binder == nil {
		t.Binder = &url.URL{Scheme: "https", Host: "binder.smoke.test", Path: "/"}
	}
	return smoke.Describe(t, scenarios.All(nil))
}
