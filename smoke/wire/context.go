package wire

import "context"

type stepKey struct{}

// StepName names a step of a scenario, such as kernel/channel.
type StepName struct{ Scenario, Step string }

// String writes scenario/step.
func (s StepName) String() string { return s.Scenario + "/" + s.Step }

// WithStep returns a context whose records belong to a step.
func WithStep(ctx context.Context, scenario, step string) context.Context {
	return context.WithValue(ctx, stepKey{}, StepName{scenario, step})
}

// StepOf returns the step of a context, or the zero StepName.
func StepOf(ctx context.Context) StepName {
	s, _ := ctx.Value(stepKey{}).(StepName)
	return s
}
