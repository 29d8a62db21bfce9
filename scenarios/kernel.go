package scenarios

import (
	"context"
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Kernel proves that a cell runs in a kernel through every proxy, opened as a script does and as a browser does.
func Kernel(j *Journey) smoke.Scenario {
	k := &session{Journey: j, cell: newCell()}
	return smoke.Scenario{
		Name:   "kernel",
		Proves: "a cell runs in a kernel through every proxy, opened as a script does and as a browser does",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "start", Budget: 60 * time.Second, Do: k.start},
			// The server holds the handshake until the kernel answers, up to 60 s.
			{Name: "channel", Budget: 75 * time.Second, Do: k.open},
			{Name: "info", Budget: 60 * time.Second, Do: k.info},
			{Name: "execute", Budget: 60 * time.Second, Cell: true, Do: k.execute},
			{Name: "output", Budget: 90 * time.Second, Do: k.output},
			{Name: "notebooks", Budget: 10 * time.Minute, Do: k.notebooks},
			{Name: "interrupt", Budget: 30 * time.Second, Do: k.interrupt},
			{Name: "restart", Budget: 75 * time.Second, Do: k.restart},
			{Name: "stop", Budget: 10 * time.Second, Always: true, Do: k.stop},
		},
	}
}

// session is one kernel and the websockets to it.
type session struct {
	*Journey
	cell     cell
	spec     jupyter.Kernelspec
	kernel   jupyter.Kernel
	script   *jupyter.Channel // by token, binary framing
	browser  *jupyter.Channel // by cookie and Origin, binary framing
	legacy   *jupyter.Channel // by token, the older JSON framing
	executed []run
}

// run is what a cell came to over one of the websockets.
type run struct {
	over   *jupyter.Channel
	output jupyter.Output
}

// channels are the open websockets.
func (k *session) channels() []*jupyter.Channel {
	var open []*jupyter.Channel
	for _, c := range []*jupyter.Channel{k.script, k.browser, k.legacy} {
		if c != nil {
			open = append(open, c)
		}
	}
	return open
}

func (k *session) start(ctx context.Context) (err error) {
	if k.spec, err = k.raw.DefaultKernelspec(ctx); err != nil {
		return err
	}
	k.kernel, err = k.raw.StartKernel(ctx, k.spec.Name)
	return err
}

// python tells whether the kernel understands our cells.
func (k *session) python() error {
	if k.spec.Language == "python" {
		return nil
	}
	return smoke.Skip(fmt.Sprintf("the kernel %q speaks %s; the suite's cells are Python", k.spec.Name, k.spec.Language))
}

// open opens the kernel's websocket in three ways: a token skips the checks that a browser's cookie and Origin meet, and
// the older framing is what older clients speak.
func (k *session) open(ctx context.Context) (err error) {
	defer func() { k.memory.setChannel(err == nil) }()
	if k.script, err = k.openWatched(ctx); err != nil {
		return err
	}
	visitor, _, err := k.raw.Visit(ctx)
	if err != nil {
		return err
	}
	if k.browser, err = visitor.OpenChannel(ctx, k.kernel.ID); err != nil {
		return err
	}
	k.legacy, err = k.raw.OpenLegacyChannel(ctx, k.kernel.ID)
	return err
}

// openWatched opens the first websocket, whose handshake the server holds until the kernel answers. A kernel that dies
// meanwhile is seen at once.
func (k *session) openWatched(ctx context.Context) (*jupyter.Channel, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dead := make(chan error, 1)
	go func() {
		err := k.raw.WatchKernel(ctx, k.kernel.ID)
		if err != nil {
			cancel(err)
		}
		dead <- err
	}()
	channel, err := k.raw.OpenChannel(ctx, k.kernel.ID)
	cancel(nil)
	if death := <-dead; death != nil && err != nil {
		return nil, death
	}
	return channel, err
}

func (k *session) info(ctx context.Context) error {
	for _, c := range k.channels() {
		if err := c.Info(ctx); err != nil {
			return err
		}
	}
	return nil
}

// execute runs the cell over each websocket.
func (k *session) execute(ctx context.Context) error {
	if err := k.python(); err != nil {
		return err
	}
	for _, c := range k.channels() {
		out, err := k.succeed(ctx, c, k.cell.code)
		if err != nil {
			return err
		}
		k.executed = append(k.executed, run{c, out})
	}
	return nil
}

// succeed runs code that must not raise.
func (k *session) succeed(ctx context.Context, c *jupyter.Channel, code string) (jupyter.Output, error) {
	out, err := c.Execute(ctx, code)
	if err == nil && out.Status != "ok" {
		err = c.Fault(wire.CellError, "a cell that runs", out.Status+" "+out.Error)
	}
	return out, err
}

func (k *session) output(ctx context.Context) error {
	if err := k.python(); err != nil {
		return err
	}
	for _, r := range k.executed {
		if err := k.cell.check(r.over, r.output); err != nil {
			return err
		}
	}
	for _, check := range []func(context.Context) error{k.large, k.image, k.raising, k.asking, k.expected} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// large displays 5 MB at once. As a stream a healthy server would drop most of it: its limits are on streams only.
func (k *session) large(ctx context.Context) error {
	const size = 5_000_000
	out, err := k.succeed(ctx, k.script, fmt.Sprintf("from IPython.display import display\ndisplay({'text/html': 'x' * %d}, raw=True)", size))
	if err == nil && out.Data["text/html"] < size {
		err = k.script.Fault(wire.WrongOutput, fmt.Sprintf("%d bytes of display_data", size), fmt.Sprint(out.Data["text/html"]))
	}
	return err
}

// pixel is a PNG of one pixel, in base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func (k *session) image(ctx context.Context) error {
	out, err := k.succeed(ctx, k.script, "from IPython.display import display\ndisplay({'image/png': '"+pixel+"'}, raw=True)")
	if err == nil && out.Data["image/png"] < len(pixel) {
		err = k.script.Fault(wire.WrongOutput, "an image", fmt.Sprint(out.Data))
	}
	return err
}

// raising runs a cell that raises: an error that arrives as a success would hide every other one.
func (k *session) raising(ctx context.Context) error {
	out, err := k.script.Execute(ctx, "raise RuntimeError('smoke')")
	if err == nil && (out.Status != "error" || out.Error != "RuntimeError: smoke") {
		err = k.script.Fault(wire.WrongOutput, "the error RuntimeError: smoke", out.Status+" "+out.Error)
	}
	return err
}

// asking runs a cell that asks for input that nobody gives: it must be refused, and not wait for ever.
func (k *session) asking(ctx context.Context) error {
	out, err := k.script.Execute(ctx, "input()")
	if err == nil && out.Status != "error" {
		err = k.script.Fault(wire.WrongOutput, "a refusal of input()", out.Status)
	}
	return err
}

// interrupt interrupts an endless loop, once its first output shows that it runs. When the interrupt does not pass, nothing
// will end the loop, and it is not waited for.
func (k *session) interrupt(ctx context.Context) error {
	if err := k.python(); err != nil {
		return err
	}
	looping, stop := context.WithCancel(ctx)
	defer stop()
	var interrupted error
	out, err := k.script.ExecuteUntilOutput(looping, "import time\nprint('looping', flush=True)\nwhile True: time.sleep(0.1)", func() {
		if interrupted = k.raw.InterruptKernel(ctx, k.kernel.ID); interrupted != nil {
			stop()
		}
	})
	switch {
	case interrupted != nil:
		return interrupted
	case err != nil:
		return err
	case out.Status != "error" || !strings.HasPrefix(out.Error, "KeyboardInterrupt"):
		return k.script.Fault(wire.WrongOutput, "KeyboardInterrupt", out.Status+" "+out.Error)
	}
	return nil
}

// restart restarts the kernel, and comes back to it over a new websocket with a session of its own.
func (k *session) restart(ctx context.Context) error {
	if err := k.raw.RestartKernel(ctx, k.kernel.ID); err != nil {
		return err
	}
	again, err := k.raw.OpenChannel(ctx, k.kernel.ID)
	if err != nil {
		return err
	}
	defer again.Close()
	if err := again.Info(ctx); err != nil || k.python() != nil {
		return err
	}
	out, err := k.succeed(ctx, again, k.cell.code)
	if err != nil {
		return err
	}
	return k.cell.check(again, out)
}

func (k *session) stop(ctx context.Context) error {
	for _, c := range k.channels() {
		c.Close()
	}
	if k.kernel.ID == "" {
		return smoke.Skip("no kernel was started")
	}
	if k.interrupted() {
		return errWhole
	}
	return k.raw.StopKernel(ctx, k.kernel.ID)
}
