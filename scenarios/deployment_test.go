package scenarios_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/fixtures/binderhub"
)

// shared is the deployment that this package's tests break and heal, one after the other: to start one takes longer than
// most of them. It starts when first needed and ends with the test binary.
var shared struct {
	once       sync.Once
	deployment *fixtures.Deployment
	err        error
}

// deployment is the shared deployment, healthy. It is left out where a user's own target is under test, for whom this
// package is TestScenarios only, and on a machine that is not set up, but never where CI is set.
func deployment(t testing.TB) *fixtures.Deployment {
	t.Helper()
	if givenTarget("..", os.Environ()) {
		t.Skip("a target of the user's own is under test: this tests the suite itself, on a deployment of its own")
	}
	if err := fixtures.Prerequisites(); err != nil {
		require.Empty(t, os.Getenv("CI"), err.Error())
		t.Skip(err)
	}
	shared.once.Do(func() { shared.deployment, shared.err = fixtures.Start(context.Background(), fixtures.Config{}) })
	require.NoError(t, shared.err)
	return shared.deployment
}

// stopShared ends the shared deployment, if it was started.
func stopShared() error {
	if shared.deployment == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return shared.deployment.Stop(ctx)
}

// ingress puts changes of the healthy ingress in force until the test ends.
func ingress(t *testing.T, d *fixtures.Deployment, changes ...func(*fixtures.Ingress)) {
	t.Helper()
	healthy := fixtures.HealthyIngress()
	for _, change := range changes {
		change(&healthy)
	}
	require.NoError(t, d.SetIngress(t.Context(), healthy))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, d.HealIngress(ctx))
	})
}

// binderHub starts a further BinderHub in front of the deployment's hub, with settings of its own. It returns its address.
func binderHub(t *testing.T, d *fixtures.Deployment, change func(*binderhub.Config)) string {
	t.Helper()
	config := binderhub.Config{
		HubURL: d.HubURL, HubAPIURL: d.HubAPIURL, HubToken: d.HubToken, ReposFile: filepath.Join(d.Dir, "repos.yaml"),
	}
	change(&config)
	handler, err := binderhub.New(config)
	require.NoError(t, err)
	t.Cleanup(handler.Close)
	return listen(t, handler)
}

// listen serves a handler until the test ends, and returns its address.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.Listener.Addr().String()
}

// repositories writes a list of one repository, gh/binder-examples/requirements, with further lines in its entry, and the
// directory files beside it for what is in the repository.
func repositories(t *testing.T, lines string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "repos.yaml")
	text := "repositories:\n  - slug: gh/binder-examples/requirements\n    directory: files\n" +
		"    refs: {HEAD: 50533eb470ee6c24e872043d30b2fee463d6943f}\n" + lines
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(file), "files"), 0o700))
	return file
}

// proxyAddress is where configurable-http-proxy listens, for locations of an ingress that a case writes itself.
func proxyAddress(t *testing.T, d *fixtures.Deployment) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Dir, "hub", "settings.json"))
	require.NoError(t, err)
	var settings struct {
		ProxyURL string `json:"proxy_url"`
	}
	require.NoError(t, json.Unmarshal(text, &settings))
	return strings.TrimPrefix(settings.ProxyURL, "http://")
}

// launchedServer is a user server that a BinderHub has launched.
type launchedServer struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// user is the name in the server's URL.
func (s launchedServer) user() string {
	_, rest, _ := strings.Cut(s.URL, "/user/")
	return strings.Trim(rest, "/")
}

// launchAt launches the default repository at a BinderHub's address, as any client does.
func launchAt(t *testing.T, address string) launchedServer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/build/gh/binder-examples/requirements/HEAD", nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		var event struct {
			launchedServer
			Phase, Message string
		}
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if !isData || json.Unmarshal([]byte(data), &event) != nil {
			continue
		}
		require.NotEqual(t, "failed", event.Phase, event.Message)
		if event.Phase == "ready" {
			return event.launchedServer
		}
	}
	require.Fail(t, "the launch's stream ended before ready")
	return launchedServer{}
}

// put writes a file into a user server's directory.
func put(t *testing.T, d *fixtures.Deployment, s launchedServer, name, content string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"type": "file", "format": "text", "content": content})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"api/contents/"+name, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "token "+s.Token)
	response, err := d.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Less(t, response.StatusCode, 300)
}

// dismiss stops a user server that a case has left running.
func dismiss(t testing.TB, d *fixtures.Deployment, user string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, d.StopServer(ctx, user))
}

// alive are the names of the users whose server answers, whatever the hub believes. One that hangs on its way out does not.
func alive(t *testing.T, d *fixtures.Deployment) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	servers, err := d.Servers(ctx)
	require.NoError(t, err)
	var names []string
	for _, s := range servers {
		if serverAnswers(t, d, s.User) {
			names = append(names, s.User)
		}
	}
	return names
}

// serverAnswers has a time of its own for each server: of one time for all, one that hangs would leave the others none.
func serverAnswers(t *testing.T, d *fixtures.Deployment, user string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.HubURL+"/user/"+user+"/api", nil)
	require.NoError(t, err)
	response, err := d.Client().Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode == http.StatusOK
}

// patient is a user server that several cases use, and how a case makes it ill.
type patient struct {
	launchedServer
	address string // of a BinderHub that hands it out at once
}

var ward struct {
	once sync.Once
	patient
	err error
}

// borrow is a server that runs already, and a BinderHub that hands it out to everybody: to launch one for each case would
// take most of the time of this package, and launching is not what these cases are about. clean-up must be left out.
func borrow(t *testing.T, d *fixtures.Deployment) patient {
	t.Helper()
	ward.once.Do(func() {
		ward.err = errors.New("an earlier test could not launch it")
		file := repositories(t, "    cached: true\n")
		writePatient(t, filepath.Join(filepath.Dir(file), "files"))
		ward.launchedServer = launchAt(t, binderHub(t, d, func(c *binderhub.Config) { c.ReposFile = file }))
		ward.err = nil
	})
	require.NoError(t, ward.err)
	p := ward.patient
	p.address = listen(t, healthyBinder(map[string]http.HandlerFunc{"/build/": handOut(p.launchedServer)}))
	return p
}

// handOut answers a launch with a server that runs.
func handOut(s launchedServer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ready, _ := json.Marshal(map[string]string{"phase": "ready", "url": s.URL, "token": s.Token, "binder_launch_host": "https://" + r.Host + "/"})
		text(200, "text/event-stream", "data: {\"phase\":\"built\"}\n\ndata: {\"phase\":\"launching\"}\n\ndata: "+string(ready)+"\n\n")(w, r)
	}
}

// The ways in which a patient is ill: one word in the file smoke-mode of its directory, read at the start of a kernel or
// of a terminal.
const (
	well      = "well"
	dying     = "dying"     // the kernel exits while it starts
	silent    = "silent"    // once a cell runs, nothing is published on iopub
	raises    = "raises"    // whatever is printed raises
	garbles   = "garbles"   // what is printed is something else
	deaf      = "deaf"      // an interrupt is ignored
	once      = "once"      // the kernel starts, and when it is restarted it never comes to an end with that
	willing   = "willing"   // input() has an answer
	narrow    = "narrow"    // what is displayed is cut at a megabyte
	imageless = "imageless" // what is displayed has no images
	forgiving = "forgiving" // a cell that raises goes well
	nameless  = "nameless"  // no name resolves
	enclosed  = "enclosed"  // no connection leaves the pod
	mute      = "mute"      // the terminal's shell takes keys and does nothing
	clustered = "clustered" // and an address: it believes that it is in a cluster, whose API is there
	smokeMode = "smoke-mode"
)

// startup is run by IPython when a kernel starts.
const startup = `
import builtins, os, pathlib, signal, socket
mode = pathlib.Path("smoke-mode").read_text() if os.path.exists("smoke-mode") else ""
def fail(error):
    def raising(*a, **k):
        raise error
    return raising
if mode == "dying":
    os._exit(1)
if mode == "silent":
    kernel = get_ipython().kernel
    send = kernel.session.send
    def sending(stream, *a, **k):
        if stream is not kernel.iopub_socket:
            return send(stream, *a, **k)
    get_ipython().events.register("pre_run_cell", lambda *_: setattr(kernel.session, "send", sending))
if mode == "raises":
    builtins.print = fail(OSError(28, "No space left on device"))
if mode == "garbles":
    plain = builtins.print
    builtins.print = lambda *a, **k: plain("something else")
if mode == "deaf":
    get_ipython().events.register("pre_run_cell", lambda *_: signal.signal(signal.SIGINT, signal.SIG_IGN))
if mode == "once":
    from ipykernel.connect import get_connection_file
    try:
        open("started-" + os.path.basename(get_connection_file()), "x").close()
    except FileExistsError:
        while True:
            signal.pause()
if mode == "willing":
    get_ipython().events.register("pre_run_cell", lambda *_: setattr(builtins, "input", lambda *a: ""))
if mode == "nameless":
    socket.getaddrinfo = fail(socket.gaierror(-3, "Temporary failure in name resolution"))
if mode in ("narrow", "imageless"):
    publisher = type(get_ipython().display_pub)
    publish = publisher.publish
    keep = (lambda k, v: (k, v[:1000000])) if mode == "narrow" else (lambda k, v: (k, "" if k.startswith("image/") else v))
    publisher.publish = lambda self, data, *a, **k: publish(self, dict(keep(*i) for i in data.items()), *a, **k)
if mode == "forgiving":
    get_ipython().input_transformers_cleanup.append(lambda lines: [l.replace("raise RuntimeError", "str") for l in lines])
if mode.startswith("clustered "):
    os.environ["KUBERNETES_SERVICE_HOST"], _, os.environ["KUBERNETES_SERVICE_PORT"] = mode.split()[1].rpartition(":")
if mode == "enclosed":
    socket.create_connection = fail(TimeoutError("timed out"))
`

// profile is run by the login shell of a terminal.
const profile = `[ "$(cat smoke-mode)" = mute ] && exec sleep 1000`

// brokenNotebook fails in its second code cell: what is no code, and what is empty, does not count.
const brokenNotebook = `{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
{"id": "a", "cell_type": "markdown", "metadata": {}, "source": "text"},
{"id": "b", "cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": ["a = 1\n", "b = 0"]},
{"id": "c", "cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": ""},
{"id": "d", "cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": "a / b"}]}`

// writePatient writes the repository of the patient.
func writePatient(t *testing.T, directory string) {
	t.Helper()
	index, err := os.ReadFile(filepath.Join("..", "fixtures", "repos", "requirements", "index.ipynb"))
	require.NoError(t, err)
	for name, content := range map[string]string{
		".ipython/profile_default/startup/00-mode.py": startup,
		".profile":        profile,
		"index.ipynb":     string(index),
		"broken.ipynb":    brokenNotebook,
		"no-notebook.txt": "text",
	} {
		file := filepath.Join(directory, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
}

// newcomers are the users of all servers that answer now and did not before.
func newcomers(before, now []string) []string {
	return slices.DeleteFunc(slices.Clone(now), func(name string) bool { return slices.Contains(before, name) })
}

// closedPort is an address on loopback at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
