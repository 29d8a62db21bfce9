package report

import (
	"os"
	"syscall"

	"binderhub-smoke/smoke"
)

// The program's exit codes.
const (
	ExitPass         = 0
	ExitFail         = 1
	ExitNotReady     = 3 // the deployment did not become ready within the wait
	ExitInconclusive = 4
	ExitNothing      = 78 // bad settings, or nothing ran
	ExitTimeout      = 124
	ExitInterrupt    = 130 // SIGINT
	ExitTerminate    = 143 // SIGTERM
)

// ExitCode maps a run to the program's exit code. A run that was cut short says so, whatever it had found by then;
// interrupted is the signal that did it, or nil.
func ExitCode(r smoke.Result, flakyFails bool, interrupted os.Signal) int {
	switch {
	case r.Ended == smoke.EndedTimeout:
		return ExitTimeout
	case r.Ended == smoke.EndedSignal || (r.Ended == smoke.EndedRunning && interrupted != nil):
		return signalCode(interrupted)
	}
	if notReady(r) {
		return ExitNotReady
	}
	switch r.Verdict {
	case smoke.Pass:
		return ExitPass
	case smoke.Flaky:
		if flakyFails {
			return ExitFail
		}
		return ExitPass
	case smoke.Failed:
		return ExitFail
	case smoke.Inconclusive, smoke.Running:
		return ExitInconclusive
	}
	return ExitNothing
}

// notReady tells whether a target was not ready within the wait, while none that was is broken.
func notReady(r smoke.Result) bool {
	expired := false
	for _, t := range r.Targets {
		switch {
		case t.Readiness != nil && t.Readiness.State == smoke.ReadyExpired:
			expired = true
		case t.Verdict == smoke.Failed:
			return false
		}
	}
	return expired
}

// signalCode is 128 and the signal's number, as shells have it.
func signalCode(s os.Signal) int {
	if s == os.Interrupt {
		return ExitInterrupt
	}
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return ExitTerminate
}
