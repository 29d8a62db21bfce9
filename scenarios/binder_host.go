package scenarios

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/wire"
)

// BinderHost proves that the binder host answers as BinderHub over fresh connections, with a certificate that lasts.
func BinderHost(j *Journey) smoke.Scenario {
	h := &host{Journey: j, name: "the binder host", base: func() string { return j.binder.URL("") }, probe: "versions"}
	h.found = func(at []netip.Addr) { j.binderAt = at }
	var page binder.Page
	independent := func(name string, budget time.Duration, do func(context.Context) error, after []string) smoke.Step {
		return smoke.Step{Name: name, Budget: budget, Independent: true, Do: do, After: after}
	}
	return smoke.Scenario{
		Name:   "binder-host",
		Proves: "the binder host answers as BinderHub over fresh connections, with a certificate that lasts",
		Raw:    true,
		Host:   true,
		Steps: append(h.reachable(),
			independent("redirect", 20*time.Second, h.redirect, nil),
			smoke.Step{Name: "page", Budget: 30 * time.Second, Do: func(ctx context.Context) (err error) {
				page, err = j.page(ctx)
				return err
			}},
			independent("assets", 60*time.Second, func(ctx context.Context) error {
				if page.Answer == nil {
					return smoke.Skip("there is no page")
				}
				return j.assets(ctx, "BinderHub's page", page.Answer)
			}, []string{"page"}),
			independent("health", 30*time.Second, j.health, h.connected()),
			independent("providers", 30*time.Second, j.providers, h.connected()),
			independent("encoded", 30*time.Second, j.encoded, []string{"page"}),
			independent("repeat", 60*time.Second, h.repeat, h.connected()),
		),
	}
}

// health asks BinderHub about itself, and whether it is the one that was deployed.
func (j *Journey) health(ctx context.Context) error {
	if err := j.binder.Health(ctx); err != nil || len(j.Target.Expect.Versions) == 0 {
		return err
	}
	return j.binder.Versions(ctx, j.Target.Expect.Versions)
}

func (j *Journey) page(ctx context.Context) (binder.Page, error) {
	if !j.Target.UI {
		return binder.Page{}, smoke.Skip("BinderHub is said to be in API-only mode")
	}
	return j.binder.Page(ctx, "")
}

// provider is the repository provider of what is launched.
func (j *Journey) provider() string {
	provider, _, _ := strings.Cut(j.Target.Spec, "/")
	return provider
}

// providers asks for the list of providers: it must hold the one that we launch from.
func (j *Journey) providers(ctx context.Context) error {
	ids, supported, err := j.binder.Providers(ctx)
	switch {
	case err != nil:
		return err
	case !supported:
		return smoke.Skip("this BinderHub is older than its list of providers")
	case !slices.Contains(ids, j.provider()):
		return &wire.Fault{
			Subject: "BinderHub's list of repository providers", URL: j.binder.URL("api/repoproviders"), Symptom: wire.Content,
			Want: "the provider " + j.provider() + " of " + j.Target.Spec, Got: fmt.Sprint(ids), Inconclusive: true,
		}
	}
	return nil
}

func (j *Journey) encoded(ctx context.Context) error {
	if !j.Target.UI {
		return smoke.Skip("BinderHub is in API-only mode, and shows on no page what it received")
	}
	applies, err := j.binder.Encoded(ctx, j.provider())
	if err == nil && !applies {
		return smoke.Skip("this BinderHub shows on no page what it received")
	}
	return err
}
