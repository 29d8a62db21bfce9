package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// interrupt remembers the signal that asked the program to end.
type interrupt struct {
	stderr io.Writer
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	first os.Signal
}

func newInterrupt(parent context.Context, stderr io.Writer) *interrupt {
	i := &interrupt{stderr: stderr}
	i.ctx, i.cancel = context.WithCancel(parent)
	return i
}

// watch begins to listen for SIGINT and SIGTERM. The first of either cancels the context, so that what runs is cleaned up;
// another Ctrl-C ends the program at once. A SIGTERM after the first signal changes nothing: pipelines send one to be
// sure, and the clean-up has its own limit.
func watch() *interrupt {
	i := newInterrupt(context.Background(), os.Stderr)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if i.got(s) && s == os.Interrupt {
				os.Exit(report.ExitInterrupt)
			}
		}
	}()
	return i
}

// got notes a signal and tells whether there was one before.
func (i *interrupt) got(s os.Signal) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.first != nil {
		return true
	}
	i.first = s
	i.cancel()
	_, _ = fmt.Fprintf(i.stderr, "\nsmoke: %v: shutting down what was started (Ctrl-C again ends at once)\n", s)
	return false
}

// signal is the one that asked the program to end, or nil.
func (i *interrupt) signal() os.Signal {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.first
}

// code is the exit code of a program that was told to end, or 0.
func (i *interrupt) code() int {
	if s := i.signal(); s != nil {
		return report.ExitCode(smoke.Result{Ended: smoke.EndedSignal}, false, s)
	}
	return 0
}
