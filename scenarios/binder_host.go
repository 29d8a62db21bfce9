package scenarios

import (
	"context"
	"time"

	"binderhub-smoke/smoke"
)

// BinderHost proves that the binder host answers as BinderHub.
func BinderHost(j *Journey) smoke.Scenario {
	return smoke.Scenario{
		Name:   "binder-host",
		Proves: "the binder host answers as BinderHub",
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "page", Budget: 30 * time.Second, Do: j.page},
			{Name: "health", Budget: 30 * time.Second, Independent: true, Do: j.binder.Health},
		},
	}
}

func (j *Journey) page(ctx context.Context) error {
	if !j.Target.UI {
		return smoke.Skip("BinderHub is said to be in API-only mode")
	}
	_, err := j.binder.Page(ctx, "")
	return err
}
