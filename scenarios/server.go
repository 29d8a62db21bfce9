package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Server proves that the user server serves Lab with every asset, and saves a large file.
func Server(j *Journey) smoke.Scenario {
	var (
		visitor *jupyter.Visitor
		page    *wire.Answer
	)
	return smoke.Scenario{
		Name:   "server",
		Proves: "the user server serves Lab with every asset, and saves a large file",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "login", Budget: 30 * time.Second, Do: func(ctx context.Context) (err error) {
				visitor, page, err = j.raw.Visit(ctx)
				return err
			}},
			{Name: "lab", Budget: 60 * time.Second, Do: func(ctx context.Context) error { return j.labPage(ctx, visitor, page) }},
			{Name: "api", Budget: 30 * time.Second, Do: func(ctx context.Context) error { return j.raw.Authenticated(ctx) }},
			{Name: "files", Budget: 60 * time.Second, Do: j.files},
		},
	}
}

// labPage looks at the page that the link of a launch leads to, and fetches all that it names. A repository may start
// another application; then Lab's own page is looked at, where there is one.
func (j *Journey) labPage(ctx context.Context, visitor *jupyter.Visitor, page *wire.Answer) (err error) {
	subject := "The user server's page"
	if err := page.Expect(subject, http.StatusOK, "text/html"); err != nil {
		return err
	}
	if !isLab(page) {
		if page, err = visitor.Page(ctx, "lab"); err != nil {
			return err
		}
		if page.Status == http.StatusNotFound {
			return smoke.Skip("the user server starts another application, and has no JupyterLab")
		}
		if err := page.Expect(subject, http.StatusOK, "text/html"); err != nil {
			return err
		}
	}
	if !isLab(page) {
		return page.Fault(subject, wire.Content, "JupyterLab's or Notebook's page", "a page without jupyter-config-data")
	}
	if len(assetsOf(page)) == 0 {
		return page.Fault(subject, wire.Content, "a page with scripts", "a page that names none")
	}
	return j.assets(ctx, "the user server's page", page)
}

// isLab tells JupyterLab's and Notebook's pages from others by the settings in them.
func isLab(page *wire.Answer) bool { return bytes.Contains(page.Body, []byte("jupyter-config-data")) }

// largeFile is the size of a notebook with plots in it, in bytes: more than the body limit that ingresses come with.
const largeFile = 4_000_000

// awkward is a body as users have them, which over-eager firewalls take for an attack.
const awkward = `see http://example.org/?q="a'b" <script>alert(1)</script> ' OR 1=1; DROP TABLE users; -- ../../etc/passwd ${jndi:ldap://x}`

// files writes, reads back, compares and deletes a large file with an awkward name, and a small one with awkward content.
func (j *Journey) files(ctx context.Context) error {
	noise := rand.NewChaCha8([32]byte([]byte(j.RunID + "binderhub-smoke-file-contents-00")[:32]))
	large := make([]byte, largeFile)
	_, _ = noise.Read(large) // it never fails
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{fmt.Sprintf("binderhub smoke 100%% ä %s.bin", j.RunID), large},
		{fmt.Sprintf("binderhub-smoke-%s.txt", j.RunID), []byte(awkward)},
	} {
		if err := j.roundTrip(ctx, f.name, f.content); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journey) roundTrip(ctx context.Context, name string, content []byte) (err error) {
	if err := j.raw.WriteFile(ctx, name, content); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.raw.DeleteFile(ctx, name)) }()
	return j.raw.CompareFile(ctx, name, content)
}
