package scenarios

import (
	"time"

	"context"

	"binderhub-smoke/smoke"
)

// Server proves that the user server answers through the proxies and takes the token that BinderHub told.
func Server(j *Journey) smoke.Scenario {
	return smoke.Scenario{
		Name:   "server",
		Proves: "the user server answers through every proxy and takes its token",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "api", Budget: 30 * time.Second, Do: func(ctx context.Context) error { return j.raw.Status(ctx) }},
		},
	}
}
