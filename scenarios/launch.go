package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Launch proves that the event stream arrives live and in order to ready, and that the proxy routes to the new server.
func Launch(j *Journey) smoke.Scenario {
	var launch *binder.Launch
	needs := []string{"binder-host/page"}
	switch {
	case !j.Target.UI:
		needs = nil
		for _, step := range (&host{Journey: j, base: func() string { return j.binder.URL("") }}).connected() {
			needs = append(needs, "binder-host/"+step)
		}
	}
	return smoke.Scenario{
		Name:   "launch",
		Proves: "the event stream arrives live and in order to ready, and the proxy routes to the new server",
		Needs:  needs,
		Raw:    true,
		Steps: []smoke.Step{
			// A build may take long where the image is not cached; silence ends it sooner.
			{Name: "build", Budget: 10 * time.Minute, Do: func(ctx context.Context) (err error) {
				if launch, err = j.launch(ctx, j.Target.Spec); err != nil {
					return err
				}
				event, err := launch.Await(ctx, "built", "launching")
				if err != nil {
					return j.known(err)
				}
				j.cached = isCached(event)
				j.memory.setResolved(j.Target.Spec)
				return launch.Live(ctx)
			}},
			// Zero to JupyterHub's start timeout is 300 s, and BinderHub tries four times; a node may have to be added.
			{Name: "spawn", Budget: 10 * time.Minute, Do: func(ctx context.Context) (err error) {
				if j.raw, err = j.spawn(ctx, launch); err != nil {
					return err
				}
				return j.told(launch)
			}},
			{Name: "route", Budget: 30 * time.Second, Do: func(ctx context.Context) error {
				_, err := j.raw.Version(ctx)
				return err
			}},
		},
	}
}

// isCached tells whether BinderHub found an image that had been built before. Source: binderhub/builder.py.
func isCached(e binder.Event) bool { return strings.Contains(e.Message, "Found built image") }

// launch asks for a launch as a browser does: with the token of the launch page, which keeps it out of the rate limit.
func (j *Journey) launch(ctx context.Context, spec string) (*binder.Launch, error) {
	token := ""
	if j.Target.UI {
		var err error
		if token, err = j.binder.BuildToken(ctx, spec); err != nil {
			return nil, err
		}
	}
	l := j.binder.Launch(ctx, spec, token)
	j.launching(&launched{at: l.At, close: l.Close, server: func(ctx context.Context) (*jupyter.Server, error) {
		return j.serverOf(ctx, l)
	}})
	return l, nil
}

// known says of a ref that cannot be resolved whether it could be before: then it is not the ref that is wrong.
func (j *Journey) known(err error) error {
	var f *wire.Fault
	if errors.As(err, &f) && strings.Contains(f.Got, "Could not resolve ref") && j.memory.resolved(j.Target.Spec) {
		f.Got += " (it could be resolved in a run on record)"
	}
	return err
}

// spawn follows a launch to its end and returns the server that it tells.
func (j *Journey) spawn(ctx context.Context, l *binder.Launch) (*jupyter.Server, error) {
	if l.Ready() == nil {
		if _, err := l.Await(ctx); err != nil {
			return nil, err
		}
	}
	if l.Ready().URL == "" {
		return nil, l.Fault(wire.Content, "the URL of a user server in ready", "none")
	}
	j.learnHub(l.Ready().URL)
	if member := l.Member(); member != "" {
		j.tookOver(member, l.Ready().URL)
	}
	return j.serverAt(j.net, j.secured(l.Ready().URL), l.Ready().Token), nil
}

// secured is a user server's URL as the hub's own begins where BinderHub told it by http: that is a fault of what it told, and
// no reason to send a token in the clear, nor to leave the server behind because a redirect keeps no POST.
func (j *Journey) secured(server string) string {
	hub := j.Target.Hub
	if hub == nil || hub.Scheme != "https" {
		return server
	}
	rest, plain := strings.CutPrefix(server, "http://"+hub.Host+"/")
	if !plain {
		return server
	}
	return "https://" + hub.Host + "/" + rest
}

// tookOver records the federation's member that took a launch, whose hub may be another one.
func (j *Journey) tookOver(member, server string) {
	j.Tell("the federation handed the launch to " + member)
	base, _, found := strings.Cut(server, "/user/")
	if hub, err := url.Parse(base + "/"); found && err == nil {
		j.Timeline.Places().LearnMemberHub(hub)
	}
}

// told looks at what "ready" says: the server's URL must be of the hub that we were told of, by https where BinderHub is;
// and it shows what BinderHub knows of the outside, which it has from forwarded headers alone.
func (j *Journey) told(l *binder.Launch) error {
	ready := l.Ready()
	server, err := url.Parse(ready.URL)
	secure := j.Target.Binder.Scheme == "https"
	switch hub := j.Target.Hub; {
	case err != nil:
		return l.Fault(wire.Content, "a URL in ready", fmt.Sprintf("%q", ready.URL))
	case secure && server.Scheme != "https":
		return l.Fault(wire.Content, "an https:// URL of the user server", ready.URL)
	case hub != nil && l.Member() == "" && j.Timeline.Places().RoleOf(ready.URL) != wire.RoleServer:
		return l.Fault(wire.Content, "a user server below "+hub.String(), ready.URL)
	case secure && strings.HasPrefix(ready.LaunchHost, "http://") && !j.behindHub(server):
		return smoke.Warn(l.Fault(wire.Content, "binder_launch_host with https://", ready.LaunchHost+": X-Forwarded-Proto does not arrive"))
	}
	return j.clientIP(l)
}

// behindHub tells whether BinderHub is a service of the hub on the hub's own host. It then sees http whatever the ingress says:
// CHP, in between, adds a word of its own to X-Forwarded-Proto, and Tornado goes by the last.
// Source: http-proxy's web-incoming.js, XHeaders, and tornado/httpserver.py, _apply_xheaders.
func (j *Journey) behindHub(server *url.URL) bool {
	return server.Host == j.Target.Binder.Host && strings.Contains(j.Target.Binder.Path, "/services/")
}

// clientIP warns when BinderHub sees a private address of a client that came over the public network: all clients then
// share one rate limit, and bans hit everybody.
func (j *Journey) clientIP(l *binder.Launch) error {
	seen, err := netip.ParseAddr(l.Ready().ClientIP)
	if err != nil || !internal(seen) || len(j.binderAt) == 0 || slices.ContainsFunc(j.binderAt, internal) {
		return nil // where BinderHub's own address is internal, so may ours be
	}
	return smoke.Warn(l.Fault(wire.Content, "our public address as binder_client_ip", "a private one: X-Forwarded-For does not arrive"))
}

// shared are the addresses between a carrier and its customers, which clusters use for their pods too (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// internal tells whether an address means nothing on the public network.
func internal(at netip.Addr) bool {
	at = at.Unmap()
	return at.IsPrivate() || at.IsLoopback() || at.IsLinkLocalUnicast() || shared.Contains(at)
}

// errNoAddress is of a launch that is ready at a place that nobody can ask.
var errNoAddress = errors.New("ready told no URL that can be asked")

// serverOf waits for the server of a launch, for clean-up.
func (j *Journey) serverOf(ctx context.Context, l *binder.Launch) (*jupyter.Server, error) {
	var fault *wire.Fault
	if l.Ready() == nil {
		_, err := l.Await(ctx)
		switch {
		case errors.As(err, &fault) && !l.MayRun():
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	if at, err := url.Parse(l.Ready().URL); err != nil || at.Host == "" {
		return nil, errNoAddress
	}
	return j.serverAt(j.net, j.secured(l.Ready().URL), l.Ready().Token), nil
}
