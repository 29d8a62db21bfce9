package wire_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		binder, hub string
		want        map[string]wire.Role
	}{
		{"https://binder.test", "https://hub.test/", map[string]wire.Role{
			"https://binder.test":                    wire.RoleBinder,
			"https://binder.test:443/v2/gh/a/b/HEAD": wire.RoleBinder,
			"http://binder.test/":                    wire.RoleBinder, // the redirect to https is the host's own
			"https://BINDER.test/user/x/":            wire.RoleBinder,
			"https://binder.test:8443/":              wire.RoleOther,
			"https://hub.test/hub/api/":              wire.RoleHub,
			"https://hub.test":                       wire.RoleHub,
			"https://hub.test/users/":                wire.RoleHub,
			"https://hub.test/user/x/lab?token=a":    wire.RoleServer,
			"wss://hub.test/user/x/api/kernels/1":    wire.RoleServer,
			"ws://hub.test/user/x/":                  wire.RoleServer,
			"https://hub.test/user/rick%2Fmorty/lab": wire.RoleServer,
			"https://hub.test/%75ser/x/":             wire.RoleServer,
			"https://cdn.test/x.js":                  wire.RoleOther,
			"https://hub.test.evil.test/user/x/":     wire.RoleOther,
			"data:text/html,x":                       wire.RoleOther,
			"":                                       wire.RoleOther,
			"https://hub.test/%zz":                   wire.RoleOther,
			"https://binder.test@evil.test/":         wire.RoleOther,
		}},
		{"https://one.test/services/binder", "https://one.test", map[string]wire.Role{
			"https://one.test/services/binder/v2/x": wire.RoleBinder,
			"https://one.test/services/binder":      wire.RoleBinder,
			"https://one.test/services/binderhub/":  wire.RoleHub,
			"https://one.test/user/x/":              wire.RoleServer,
			"https://one.test/hub/api/":             wire.RoleHub,
		}},
		{"https://one.test/", "https://one.test/jupyter", map[string]wire.Role{
			"https://one.test/jupyter/user/x/": wire.RoleServer,
			"https://one.test/jupyter":         wire.RoleHub,
			"https://one.test/user/x/":         wire.RoleBinder,
		}},
		{"http://[::1]:8080/", "http://127.0.0.1/", map[string]wire.Role{
			"http://[::1]:8080/x":       wire.RoleBinder,
			"ws://127.0.0.1:80/user/x/": wire.RoleServer,
			"http://[::1]/x":            wire.RoleOther,
		}},
	} {
		p := wire.NewPlaces(parse(t, c.binder), parse(t, c.hub))
		for u, want := range c.want {
			require.Equal(t, want, p.RoleOf(u), u)
		}
	}
}

func parse(t *testing.T, s string) *url.URL {
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

func TestOwnPlaces(t *testing.T) {
	p := wire.NewPlaces(parse(t, "https://binder.test/"), nil)
	require.True(t, p.Own("https://binder.test/x"))
	require.False(t, p.Own("http://binder.test/x"), "credentials do not travel in the clear")
	require.False(t, p.Own("https://hub.test/"))
	p.LearnHub(parse(t, "https://hub.test"))
	require.True(t, p.Own("wss://hub.test/user/x/"))
	p.LearnHub(parse(t, "https://evil.test"))
	require.Equal(t, "https://hub.test/", p.Hub().String(), "the first stays")
	require.Equal(t, wire.RoleOther, wire.NewPlaces(nil, nil).RoleOf("https://x/"))
}

// A member of a federation has a hub of its own; credentials that are the target's are not for it.
func TestMembersOfAFederation(t *testing.T) {
	p := wire.NewPlaces(parse(t, "https://binder.test/"), parse(t, "https://hub.test/"))
	p.LearnMember(parse(t, "https://member.test/binder/"))
	p.LearnMemberHub(parse(t, "https://hub.member.test/jupyter"))
	for raw, want := range map[string]wire.Role{
		"https://member.test/binder/build/gh/a/b/HEAD": wire.RoleBinder,
		"https://member.test/elsewhere":                wire.RoleOther,
		"wss://hub.member.test/jupyter/user/x/api":     wire.RoleServer,
		"https://hub.member.test/jupyter/hub/api/":     wire.RoleHub,
		"https://hub.member.test/user/x/":              wire.RoleOther,
		"https://hub.test/user/x/":                     wire.RoleServer,
	} {
		require.Equal(t, want, p.RoleOf(raw), raw)
	}
	require.False(t, p.Own("https://hub.member.test/jupyter/user/x/"))
	require.Equal(t, "https://hub.test/", p.Hub().String())
}

func TestRememberedHubGivesWay(t *testing.T) {
	parse := func(raw string) *url.URL {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		return u
	}
	p := wire.NewPlaces(parse("https://binder.example.org"), nil)
	p.RememberHub(parse("https://old.example.org"))
	require.Equal(t, "https://old.example.org/", p.Hub().String())
	p.LearnHub(parse("https://new.example.org"))
	require.Equal(t, "https://new.example.org/", p.Hub().String())
	p.LearnHub(parse("https://other.example.org"))
	require.Equal(t, "https://new.example.org/", p.Hub().String(), "what a launch told stays")
	given := wire.NewPlaces(parse("https://binder.example.org"), parse("https://hub.example.org"))
	given.RememberHub(parse("https://old.example.org"))
	given.LearnHub(parse("https://new.example.org"))
	require.Equal(t, "https://hub.example.org/", given.Hub().String(), "what was given stays")
}
