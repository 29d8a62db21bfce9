package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report/evidence"
	"binderhub-smoke/smoke/report/har"
	"binderhub-smoke/smoke/report/web"
)

// The files for a person to look at.
const (
	pageName = "report.html"
	harName  = "network.har"
)

// Pages is the observer that writes report.html and network.har when a run ends. A page is there from the run's first
// moment, so that nobody finds that of a run before. Whatever keeps it from its work, it cannot fail a run.
type Pages struct {
	dir     string
	earlier web.Earlier
	err     error
}

// NewPages returns the observer that writes into dir. earlier tells of earlier runs, or is nil.
func NewPages(dir string, earlier web.Earlier) *Pages {
	return &Pages{dir: dir, earlier: earlier}
}

// Err is what kept the files from being written, or nil. It says nothing about the deployment.
func (p *Pages) Err() error { return p.err }

// Observe writes the files at the run's ends.
func (p *Pages) Observe(e smoke.Event) {
	switch e.Kind {
	case smoke.RunStarted:
		p.err = guarded(func() error { return p.begin(e.Snapshot()) })
	case smoke.RunEnded:
		p.err = guarded(func() error { return p.end(e.Snapshot()) })
	}
}

// begin leaves nothing of an earlier run.
func (p *Pages) begin(r smoke.Result) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	builder := web.NewBuilder(r, nil)
	for i := range r.Targets {
		builder.Add(evidence.Target{Result: r.Targets[i], Started: r.Started})
	}
	b, err := builder.Render()
	if err == nil {
		err = replace(filepath.Join(p.dir, pageName), b)
	}
	if gone := os.Remove(filepath.Join(p.dir, harName)); gone != nil && !os.IsNotExist(gone) {
		err = errors.Join(err, gone)
	}
	return err
}

// end writes the files, of a run that was told to end in haste.
func (p *Pages) end(r smoke.Result) error {
	if r.Ended != smoke.EndedNormal {
		return writePages(p.dir, r, p.earlier, hastyPages)
	}
	return WritePages(p.dir, r, p.earlier)
}

// guarded turns a panic into an error: what shows a run must not end it.
func guarded(do func() error) (err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("%s or %s could not be written: the suite has a defect: panic: %v", pageName, harName, why)
		}
	}()
	return do()
}

// hastyPages is how long the recordings of a run are read that was told to end: whoever told it will not wait for many.
const hastyPages = 2 * time.Second

// manyTargets are more than anybody wants to read the exchanges of that passed.
const manyTargets = 8

// WritePages writes report.html and network.har of a run from what its directory holds. It is also for a run that was killed.
func WritePages(dir string, r smoke.Result, earlier web.Earlier) error {
	return writePages(dir, r, earlier, time.Hour)
}

// writePages is WritePages that reads no further recording once the limit is over.
func writePages(dir string, r smoke.Result, earlier web.Earlier, limit time.Duration) error {
	began := time.Now()
	archive, err := renameio.NewPendingFile(filepath.Join(dir, harName), renameio.WithTempDir(dir), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", harName, err)
	}
	defer archive.Cleanup() // does nothing once it has been replaced
	network, builder := har.NewWriter(archive, r.SuiteVersion), web.NewBuilder(r, earlier)
	for i := range r.Targets {
		t := evidence.Target{Result: r.Targets[i], Root: dir, Started: r.Started}
		switch {
		case len(r.Targets) > manyTargets && good(r.Targets[i].Verdict):
			t.Missing = "Of so many targets those that passed are not shown in detail; targets/" + r.Targets[i].Name + "/timeline.ndjson has all."
		case time.Since(began) > limit:
			t.Missing = "The run was told to end, and its recording is not in this page: scripts/smoke open writes it."
		default:
			t = evidence.Read(dir, r, i)
		}
		network.Add(t)
		builder.Add(t)
	}
	err = network.Close()
	if err == nil {
		err = archive.CloseAtomicallyReplace()
	}
	if err != nil {
		err = fmt.Errorf("%s cannot be written: %w", harName, err)
	}
	return errors.Join(err, writePage(dir, builder))
}

func writePage(dir string, builder *web.Builder) error {
	b, err := builder.Render()
	if err == nil {
		err = renameio.WriteFile(filepath.Join(dir, pageName), b, 0o644, renameio.WithTempDir(dir))
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", pageName, err)
	}
	return nil
}
