package scenarios

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/wire"
)

// pictured is a step that leaves a screenshot, and one that failed also the page and its console. After a step that passed no
// picture is taken when the page has meanwhile come to grief: that is the next step's to say, and at once.
func (v *visit) pictured(name string, budget time.Duration, do func(context.Context) error) smoke.Step {
	return smoke.Step{
		Name: name, Budget: budget,
		Do: func(ctx context.Context) error {
			if err := do(ctx); err != nil {
				return err
			}
			return v.noticed()
		},
		Evidence: func(ctx context.Context, err error) { v.evidence(ctx, name, err) },
	}
}

// noticed warns of what was wrong with the page and did not keep a person from working.
func (v *visit) noticed() error {
	notices := v.browser.Notices()
	if len(notices) == 0 {
		return nil
	}
	f := notices[0]
	if n := len(notices) - 1; n > 0 {
		f.Got += fmt.Sprintf(" (and %d more)", n)
		for _, other := range notices[1:] {
			f.Exchanges = append(f.Exchanges, other.Exchanges...)
		}
	}
	return smoke.Warn(f)
}

// Bounds of what is taken of a page that failed, and of one that passed.
const (
	evidenceTime  = 5 * time.Second
	interruptTime = time.Second // after an interrupt clean-up comes first
)

func (v *visit) evidence(ctx context.Context, name string, err error) {
	if v.browser == nil {
		return
	}
	limit := evidenceTime
	if v.interrupted() {
		limit = interruptTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failed := err != nil && !smoke.IsWarning(err)
	if failed {
		v.repeat(ctx)
	}
	switch {
	case !failed && name == "launch":
		v.browser.Painted(ctx, v.server.Base())
	case !failed && name == "lab":
		v.browser.Furnished(ctx)
	}
	if !failed && v.browser.Failing() {
		return
	}
	if problem := v.picture(ctx, name); problem != nil && !failed {
		v.Tell(fmt.Sprintf("no screenshot of notebook/%s: %v", name, problem))
	}
	if failed {
		v.keep("notebook-"+name+".console.txt", v.browser.Console())
		v.keep("notebook-"+name+".html", v.browser.Document(ctx))
	}
}

// repeatTime bounds a handshake that is made once more. One that is refused is refused at once.
const repeatTime = 2 * time.Second

// repeat makes the handshake that the browser could not, over HTTP/1.1, with the browser's own cookies and Origin: what comes
// of it stands beside the browser's in the timeline, and has the headers and the body that the browser does not tell.
func (v *visit) repeat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, repeatTime)
	defer cancel()
	handshake, ok := v.browser.Handshake(ctx)
	if !ok {
		return
	}
	if socket, _, err := v.net.As(wire.Probe).Dial(ctx, handshake); err == nil {
		socket.Close()
	}
}

func (v *visit) picture(ctx context.Context, name string) error {
	png, err := v.browser.Screenshot(ctx)
	if err != nil {
		return err
	}
	file := "notebook-" + name + ".png"
	if err := os.WriteFile(filepath.Join(v.Dir, file), png, 0o644); err != nil {
		return err
	}
	smoke.SetScreenshot(ctx, filepath.ToSlash(filepath.Join("targets", v.Name(), file)))
	return nil
}

// maxKept bounds a file of evidence, in bytes.
const maxKept = 4 << 20

// keep writes a file beside the timeline, without secrets: they are removed before anything is cut.
func (v *visit) keep(file, text string) {
	if text == "" {
		return
	}
	text = v.Timeline.Redactor().String(text)
	text = strings.ToValidUTF8(text[:min(len(text), maxKept)], "")
	if err := os.WriteFile(filepath.Join(v.Dir, file), []byte(text), 0o644); err != nil {
		v.Tell(fmt.Sprintf("%s could not be kept: %v", file, err))
	}
}
