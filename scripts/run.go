package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/scenarios"
	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/history"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/settings"
	"binderhub-smoke/smoke/state"
)

// run tests the targets of the settings; without any, a deployment on loopback.
func (p *program) run(args []string) int {
	loaded, err := p.load(args)
	defer p.defect(&loaded.Settings.Out)
	if err != nil {
		return p.died(loaded.Settings.Out, err)
	}
	if len(loaded.Settings.Targets) == 0 {
		stop, err := p.loopback(&loaded)
		defer stop()
		if code := p.interrupted(loaded.Settings.Out); code != 0 {
			return code
		}
		if err != nil {
			return p.died(loaded.Settings.Out, err)
		}
	}
	return p.test(loaded.Settings)
}

// loopback starts a deployment and makes it the only target. What it returns stops it, and may always be called.
func (p *program) loopback(loaded *settings.Loaded) (stop func(), err error) {
	stop = func() {}
	if err := fixtures.Prerequisites(); err != nil {
		return stop, fmt.Errorf("there is no target: set SMOKE_BINDER to a BinderHub's URL, or run scripts/setup to test a deployment on loopback (%w)", err)
	}
	p.say("no target is set: starting a deployment on loopback")
	d, err := fixtures.Start(p.stop.ctx, fixtures.Config{})
	if err != nil {
		return stop, fmt.Errorf("the deployment on loopback did not start: %w", err)
	}
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			p.say("the deployment on loopback did not stop cleanly: %v", err)
		}
	}
	return stop, loaded.Loopback(d.BinderURL, d.HubURL, d.CAFile, d.Resolve)
}

// test runs the suite and shows what it came to.
func (p *program) test(s smoke.Settings) int {
	earlier, warnings, err := state.Open(p.stop.ctx, s.State)
	if err != nil {
		return p.died(s.Out, err)
	}
	for _, w := range warnings {
		p.say("%s", w)
	}
	if err := scenarios.CheckHubs(s, earlier); err != nil {
		return p.died(s.Out, err)
	}
	file, err := report.NewJSON(s.Out)
	if err != nil {
		return p.died(s.Out, err)
	}
	outputs, err := report.NewOutputs(s, earlier, p.commands, p.getenv)
	if err != nil {
		return p.died(s.Out, err)
	}
	book := history.Open(earlier, s)
	pages := report.NewPages(s.Out, book.Earlier)
	terminal := report.DetectTerminal(p.stdout, p.getenv)
	options := smoke.Options{
		Settings: s, Version: versionText(), Scenarios: scenarios.All(earlier),
		Changes:   book.Changes,
		Observers: []smoke.Observer{file, outputs, report.NewProgress(p.stdout, terminal), book, pages},
	}
	var result smoke.Result
	if s.Mode == smoke.ModeSoak {
		result, err = p.soak(options, earlier, book, terminal)
	} else {
		result, err = p.gate(options, terminal)
	}
	if err != nil {
		return p.died(s.Out, err)
	}
	if err := errors.Join(book.Err(), pages.Err()); err != nil {
		p.say("%v", err) // it says nothing about the deployment, and the exit code stays
	}
	code := report.ExitCode(result, s.FlakyFails, p.stop.signal())
	if err := errors.Join(file.Err(), outputs.Close(result)); err != nil {
		p.say("%v", err)
		if code == report.ExitPass {
			return report.ExitInconclusive // whoever reads the outputs would find no pass
		}
	}
	return code
}

// short is a path as the user would write it.
func short(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}
