package scenarios

import (
	"net/url"

	"binderhub-smoke/smoke"
)

// Plan constructs the scenarios that a target would run, without running them.
func Plan(target smoke.Target) []smoke.Scenario {
	return smoke.Describe(target, All(nil))
}

// Names returns every scenario's steps by the scenario's name: what settings may name.
func Names() map[string][]string {
	nowhere := &url.URL{Scheme: "https", Host: "binder.invalid", Path: "/"}
	names := map[string][]string{}
	for _, sc := range Plan(smoke.Target{Binder: nowhere, UI: true}) {
		for _, st := range sc.Steps {
			names[sc.Name] = append(names[sc.Name], st.Name)
		}
	}
	return names
}
