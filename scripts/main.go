// The program behind scripts/smoke: it runs the suite against the targets of its settings, or against a deployment of its
// own on loopback.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"binderhub-smoke/fixtures"
	"binderhub-smoke/smoke/report"
	"binderhub-smoke/smoke/settings"
)

func main() {
	fixtures.Supervise() // does not return in the processes that supervise a deployment
	// Whoever read our output may be gone; what was launched must be cleaned up all the same.
	signal.Ignore(syscall.SIGPIPE)
	p := &program{
		stdout: report.Guard(os.Stdout, os.Getenv), stderr: report.Guard(os.Stderr, os.Getenv), commands: os.Stdout,
		environ: os.Environ(), stop: watch(),
	}
	os.Exit(p.main(os.Args[1:]))
}

// program is one call of the program.
type program struct {
	stdout, stderr io.Writer
	commands       io.Writer // where GitHub's runner reads workflow commands; nil: nowhere
	environ        []string
	stop           *interrupt
}

// command is one subcommand.
type command struct {
	name, help string
	do         func(p *program, args []string) int
}

func commands() []command {
	return []command{
		{"run", "test the targets (the default)", (*program).run},
		{"check", "check the settings; no traffic", (*program).check},
		{"list", "show targets, scenarios and steps, and what would run; no traffic", (*program).list},
		{"explain", "diagnose a recording again: explain <timeline.ndjson or report directory>; no traffic", (*program).explain},
		{"open", "open the last report, or open <report directory>, in the default browser; no traffic", (*program).open},
		{"compare", "say what differs between two reports: compare <directory> <directory>; no traffic", (*program).compare},
		{"deployment", "run a BinderHub deployment on loopback until Ctrl-C", (*program).deployment},
		{"runbook", "print the runbook, or sections: runbook <id> ...", (*program).runbook},
		{"version", "print the version", (*program).version},
	}
}

// main dispatches: flags without a subcommand are those of run.
func (p *program) main(args []string) int {
	name := "run"
	if len(args) > 0 && (!strings.HasPrefix(args[0], "-") || args[0] == "") {
		name, args = args[0], args[1:]
	}
	if wantsHelp(args) {
		name, args = "help", nil
	}
	if name == "help" {
		return p.help(args)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.do(p, args)
		}
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return p.fail(fmt.Errorf("%q is no subcommand; there are %s", name, strings.Join(names, ", ")))
}

func wantsHelp(args []string) bool {
	for _, a := range args {
		if a == "--help" || a == "-help" || a == "-h" {
			return true
		}
	}
	return false
}

// noArguments refuses the arguments of a subcommand that takes none.
func noArguments(subcommand string, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments; got %q", subcommand, args[0])
	}
	return nil
}

// help prints what there is to call and to set.
func (p *program) help(args []string) int {
	if err := noArguments("help", args); err != nil {
		return p.fail(err)
	}
	var b strings.Builder
	b.WriteString("binderhub-smoke tests a BinderHub deployment from launch to a computed cell.\n\nusage: scripts/smoke [subcommand] [--setting value ...]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-11s %s\n", c.name, c.help)
	}
	b.WriteString("\nExit codes: 0 pass, 1 fail, 3 not ready within the wait, 4 inconclusive,\n78 bad settings or nothing ran, 124 over time, 130 and 143 interrupted.\n\n" + settings.Help())
	p.print(b.String())
	return report.ExitPass
}

// print writes to standard output. What cannot be written there cannot be told either.
func (p *program) print(text string) { _, _ = io.WriteString(p.stdout, text) }

// say writes a line to standard error.
func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, "smoke: "+format+"\n", args...)
}

// fail says what is wrong, a line each, and returns the exit code: the error's own, else that of bad settings.
func (p *program) fail(err error) int {
	for line := range strings.Lines(err.Error()) {
		p.say("%s", strings.TrimRight(line, "\n"))
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return report.ExitNothing
}

// getenv looks a variable up in the program's environment.
func (p *program) getenv(name string) string {
	for _, entry := range p.environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
