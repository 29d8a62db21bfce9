package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// The files of a report that a person opens, and that they are made from.
const (
	reportPage = "report.html"
	reportData = "report.json"
)

// open shows the last report, or that of a directory, in the default browser, and prints where it is.
func (p *program) open(args []string) int {
	dir, err := p.reportDirectory(args)
	if err != nil {
		return p.fail(err)
	}
	if err := renew(dir); err != nil {
		return p.fail(err)
	}
	path, err := filepath.Abs(filepath.Join(dir, reportPage))
	if err != nil {
		return p.fail(err)
	}
	p.print(path + "\n")
	if err := p.browse(path); err != nil {
		p.say("%v", err)
	}
	return report.ExitPass
}

// reportDirectory is the one that is given, or that of the settings, which flags may be part of.
func (p *program) reportDirectory(args []string) (string, error) {
	switch {
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		loaded, err := p.load(args)
		return loaded.Settings.Out, err
	case len(args) == 1:
		return args[0], nil
	}
	return "", errors.New("open wants one argument at most: the directory of a report")
}

// renew writes the page anew where the run that it shows did not end by itself, or where there is none yet.
func renew(dir string) error {
	r, err := readReport(dir)
	page := exists(filepath.Join(dir, reportPage))
	switch {
	case err != nil && page:
		return nil // of a run that did not begin
	case err != nil:
		return fmt.Errorf("there is no report to open: %w", err)
	case page && r.Ended == smoke.EndedNormal:
		return nil
	}
	return report.WritePages(dir, r, nil)
}

// readReport reads a report.json, or that of a directory.
func readReport(path string) (smoke.Result, error) {
	var r smoke.Result
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, reportData)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("%s cannot be read: %w", path, plainly(err))
	}
	switch err := json.Unmarshal(b, &r); {
	case err != nil || r.Schema == 0:
		return r, fmt.Errorf("%s is no report of this program", path)
	case r.Schema > smoke.Schema:
		return r, fmt.Errorf("%s was written by a newer version of this program (schema %d; this one reads up to %d)", path, r.Schema, smoke.Schema)
	}
	for _, t := range r.Targets {
		if !targetName.MatchString(t.Name) {
			return r, fmt.Errorf("%s has a target of the name %q, which none may have", path, t.Name)
		}
	}
	return r, nil
}

// browseTime bounds the wait for the program that hands a file to the browser.
const browseTime = 10 * time.Second

// browse opens a file in the default browser. Where there is no screen, or nothing that would open it, its path was printed.
func (p *program) browse(path string) error {
	var command []string
	switch {
	case runtime.GOOS == "darwin":
		command = []string{"open", path}
	case runtime.GOOS == "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", path}
	case p.getenv("DISPLAY") != "" || p.getenv("WAYLAND_DISPLAY") != "":
		command = []string{"xdg-open", path}
	default:
		return nil
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), browseTime)
	defer cancel()
	if err := exec.CommandContext(ctx, program, command[1:]...).Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s did not open the report: %w", command[0], err)
	}
	return nil
}

// compare prints what differs between two reports.
func (p *program) compare(args []string) int {
	if len(args) != 2 {
		return p.fail(errors.New("compare wants two arguments: the directories of two reports, or their report.json"))
	}
	var results [2]smoke.Result
	for i, path := range args {
		r, err := readReport(path)
		if err != nil {
			return p.fail(err)
		}
		results[i] = r
	}
	p.print(report.Compare(results[0], results[1]))
	return report.ExitPass
}
