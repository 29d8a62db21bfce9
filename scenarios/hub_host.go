package scenarios

import (
	"context"
	"encoding/json"
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
	sc := smoke.Scenario{
		Name:   "hub-host",
		Proves: "the hub host answers as JupyterHub's proxy and its websocket path is open",
		Raw:    true,
		Steps: append(h.reachable(),
			smoke.Step{Name: "api", Budget: 30 * time.Second, Independent: true, After: h.connected(), Do: j.hubAPI},
			smoke.Step{
				Name: "upgrade", Budget: 30 * time.Second, Independent: true, After: h.connected(), Do: j.upgrade,
				Settle: &smoke.Settle{After: "kernel/channel", Decide: j.settleUpgrade},
			},
			smoke.Step{Name: "repeat", Budget: 60 * time.Second, Independent: true, After: h.connected(), Do: h.repeat},
		),
	}
	if j.hub() == "" {
		sc.Needs, sc.Advice = []string{"launch/spawn"}, "the hub's URL is not known before a launch tells it; set SMOKE_HUB"
	}
	return sc
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
func (j *Journey) settleUpgrade(_ context.Context, channel smoke.Verdict, fault error) error {
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
