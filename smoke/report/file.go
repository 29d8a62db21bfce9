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
// so that a run that dies leaves no file that looks like success, after every step, and when the run ends; whole at all
// times. Between its ends the run does not wait for the file: the newest state is written beside it, and what the next
// step has superseded by then is not written at all.
type File struct {
	path   string
	encode func(smoke.Result) ([]byte, error)
	newest chan func() smoke.Result // one at most, which is yet to be written
	over   chan struct{}            // is closed when the run ends
	done   chan struct{}            // is closed when nothing is written beside the run any more; nil when nothing is
	err    error
}

// Writing takes a tenth of the time at most: with many targets a file is large, and the steps need the machine. The file
// lags behind the run by what writing takes, and a second at most.
const (
	restFactor = 9
	maxRest    = time.Second
)

// newFile returns the observer that writes a file of dir, which is made. The file of an earlier run is removed: a run that
// dies at once must not leave another's verdict.
func newFile(dir, name string, encode func(smoke.Result) ([]byte, error)) (*File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the report's directory cannot be made: %w", err)
	}
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("an earlier %s cannot be removed: %w", name, err)
	}
	return &File{path: path, encode: encode, newest: make(chan func() smoke.Result, 1), over: make(chan struct{})}, nil
}

// Err is what kept the file from being written last, or nil. It is for after the run.
func (f *File) Err() error { return f.err }

// Observe has the file written as the run stands.
func (f *File) Observe(e smoke.Event) {
	switch {
	case e.Kind == smoke.StepStarted:
	case e.Kind == smoke.RunStarted:
		f.write(e.Snapshot(), false)
		f.done = make(chan struct{})
		go f.follow()
	case e.Kind == smoke.RunEnded:
		if f.done != nil {
			close(f.over)
			<-f.done
			f.done = nil
		}
		f.write(e.Snapshot(), true)
	case f.done == nil: // a soak may wait before it begins
		f.write(e.Snapshot(), false)
	default:
		select {
		case <-f.newest: // superseded
		default:
		}
		f.newest <- e.Snapshot
	}
}

// follow writes what is newest, until the run ends.
func (f *File) follow() {
	defer close(f.done)
	for {
		select {
		case <-f.over:
			return
		case snapshot := <-f.newest:
			began := time.Now()
			f.write(snapshot(), false)
			select {
			case <-f.over:
				return
			case <-time.After(min(restFactor*time.Since(began), maxRest)):
			}
		}
	}
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

// replace is an atomic rewrite that does not wait for the disk. It survives the program's death; that of the machine is
// only worth the wait at the run's end.
func replace(path string, b []byte) error {
	beside := path + ".new"
	if err := os.WriteFile(beside, b, 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}
