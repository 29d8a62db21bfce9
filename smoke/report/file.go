package report

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"binderhub-smoke/smoke"
)

// File is the observer that keeps one file of the report's directory equal to the run. It is written when the run begins,
// so that a run that dies leaves no file that looks like success, at once when something fails, and at least every
// interval while steps end; whole at all times.
type File struct {
	path   string
	encode func(smoke.Result) ([]byte, error)
	last   time.Time
	err    error
}

// fileInterval is how far a file may lag behind a run in which all is well: with many targets, rewriting after every step
// would take more time than the steps.
const fileInterval = time.Second

// newFile returns the observer that writes a file of dir, which is made. The file of an earlier run is removed.
func newFile(dir, name string, encode func(smoke.Result) ([]byte, error)) (*File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("an earlier %s cannot be removed: %w", name, err)
	}
	return &File{path: path, encode: encode}, nil
}

// Err is what kept the file from being written last, or nil. It is for after the run.
func (f *File) Err() error { return f.err }

// Observe writes the file as the run stands.
func (f *File) Observe(e smoke.Event) {
	switch e.Kind {
	case smoke.StepStarted:
		return
	case smoke.StepEnded:
		if e.Result.Verdict != smoke.Failed && time.Since(f.last) < fileInterval {
			return
		}
	}
	f.last = time.Now()
	f.write(e.Snapshot(), e.Kind == smoke.RunEnded)
}

// write replaces the file; only the last one is worth waiting for the disk.
func (f *File) write(r smoke.Result, final bool) {
	b, err := f.encode(r)
	switch {
	case err != nil:
	case final:
		err = renameio.WriteFile(f.path, b, 0o644, renameio.WithTempDir(filepath.Dir(f.path)))
	default:
		err = replace(f.path, b)
	}
	f.err = nil
	if err != nil {
		f.err = fmt.Errorf("%s cannot be written: %w", f.path, err)
	}
}
