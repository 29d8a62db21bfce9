package smoke

// Plan tells of every step ("scenario/step") that a target's settings keep from running, why; what is not in it would run.
func Plan(target Target, scenarios []Scenario) map[string]string {
	return choose(scenarios, target, nil)
}
