package main

import (
	"time"

	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/history"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/state"
)

// soak runs the gate again and again, each round with a report and a screen of its own.
func (p *program) soak(o smoke.Options, earlier *state.State, book *history.Book, terminal report.Terminal) (smoke.Result, error) {
	result, err := smoke.Soak(p.stop.ctx, smoke.SoakOptions{
		Options:  o,
		Launches: func(t smoke.Target) int { return scenarios.Launches(smoke.ModeSoak, t) },
		Launched: func(t smoke.Target, since time.Time) (times []time.Time) {
			for _, l := range earlier.Target(t.Home()).Launches(since) {
				times = append(times, l.At)
			}
			return times
		},
		Round: func(directory string) ([]smoke.Observer, error) {
			file, err := report.NewJSON(directory)
			return []smoke.Observer{file, report.NewPages(directory, book.Earlier), shower{p, report.Screen{Terminal: terminal, Out: short(directory)}}}, err
		},
	})
	if err == nil {
		p.print("\n" + report.Screen{Terminal: terminal, Out: short(o.Settings.Out)}.Rounds(result))
	}
	return result, err
}

// shower shows what a round came to when it ends.
type shower struct {
	program *program
	screen  report.Screen
}

// Observe shows the end.
func (s shower) Observe(e smoke.Event) {
	if e.Kind == smoke.RunEnded {
		s.program.print("\n" + s.screen.Render(e.Snapshot()) + "\n")
	}
}

// gate runs the suite once.
func (p *program) gate(o smoke.Options, terminal report.Terminal) (smoke.Result, error) {
	run, err := smoke.Start(p.stop.ctx, o)
	if err != nil {
		return smoke.Result{}, err
	}
	result := run.Wait()
	run.Close()
	p.print("\n" + report.Screen{Terminal: terminal, Out: short(o.Settings.Out)}.Render(result))
	return result, nil
}
