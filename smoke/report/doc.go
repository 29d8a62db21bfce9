// Package report shows a run: one file per output. Each output is a smoke.Observer, or a function of a smoke.Result.
package report
