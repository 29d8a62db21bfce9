package scenarios

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Kernel proves that a cell runs in a kernel through every proxy.
func Kernel(j *Journey) smoke.Scenario {
	var (
		kernel  jupyter.Kernel
		channel *jupyter.Channel
		output  jupyter.Output
		cell    = newCell()
	)
	return smoke.Scenario{
		Name:   "kernel",
		Proves: "a cell runs in a kernel through every proxy",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "start", Budget: 60 * time.Second, Do: func(ctx context.Context) (err error) {
				kernel, err = j.raw.StartKernel(ctx)
				return err
			}},
			// The server holds the handshake until the kernel answers, up to 60 s.
			{Name: "channel", Budget: 70 * time.Second, Do: func(ctx context.Context) (err error) {
				channel, err = j.raw.OpenChannel(ctx, kernel.ID)
				j.memory.setChannel(err == nil)
				return err
			}},
			{Name: "info", Budget: 60 * time.Second, Do: func(ctx context.Context) error { return channel.Info(ctx) }},
			{Name: "execute", Budget: 60 * time.Second, Cell: true, Do: func(ctx context.Context) (err error) {
				output, err = channel.Execute(ctx, cell.code)
				if err == nil && output.Status != "ok" {
					err = channel.Fault(wire.CellError, "a cell that runs", output.Status+" "+output.Error)
				}
				return err
			}},
			{Name: "output", Budget: time.Second, Do: func(context.Context) error { return cell.check(channel, output) }},
			{Name: "stop", Budget: 10 * time.Second, Always: true, Do: func(ctx context.Context) error {
				if channel != nil {
					channel.Close()
				}
				if kernel.ID == "" {
					return smoke.Skip("no kernel was started")
				}
				return j.raw.StopKernel(ctx, kernel.ID)
			}},
		},
	}
}

// cell is code whose output cannot be guessed, and cannot come from a cache.
type cell struct{ code, want string }

func newCell() cell {
	nonce := rand.Text()
	return cell{
		code: fmt.Sprintf("import hashlib\nprint('smoke', hashlib.sha256(b'%s').hexdigest())", nonce),
		want: fmt.Sprintf("smoke %x", sha256.Sum256([]byte(nonce))),
	}
}

func (c cell) check(channel *jupyter.Channel, out jupyter.Output) error {
	if strings.TrimSpace(out.Text) == c.want {
		return nil
	}
	return channel.Fault(wire.WrongOutput, fmt.Sprintf("the output %q", c.want), fmt.Sprintf("%.200q", out.Text))
}
