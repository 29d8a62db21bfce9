package main

import (
	"net/url"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/settings"
)

// load reads the settings and says what the user should know of how they were understood.
func (p *program) load(args []string) (settings.Loaded, error) {
	return p.loadFrom(settings.Source{Args: args})
}

func (p *program) loadFrom(src settings.Source) (settings.Loaded, error) {
	src.Environ, src.IDs = p.environ, scenarios.Names()
	loaded, err := settings.Load(src)
	if err != nil {
		return loaded, err
	}
	for _, note := range loaded.Notes {
		p.say("%s", note)
	}
	return loaded, nil
}

// describe constructs the scenarios of a target, to look at. A target without URLs has those of the loopback deployment, whose
// hub is known from the start.
func describe(mode smoke.Mode, t smoke.Target) []smoke.Scenario {
	if t.Binder == nil && t.Hub == nil {
		t.Binder = &url.URL{Scheme: "https", Host: fixtures.BinderHost, Path: "/"}
		t.Hub = &url.URL{Scheme: "https", Host: fixtures.HubHost, Path: "/"}
	}
	return smoke.Budgeted(mode, scenarios.Plan(t), t)
}
