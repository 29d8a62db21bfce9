package scenarios

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Rebuild proves that an image that is not cached builds, pushes and starts. It is asked for: each one stays in the registry.
func Rebuild(j *Journey) smoke.Scenario {
	var launch *binder.Launch
	return smoke.Scenario{
		Name:   "rebuild",
		Proves: "an image that is not cached builds, pushes and starts",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "build", Budget: 20 * time.Minute, Do: func(ctx context.Context) (err error) {
				if !j.Target.Rebuild {
					return j.notRebuilt()
				}
				launch, err = j.rebuild(ctx)
				return err
			}},
			{Name: "spawn", Budget: 11 * time.Minute, Do: func(ctx context.Context) error {
				if launch == nil {
					return smoke.Skip("nothing was built")
				}
				return j.startRebuilt(ctx, launch)
			}},
		},
	}
}

// notRebuilt says what a run proves of the builder that was not asked for a build.
func (j *Journey) notRebuilt() error {
	if j.cached {
		return smoke.Skip("only a cached image was launched; SMOKE_REBUILD=on builds one anew")
	}
	return smoke.Skip("not asked for; the launch built its image itself, and SMOKE_REBUILD=on builds another")
}

// rebuild launches the target's repository under a name that no image has yet. BinderHub puts the letter case of the name
// into the image's hash (builder.py), and Git hosts do not mind it.
func (j *Journey) rebuild(ctx context.Context) (*binder.Launch, error) {
	if j.user != nil {
		return nil, errOneServer
	}
	spec, ok := recased(j.Target.Spec)
	if !ok {
		return nil, smoke.Skip("there is no way to name " + j.Target.Spec + " so that it is built anew")
	}
	launch, err := j.launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	event, err := launch.Await(ctx, "built")
	switch {
	case err != nil:
		return nil, err
	case isCached(event): // there are not many ways to write a short name
		f := launch.Fault(wire.Content, "a build of "+spec, "an image that had been built before")
		f.Inconclusive = true
		return nil, f
	case launch.Logs() == 0:
		return nil, launch.Fault(wire.Content, "the build's log lines", "none before the image was built")
	}
	return launch, nil
}

// recased changes the case of letters in the owner's and the repository's name at random. Only where those are on hosts that
// do not tell cases apart: GitHub and GitLab.
func recased(spec string) (string, bool) {
	parts := strings.Split(spec, "/")
	if len(parts) != 4 || (parts[0] != "gh" && parts[0] != "gl") {
		return "", false
	}
	letters := []rune(parts[1] + "/" + parts[2])
	var cased []int
	for i, r := range letters {
		if unicode.ToUpper(r) != unicode.ToLower(r) {
			cased = append(cased, i)
		}
	}
	if len(cased) == 0 {
		return "", false
	}
	for again := true; again; again = string(letters) == parts[1]+"/"+parts[2] {
		for _, i := range cased {
			letters[i] = flip(letters[i])
		}
	}
	return parts[0] + "/" + string(letters) + "/" + parts[3], true
}

// flip makes a letter a capital or a small one, at random.
func flip(r rune) rune {
	if rand.IntN(2) == 0 {
		return unicode.ToUpper(r)
	}
	return unicode.ToLower(r)
}

// startRebuilt sees the built image start, and its stream live to its end.
func (j *Journey) startRebuilt(ctx context.Context, launch *binder.Launch) error {
	var server *jupyter.Server
	server, err := j.spawn(ctx, launch)
	if err != nil {
		return err
	}
	if _, err := server.Version(ctx); err != nil {
		return err
	}
	return launch.Drain(ctx)
}
