package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
)

// Terminal proves that websockets other than the kernel's pass.
func Terminal(j *Journey) smoke.Scenario {
	var (
		terminal *jupyter.Terminal
		name     string
		errNone  = smoke.Skip("the user server offers no terminals")
	)
	return smoke.Scenario{
		Name:   "terminal",
		Proves: "websockets other than the kernel's pass",
		Needs:  []string{"launch"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "open", Budget: 30 * time.Second, Do: func(ctx context.Context) (err error) {
				if err := j.events(ctx); err != nil {
					return err
				}
				var offered bool
				if name, offered, err = j.raw.StartTerminal(ctx); err != nil {
					return err
				}
				if !offered {
					return errNone
				}
				terminal, err = j.raw.OpenTerminal(ctx, name)
				return err
			}},
			{Name: "echo", Budget: 30 * time.Second, Do: func(ctx context.Context) error {
				if terminal == nil {
					return errNone
				}
				return echo(ctx, terminal)
			}},
			{Name: "stop", Budget: 10 * time.Second, Always: true, Do: func(ctx context.Context) error {
				if terminal != nil {
					terminal.Close()
				}
				if name == "" {
					return errNone
				}
				if j.interrupted() {
					return errWhole
				}
				return j.raw.StopTerminal(ctx, name)
			}},
		},
	}
}

// events opens the server's event websocket, where it has one: an ingress may let the kernel's path through and no other.
func (j *Journey) events(ctx context.Context) error {
	socket, offered, err := j.raw.OpenEvents(ctx)
	if err != nil || !offered {
		return err
	}
	socket.Close()
	return nil
}

// echo has the terminal's shell compute a product: what is typed is shown too, so what is waited for must not be in it.
func echo(ctx context.Context, t *jupyter.Terminal) error {
	a, b := 1000+rand.IntN(9000), 1000+rand.IntN(9000)
	return t.Type(ctx, fmt.Sprintf("echo smoke-$((%d*%d))\r", a, b), fmt.Sprintf("smoke-%d", a*b))
}
