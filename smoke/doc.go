// Package smoke is the engine of the suite: targets, scenarios, steps, verdicts, settings and the runner that schedules
// them. It knows neither clients nor *testing.T.
package smoke
