package browser

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const saveRoute = "/user/jo-1/api/contents/a dir/n.ipynb"

func TestSave(t *testing.T) {
	bodies := make(chan string, 9)
	d := newDouble(t, Options{}, lab().with(saveRoute, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.Method + " " + string(body)
	}))
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	for range 2 {
		together, err := d.browser.Save(limited(t, 20*time.Second), "a dir/n.ipynb")
		require.NoError(t, err)
		require.False(t, together)
		require.Equal(t, "PUT {}", <-bodies)
	}
}

func TestSaveFails(t *testing.T) {
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	for name, c := range map[string]struct {
		broken  http.HandlerFunc
		symptom wire.Symptom
		got     string
		budget  time.Duration
	}{
		"too large":      {status(413, "<h1>413 Request Entity Too Large</h1>"), wire.Status, "413", 20 * time.Second},
		"forbidden":      {status(403, "'_xsrf' argument missing from PUT"), wire.Status, "403", 20 * time.Second},
		"bad gateway":    {status(502, "nginx"), wire.Status, "502", 20 * time.Second},
		"reset":          {hangUp(true), wire.Reset, "ERR_CONNECTION_RESET", 20 * time.Second},
		"never answered": {func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, wire.Timeout, "no answer in time", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			d.serve(lab().with(saveRoute, c.broken))
			require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
			_, err := d.browser.Save(limited(t, c.budget), "a dir/n.ipynb")
			f, x := requireFault(t, d.tl, err, c.symptom)
			require.Contains(t, f.Got, c.got)
			require.Equal(t, "PUT", x.Open.Method)
		})
	}
	t.Run("nothing sent", func(t *testing.T) {
		d.serve(lab().with("/user/jo-1/notebook", html(labPage+`<script>notebook(); save.onclick = null</script>`)))
		require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
		_, err := d.browser.Save(limited(t, time.Second), "a dir/n.ipynb")
		f, _ := requireFault(t, d.tl, err, wire.Timeout)
		require.Equal(t, "a page that sent nothing", f.Got)
	})
}

// Where people edit together the page saves nothing itself.
func TestSaveTogether(t *testing.T) {
	room := "/user/jo-1/api/collaboration/room/r"
	page := labPage + `<script>notebook(); save.onclick = null; new WebSocket(base + "collaboration/room/r")</script>`
	d := newDouble(t, Options{}, lab().with("/user/jo-1/notebook", html(page)).with(room, socketHandler(func(c *socketConn) { io.Copy(io.Discard, c) })))
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	require.NoError(t, d.browser.rec.wait(limited(t, 10*time.Second), d.browser.rec.collaborates))
	together, err := d.browser.Save(limited(t, 20*time.Second), "a dir/n.ipynb")
	require.NoError(t, err)
	require.True(t, together)
}

func TestReload(t *testing.T) {
	d := newDouble(t, Options{}, lab())
	learnHub(d)
	require.NoError(t, d.browser.OpenNotebook(limited(t, 20*time.Second), notebookURL))
	require.NoError(t, d.browser.Reload(limited(t, 20*time.Second)))
	d.serve(lab().with("/user/jo-1/notebook", status(502, "nginx")))
	requireFault(t, d.tl, d.browser.Reload(limited(t, 20*time.Second)), wire.Status)
}
