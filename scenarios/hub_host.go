package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// HubHost proves that the hub host answers as JupyterHub's proxy and that its websocket path is open.
func HubHost(j *Journey) smoke.Scenario {
	h := &host{Journey: j, name: "the hub host", base: j.hub, probe: "hub/api/"}
	hub := &hubHost{Journey: j}
	if j.Target.Hub == nil {
		hub.remembered = j.hub()
	}
	reachable := h.reachable()
	for i := range reachable {
		reachable[i].Do = hub.doubted(reachable[i].Do)
	}
	sc := smoke.Scenario{
		Name:   "hub-host",
		Proves: "the hub host answers as JupyterHub's proxy and its websocket path is open",
		Raw:    true,
		Host:   true,
		Steps: append(reachable,
			smoke.Step{
				Name: "api", Budget: 30 * time.Second, Independent: true, After: h.connected(), Do: j.hubAPI, Settle: hub.settled("launch/spawn"),
			},
			smoke.Step{
				Name: "upgrade", Budget: 30 * time.Second, Independent: true, After: h.connected(), Do: j.upgrade,
				Settle: &smoke.Settle{After: "kernel/channel", Decide: hub.settleUpgrade},
			},
			smoke.Step{
				Name: "repeat", Budget: 60 * time.Second, Independent: true, After: h.connected(), Do: h.repeat, Settle: hub.settled("launch/spawn"),
			},
		),
	}
	if j.hub() == "" {
		sc.Needs, sc.Advice = []string{"launch/spawn"}, "the hub's URL is not known before a launch tells it; set SMOKE_HUB"
	}
	return sc
}

// hubHost knows where the hub's URL comes from. One that is only remembered may be that of a deployment that is gone: what
// fails there says nothing of the one that was asked for.
type hubHost struct {
	*Journey
	remembered string // the hub's URL that an earlier launch told; empty where it is given or unknown
}

// doubted makes a fault inconclusive where the hub's URL is only remembered: names and certificates go with a deployment.
func (h *hubHost) doubted(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error { return h.doubt(do(ctx), h.remembered != "") }
}

func (h *hubHost) doubt(err error, doubtful bool) error {
	var f *wire.Fault
	if doubtful && errors.As(err, &f) && !smoke.IsWarning(err) {
		f.Inconclusive = true
		f.Got += "; this URL of the hub is remembered from an earlier launch and may be out of date: set SMOKE_HUB"
	}
	return err
}

// outOfDate tells whether a launch of this run told another hub than the remembered one.
func (h *hubHost) outOfDate() bool { return h.remembered != "" && h.hub() != h.remembered }

// settled decides about a fault when a launch has told where the hub is now.
func (h *hubHost) settled(after string) *smoke.Settle {
	return &smoke.Settle{After: after, Decide: func(_ context.Context, _ smoke.Verdict, fault error) error {
		return h.doubt(fault, h.outOfDate())
	}}
}

// hubAPI asks the hub for its version, which it tells without authentication. Source: jupyterhub/apihandlers/hub.py.
func (j *Journey) hubAPI(ctx context.Context) error {
	subject := "JupyterHub's API"
	a, err := j.net.Do(ctx, wire.Call{Subject: subject, URL: j.hub() + "hub/api/"})
	if err != nil {
		return err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return err
	}
	var v struct{ Version string }
	if json.Unmarshal(a.Body, &v) != nil || v.Version == "" {
		return a.Fault(subject, wire.Content, `{"version": …}`, fmt.Sprintf("%.80q", a.Body))
	}
	return nil
}

// upgrade is the canary. configurable-http-proxy answers its own health URL only to plain requests; an upgrade request
// for the same URL goes down its websocket path, to the hub. So the same answer to both tells that something before it
// dropped the upgrade, without a launch, a token or a quota. Source: lib/configproxy.js of configurable-http-proxy.
func (j *Journey) upgrade(ctx context.Context) error {
	call := wire.Call{Subject: "JupyterHub's proxy", URL: j.hub() + "_chp_healthz", Fresh: wire.FreshHTTP1}
	plain, err := j.net.Do(ctx, call)
	if err != nil {
		return err
	}
	if !healthy(plain) {
		return smoke.Skip("configurable-http-proxy's own health URL does not answer here: " + plain.Describe())
	}
	call.Subject, call.Upgrade = "The upgrade canary", true
	upgraded, err := j.net.Do(ctx, call)
	if err != nil {
		return err
	}
	if reachedProxy(upgraded) {
		j.memory.setCanary(true)
		return nil
	}
	got := upgraded.Describe()
	if healthy(upgraded) {
		got = "the same answer as without an upgrade (200 {\"status\":\"OK\"}): the Upgrade header did not arrive"
	}
	f := upgraded.Fault(call.Subject, wire.UpgradeRefused, "an answer of the websocket path (302 to /hub/…)", got)
	f.Exchanges = append(f.Exchanges, plain.Exchange)
	return f
}

func healthy(a *wire.Answer) bool {
	var v struct{ Status string }
	return a.Status == http.StatusOK && json.Unmarshal(a.Body, &v) == nil && v.Status == "OK"
}

// reachedProxy tells whether an answer comes from the proxy's websocket path: the hub's redirect, or what the proxy itself
// says when the hub does not answer (no body and no content type), or a default target's 404 or 424.
func reachedProxy(a *wire.Answer) bool {
	switch {
	case a.Status == http.StatusSwitchingProtocols, a.Header.Get("X-JupyterHub-Version") != "":
		return true
	case a.Status == http.StatusFound:
		return strings.HasSuffix(a.Header.Get("Location"), "/_chp_healthz")
	case a.Status == http.StatusFailedDependency:
		return true
	case a.Status == http.StatusNotFound || a.Status == http.StatusServiceUnavailable:
		return len(a.Body) == 0 && a.Header.Get("Content-Type") == "" || strings.Contains(string(a.Body), "Binder not found")
	}
	return false
}

// settleUpgrade reconsiders a dropped upgrade when the kernel's websocket has been tried: an ingress that upgrades only
// the paths of user servers is healthy for kernels, and worth a warning.
func (j *hubHost) settleUpgrade(_ context.Context, channel smoke.Verdict, fault error) error {
	if j.outOfDate() {
		return j.doubt(fault, true)
	}
	switch channel {
	case smoke.Pass, smoke.Flaky:
		j.memory.setCanary(false)
		return smoke.Warn(fault)
	case smoke.Failed:
		j.memory.setCanary(false)
		return fault
	}
	if j.memory.pathWhitelisted() {
		return smoke.Warn(fault)
	}
	return fault
}
