package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"binderhub-smoke/smoke/wire"
)

// startTime bounds the start of Chromium, which takes a second on a quiet machine.
const startTime = 60 * time.Second

// closeTime bounds Chromium's own way out; after it the process is killed.
const closeTime = 3 * time.Second

// Options say how a Browser is started.
type Options struct {
	// Timeline takes the records, and knows the target's places and secrets.
	Timeline *wire.Timeline
	// Resolve maps host:port to address:port, IPv6 addresses in brackets.
	Resolve map[string]string
	// CA is a PEM bundle of authorities to trust beside Chromium's own, or nil.
	CA []byte
	// Header is sent with every request and every websocket's handshake. With one the browser reaches the target's own two hosts
	// only, which both must be known: Chromium sends such headers to whomever it speaks to.
	Header http.Header
	// UserAgent is appended to Chromium's own.
	UserAgent string
	// Headed shows the browser's window, which needs a display.
	Headed bool
	// Remote is the address of a browser that runs elsewhere with remote debugging, ws:// or http://; empty: one is started.
	// It takes neither Resolve nor CA: what it does not reach as they say is a fault that proves nothing.
	Remote string
	// OnServer, when set, is told of the launched user server the moment the browser learns of it, so that it can be shut
	// down whatever happens next. It is called once a launch, on a goroutine of its own; Close waits for it.
	OnServer func(Server)
}

// Server is a launched user server.
type Server struct {
	URL   string // …/user/<name>/, ending in a slash
	Token string // of the user server; empty when the deployment authenticates by JupyterHub
}

// Browser is one Chromium with one tab. Its methods are to be called one at a time.
type Browser struct {
	rec     *recorder
	queue   *queue
	notes   []string
	product string // name and version, as the browser gives them
	dir     string // Chromium's directory for temporary files, and its home when it is to trust an authority

	tab       context.Context // the tab's; lives until Close whatever context Start was given
	closeTab  context.CancelFunc
	closePool context.CancelFunc
	workers   sync.WaitGroup
}

// Start starts Chromium with a profile of its own. When it cannot, the error is an inconclusive *wire.Fault that says what
// to do: it tells nothing about the deployment.
func Start(ctx context.Context, o Options) (*Browser, error) {
	b := &Browser{}
	err := confinable(o)
	if err != nil {
		return nil, err
	}
	if o.Remote != "" {
		err = b.start(ctx, o, func(limited, life context.Context) (context.Context, context.CancelFunc, error) {
			return b.attach(limited, life, o)
		})
	} else {
		err = b.startOwn(ctx, o)
	}
	if err != nil {
		b.Close(context.WithoutCancel(ctx))
		return nil, unavailable(ctx, err)
	}
	return b, nil
}

// startOwn starts a browser of this machine.
func (b *Browser) startOwn(ctx context.Context, o Options) error {
	path, err := find()
	if err != nil {
		return err
	}
	if err := b.display(o); err != nil {
		return err
	}
	if err := b.housing(ctx, o); err != nil {
		return err
	}
	return b.start(ctx, o, func(limited, life context.Context) (context.Context, context.CancelFunc, error) {
		pool, closePool := chromedp.NewExecAllocator(life, b.flags(limited, path, o)...)
		return pool, closePool, nil
	})
}

// maxTemp is how long the path of the temporary directory may be: Chromium makes a socket some 60 bytes below it, whose path
// may have 107, and dies when it has more.
const maxTemp = 40

// housing makes the directory to which Chromium is confined.
func (b *Browser) housing(ctx context.Context, o Options) (err error) {
	base := os.TempDir()
	if len(base) > maxTemp {
		base = "/tmp"
	}
	if b.dir, err = os.MkdirTemp(base, "smoke-"); err != nil {
		return err
	}
	if len(o.CA) > 0 {
		return trust(ctx, b.dir, o.CA)
	}
	return nil
}

// allocator says where a browser comes from: limited bounds the start, life is the browser's.
type allocator func(limited, life context.Context) (context.Context, context.CancelFunc, error)

// start brings Chromium up on a context of its own: the first run binds the browser's life to the context it is given,
// and a step that is over must not take the browser with it.
func (b *Browser) start(ctx context.Context, o Options, allocate allocator) error {
	b.rec = newRecorder(o.Timeline, o.OnServer)
	b.rec.begin(ctx)
	b.queue = newQueue()
	life := context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	pool, closePool, err := allocate(limited, life)
	b.closePool = closePool
	if err != nil {
		return err
	}
	tab, closeTab := chromedp.NewContext(pool, append(profile(o),
		chromedp.WithListener(func(ev any) { b.queue.put(b.rec.current(), b.rec.tl.Now(), ev) }))...)
	b.tab, b.closeTab = tab, sync.OnceFunc(closeTab) // called again where no browser came up, it would wait for one for ever

	up := make(chan error, 1)
	go func() { up <- chromedp.Do(b.tab) }()
	select {
	case err := <-up:
		if err != nil {
			return err
		}
	case <-limited.Done():
		b.closeTab()
		<-up
		return fmt.Errorf("the browser did not start: %w", limited.Err())
	}
	b.work()
	if err := b.prepare(limited, o.UserAgent); err != nil {
		return err
	}
	return b.identify(limited, o.Header)
}

// work starts what runs beside the methods until Close.
func (b *Browser) work() {
	c := chromedp.FromContext(b.tab)
	b.rec.attach(string(c.Target.TargetID), b)
	b.workers.Go(func() { b.queue.drain(b.rec.handle) })
	b.workers.Go(func() {
		select {
		case <-c.Browser.LostConnection:
			b.queue.put(b.rec.current(), b.rec.tl.Now(), lostBrowser{})
		case <-b.tab.Done():
		}
	})
}

// prepare sets up the tab before its first page.
func (b *Browser) prepare(ctx context.Context, userAgent string) error {
	version, err := command(ctx, b, browser.GetVersion, cdp.Empty{})
	if err != nil {
		return err
	}
	b.product = version.Product
	b.rec.tl.Add(ctx, wire.Browser, 0, wire.KindNote, wire.Note{Name: wire.NoteFact, Text: "browser: " + version.Product})
	if userAgent != "" && !strings.HasSuffix(version.UserAgent, userAgent) {
		ua := emulation.SetUserAgentOverrideParams{UserAgent: version.UserAgent + " " + userAgent}
		if _, err := command(ctx, b, emulation.SetUserAgentOverride, ua); err != nil {
			return err
		}
	}
	if _, err := command(ctx, b, audits.Enable, cdp.Empty{}); err != nil {
		return err
	}
	for _, s := range []watch{{eyeScript, eyeBinding, eyeWorld}, {socketScript, socketBinding, ""}} {
		if err := b.watch(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// watch is a script of ours that runs in every page before the page's own, with the function by which it tells.
type watch struct {
	script, binding string
	world           string // its own, or empty for the page's
}

func (b *Browser) watch(ctx context.Context, s watch) error {
	bind := cdpruntime.AddBindingParams{Name: s.binding, ExecutionContextName: s.world}
	if _, err := command(ctx, b, cdpruntime.AddBinding, bind); err != nil {
		return err
	}
	_, err := command(ctx, b, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: s.script, WorldName: s.world})
	return err
}

// flags are Chromium's. Checks of certificates are on, always.
func (b *Browser) flags(ctx context.Context, path string, o Options) []chromedp.ExecAllocatorOption {
	env := b.environment(len(o.CA) > 0)
	flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// An http:// target is to be opened as http, and nothing is to be fetched that no page asked for.
		chromedp.Flag("disable-features", "Translate,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,OptimizationHints,MediaRouter"),
		chromedp.NoInheritEnv, chromedp.Env(env...),
	)
	rules := resolverRules(o.Resolve)
	if len(o.Header) > 0 {
		rules = confined(o.Resolve, o.Timeline.Places())
		flags = append(flags, chromedp.Flag("no-proxy-server", true)) // which would find hosts by itself
	}
	if rules != "" {
		flags = append(flags, chromedp.Flag("host-resolver-rules", rules))
	}
	if ua := userAgent(ctx, path, env, o); ua != "" {
		flags = append(flags, chromedp.UserAgent(ua))
	}
	if o.Headed {
		flags = append(flags, chromedp.Flag("headless", false), chromedp.Flag("hide-scrollbars", false), chromedp.Flag("mute-audio", true))
	}
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
		b.notes = append(b.notes, "Chromium ran without its sandbox: it was started as root")
	}
	return flags
}

// environment is ours without the suite's own settings, which may name secrets. A killed Chromium leaves temporary files.
func (b *Browser) environment(home bool) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "SMOKE_") })
	if runtime.GOOS == "linux" {
		env = append(env, "TMPDIR="+b.dir)
	}
	if home {
		env = append(env, "HOME="+b.dir)
	}
	return env
}

// Notes are what the report has to say about the browser itself.
func (b *Browser) Notes() []string { return slices.Clone(b.notes) }

// process is Chromium's main process.
func (b *Browser) process() *os.Process { return chromedp.FromContext(b.tab).Browser.Process() }

// Close ends Chromium and leaves no process, directory or goroutine. It may be called again, and on a context that is over:
// then Chromium is killed rather than asked.
func (b *Browser) Close(ctx context.Context) error {
	var errs []error
	family := family(b.dir)
	if b.tab != nil {
		b.rec.close()
		errs = append(errs, b.quit(ctx))
		b.closeTab()
		b.queue.put(b.rec.current(), b.rec.tl.Now(), closed{})
		b.queue.close()
	}
	if b.closePool != nil {
		b.closePool()
	}
	b.workers.Wait()
	seeOff(family, familyTime)
	if b.dir != "" {
		errs = append(errs, remove(b.dir))
	}
	return errors.Join(errs...)
}

// familyTime bounds the wait for what is left of Chromium when its main process has ended: its helpers see that and follow
// within some ten milliseconds.
const familyTime = 2 * time.Second

// seeOff waits until processes have ended, and kills those that have not within the limit.
func seeOff(family []member, limit time.Duration) {
	left := outlive(family, limit)
	for _, m := range left {
		m.kill()
	}
	outlive(left, time.Second)
}

// outlive waits until processes have ended, and returns those that have not within the limit.
func outlive(family []member, limit time.Duration) []member {
	over := time.After(limit)
	for alive := family; ; {
		alive = slices.DeleteFunc(alive, func(m member) bool { return !m.alive() })
		if len(alive) == 0 {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-over:
			return alive
		}
	}
}

// remove removes a directory in which a dying process may still write.
func remove(dir string) (err error) {
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return err
}

// quit asks Chromium to leave.
func (b *Browser) quit(ctx context.Context) error {
	c := chromedp.FromContext(b.tab)
	if b.tab.Err() != nil || c.Browser == nil || ctx.Err() != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(b.tab, closeTime)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	err := chromedp.Cancel(limited)
	if limited.Err() != nil || errors.Is(err, context.Canceled) {
		return nil // killed then, or gone before: nothing is left either way
	}
	return err
}

// names are those under which distributions install Chromium and Chrome.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// find returns the path of a browser.
func find() (string, error) {
	places := names
	if runtime.GOOS == "darwin" {
		places = append([]string{
			"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
			"/Applications/Chromium.app/Contents/MacOS/Chromium",
		}, names...)
	}
	for _, name := range places {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", &wire.Fault{
		Subject: "The browser", Symptom: wire.Unavailable, Inconclusive: true,
		Want: "Chromium or Chrome on the PATH",
		Got:  "none of " + strings.Join(names, ", ") + "; install one (Debian: apt-get install chromium)",
	}
}
