package browser

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// fakePath makes a PATH on which the browser is a script, and nothing else is.
func fakePath(t *testing.T, script string) {
	dir := t.TempDir()
	if script != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "chromium"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	t.Setenv("PATH", dir)
}

func requireUnavailable(t *testing.T, o Options, remedy string) {
	t.Helper()
	o.Timeline = newTimeline(binderURL, "")
	b, err := Start(t.Context(), o)
	require.Nil(t, b)
	var f *wire.Fault
	require.ErrorAs(t, err, &f)
	require.True(t, f.Inconclusive)
	require.Equal(t, wire.Unavailable, f.Symptom)
	require.Contains(t, f.Error(), remedy)
}

func TestStartWithoutBrowser(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("the browser is found without PATH")
	}
	fakePath(t, "")
	requireUnavailable(t, Options{}, "apt-get install chromium")
}

func TestStartWithoutCertutil(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("certutil is used on Linux")
	}
	fakePath(t, "exit 0")
	requireUnavailable(t, Options{CA: newAuthority(t, "ours").pem}, "libnss3-tools")
}

func TestStartWithoutSandbox(t *testing.T) {
	fakePath(t, "echo 'FATAL:zygote_host_impl_linux.cc No usable sandbox!' >&2; exit 1")
	requireUnavailable(t, Options{}, "allow unprivileged user namespaces")
}

func TestStartWithoutSpace(t *testing.T) {
	fakePath(t, "echo '[1:1:FATAL:platform_shared_memory_region_posix.cc] Creating shared memory in /dev/shm/.org.chromium failed: No space left on device (28)' >&2; exit 1")
	requireUnavailable(t, Options{}, "--shm-size=1g")
}

func TestStartOfBrokenBrowser(t *testing.T) {
	fakePath(t, "echo 'error while loading shared libraries: libx.so' >&2; exit 127")
	requireUnavailable(t, Options{}, "libx.so")
}

// Whether it hangs as it starts or before that, when it is asked for its version: an interrupt ends it.
func TestStartInterrupted(t *testing.T) {
	fakePath(t, "while :; do read x; done")
	for _, userAgent := range []string{"", "binderhub-smoke/1"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := Start(ctx, Options{Timeline: newTimeline(binderURL, ""), UserAgent: userAgent})
		require.Error(t, err)
		require.Less(t, time.Since(began), 3*time.Second)
	}
}

// What is asked for its version is the browser as it will run: without the suite's settings, which may name secrets.
func TestUserAgent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the override of the protocol is used")
	}
	t.Setenv("SMOKE_SECRET", "hunter2")
	path := filepath.Join(t.TempDir(), "browser")
	for script, want := range map[string]string{
		`echo "Chromium 156.0.8078.79 built on Debian"`:  "HeadlessChrome/156.0.0.0 Safari/537.36 binderhub-smoke/1",
		`test -z "$SMOKE_SECRET" && echo "Chrome 1.2.3"`: "HeadlessChrome/1.0.0.0 Safari/537.36 binderhub-smoke/1",
		`echo "a browser"`:            "",
		`echo "Chrome 1.2.3"; exit 1`: "",
	} {
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		got := userAgent(t.Context(), path, (&Browser{}).environment(false), Options{UserAgent: "binderhub-smoke/1"})
		require.True(t, strings.HasSuffix(got, want) && (got == "") == (want == ""), got)
	}
}

// The context that starts the browser may end: clean-up still needs the page.
func TestBrowserOutlivesItsStep(t *testing.T) {
	d := newDouble(t, Options{}, binderhub())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := d.browser.Launch(ctx, launchURL)
	require.NoError(t, err)
	cancel()
	png, err := d.browser.Screenshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, "\x89PNG", string(png[:4]))

	if os.Geteuid() == 0 {
		require.Equal(t, []string{"Chromium ran without its sandbox: it was started as root"}, d.browser.Notes())
	} else {
		require.Empty(t, d.browser.Notes())
	}
}

// TestCloseLeavesNothing counts directories, processes and goroutines, after a close that asks and after one that kills.
func TestCloseLeavesNothing(t *testing.T) {
	needsChromium(t)
	dir, err := os.MkdirTemp("", "close") // t.TempDir's is too long for Chromium's socket
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"asked": t.Context(), "killed": over} {
		t.Run(name, func(t *testing.T) {
			b, err := Start(t.Context(), Options{Timeline: newTimeline(binderURL, "")})
			require.NoError(t, err)
			require.NotEmpty(t, entries(t, os.TempDir()), "the profile's directory")
			require.NotEmpty(t, processesUsing(os.TempDir()))
			began := time.Now()
			require.NoError(t, b.Close(ctx))
			require.Less(t, time.Since(began), closeTime+2*time.Second)
			require.Empty(t, entries(t, os.TempDir()))
			require.Empty(t, processesUsing(os.TempDir()))
			require.Empty(t, ourGoroutines())
			require.NoError(t, b.Close(ctx), "a second close does nothing")
		})
	}
}

func entries(t *testing.T, dir string) []os.DirEntry {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	return list
}

// processesUsing returns the command lines that name a directory, waiting a little for the dying: nobody reaps them for us.
func processesUsing(dir string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, _ := os.ReadFile(f)
		if strings.Contains(string(line), "--user-data-dir="+dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// ourGoroutines returns the stacks of chromedp's and this package's goroutines but the test's own. Those that were told to
// end get a moment to do so.
func ourGoroutines() []string {
	var found []string
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		found = nil
		buf := make([]byte, 1<<20)
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "testing.tRunner") || strings.Contains(stack, "testing.(*M)") {
				continue
			}
			if strings.Contains(stack, "chromedp") || strings.Contains(stack, "smoke/browser") {
				found = append(found, stack)
			}
		}
		if found == nil {
			return nil
		}
	}
	return found
}

// TestKilledProcessTakesBrowserAlong kills a process of ours that has a browser, and looks for what is left of that.
func TestKilledProcessTakesBrowserAlong(t *testing.T) {
	needsChromium(t)
	if os.Getenv("BROWSER_TEST_VICTIM") != "" {
		_, err := Start(t.Context(), Options{Timeline: newTimeline(binderURL, "")})
		fmt.Println("started:", err)
		select {}
	}
	dir, err := os.MkdirTemp("", "kill") // t.TempDir's is too long for Chromium's socket
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	victim := exec.Command(os.Args[0], "-test.run=^TestKilledProcessTakesBrowserAlong$")
	victim.Env = append(os.Environ(), "BROWSER_TEST_VICTIM=1", "TMPDIR="+dir)
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started: <nil>\n", line)
	require.NotEmpty(t, processesUsing(dir))
	require.NoError(t, victim.Process.Kill())
	victim.Wait()
	for end := time.Now().Add(5 * time.Second); len(processesUsing(dir)) > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	require.Empty(t, processesUsing(dir))
}
