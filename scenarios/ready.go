package scenarios

import (
	"context"
	"errors"
	"net/http"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/wire"
)

// ready asks, over connections of its own, whether the hosts answer as the new deployment: BinderHub with the versions that
// the settings expect, and JupyterHub behind its proxy. Where the hub's URL is not given, BinderHub is asked whether it
// reaches its hub: a remembered URL may be that of a deployment that is gone.
func (j *Journey) ready(ctx context.Context) error {
	seen := wire.NewTimeline(time.Now(), j.Timeline.Redactor(), j.Timeline.Places(), nil, wire.Limits{})
	scout := &Journey{TargetRun: j.TargetRun, net: j.network(seen, nil)}
	defer scout.net.Close()
	var err error
	if !j.alone() {
		client := binder.New(scout.net, j.Timeline.Places().Binder(), j.Target.Token)
		err = client.Versions(ctx, j.Target.Expect.Versions)
		if err == nil && j.Target.Hub == nil {
			err = client.Health(ctx)
		}
	}
	if err == nil && j.Target.Hub != nil {
		err = scout.hubAPI(ctx)
	}
	if err != nil && decided(seen, err) {
		return smoke.Hopeless(err)
	}
	return err
}

// decided tells whether somebody answers, and will answer so for ever: who refuses us, or sends us elsewhere, does what the
// settings of that place say. All else may be of a deployment that is coming up: names, addresses and certificates are
// made late, and until then the default backend answers with its own 404 and its own certificate.
func decided(seen *wire.Timeline, err error) bool {
	var f *wire.Fault
	if !errors.As(err, &f) || len(f.Exchanges) == 0 {
		return false
	}
	for _, x := range wire.Fold(seen.Records()) {
		if x.ID != f.Exchanges[0] || x.Response == nil {
			continue
		}
		switch status := x.Response.Status; status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
			return true
		default:
			return status >= 300 && status < 400
		}
	}
	return false
}
