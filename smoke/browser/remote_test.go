package browser

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// elsewhere starts a Chromium of its own that listens for remote debugging, and returns its address.
func elsewhere(t *testing.T, flags ...string) string {
	t.Helper()
	needsChromium(t)
	path, err := find()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("/tmp", "remote")
	require.NoError(t, err)
	flags = append(flags, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--user-data-dir="+dir, "about:blank")
	cmd := exec.Command(path, flags...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		remove(dir)
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := regexp.MustCompile(`listening on (ws://\S+)/devtools`).FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	require.Fail(t, "Chromium told no address")
	return ""
}

func TestRemoteBrowser(t *testing.T) {
	d := newDouble(t, Options{}, binderhub())
	address := elsewhere(t, "--host-resolver-rules="+resolverRules(d.resolve))
	for range 2 { // it is still there for the next run
		b, err := Start(t.Context(), Options{Timeline: d.tl, Resolve: d.resolve, Remote: address})
		require.NoError(t, err)
		require.Contains(t, b.Notes()[0], "elsewhere")
		server, err := b.Launch(limited(t, 20*time.Second), launchURL)
		require.NoError(t, err)
		require.Equal(t, serverURL, server.URL)
		require.NoError(t, b.Close(context.Background()))
	}
}

// A browser elsewhere that does not go where SMOKE_RESOLVE says proves nothing.
func TestRemoteBrowserGoesElsewhere(t *testing.T) {
	d := newDouble(t, Options{}, binderhub())
	b, err := Start(t.Context(), Options{
		Timeline: d.tl, Resolve: map[string]string{"binder.test:80": "127.0.0.2:81"},
		Remote: elsewhere(t, "--host-resolver-rules="+resolverRules(d.resolve)),
	})
	require.NoError(t, err)
	defer b.Close(context.Background())
	_, err = b.Launch(limited(t, 20*time.Second), launchURL)
	f, _ := requireFault(t, d.tl, err, wire.ClientFailed)
	require.True(t, f.Inconclusive)
	require.Contains(t, f.Got, `--host-resolver-rules="MAP binder.test:80 127.0.0.2:81"`)
}

// A browser elsewhere that cannot get to the target for reasons of its own proves nothing, and the fault says what to do.
func TestRemoteBrowserCannotGetThere(t *testing.T) {
	ours := newAuthority(t, "ours")
	secure := ours.serve(t, "binder.test", time.Now().Add(time.Hour), html("text")).Listener.Addr().String()
	for name, c := range map[string]struct {
		rules   map[string]string // that browser's own
		resolve map[string]string
		says    string
	}{
		"does not trust":     {map[string]string{"binder.test:443": secure}, nil, "certutil -d sql:$HOME/.pki/nssdb -A"},
		"finds no name":      {nil, nil, "ERR_NAME_NOT_RESOLVED"},
		"was told no name":   {nil, map[string]string{"binder.test:443": secure}, `--host-resolver-rules="MAP binder.test:443 ` + secure},
		"goes to a dead one": {map[string]string{"binder.test:443": closedPort(t)}, map[string]string{"binder.test:443": secure}, "ERR_CONNECTION_REFUSED; start that browser with"},
	} {
		t.Run(name, func(t *testing.T) {
			tl := newTimeline("https://binder.test/", "")
			b, err := Start(t.Context(), Options{Timeline: tl, CA: ours.pem, Resolve: c.resolve, Remote: elsewhere(t, "--host-resolver-rules="+resolverRules(c.rules))})
			require.NoError(t, err)
			defer b.Close(context.Background())
			_, err = b.Launch(limited(t, 20*time.Second), "https://binder.test/v2/gh/owner/repo/HEAD")
			f, _ := requireFault(t, tl, err, wire.ClientFailed)
			require.True(t, f.Inconclusive)
			require.Contains(t, f.Got, c.says)
		})
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestNoRemoteBrowser(t *testing.T) {
	requireUnavailable(t, Options{Remote: "ws://" + closedPort(t) + "/?secret=of-the-address"}, "--remote-debugging-port")
}

func TestNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	needsChromium(t)
	requireUnavailable(t, Options{Headed: true}, "xvfb-run")
}

// A browser that is shown is started with its window.
func TestHeaded(t *testing.T) {
	t.Setenv("DISPLAY", ":99")
	fakePath(t, `echo "FATAL: started with $*" >&2; exit 1`)
	b, err := Start(t.Context(), Options{Headed: true, Timeline: newTimeline(binderURL, "")})
	require.Nil(t, b)
	require.ErrorContains(t, err, "started with")
	require.NotContains(t, err.Error(), "--headless")
}
