package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// historyName is the file of what earlier runs came to: a line of JSON for each target of each run. Whoever writes the lines
// knows what they mean.
const historyName = "history.ndjson"

// maxHistory is the size in bytes from which on the history is shortened, in the worst case to half of it.
const maxHistory = 4 << 20

// History returns the lines of history.ndjson, the oldest first; a missing file has none.
func (s *State) History() ([][]byte, error) {
	b, err := readHistory(filepath.Join(s.dir, historyName))
	if err != nil {
		return nil, fmt.Errorf("the history of earlier runs cannot be read: %w", err)
	}
	return nonEmpty(b), nil
}

// readHistory reads the end of the file, as much as there can be.
func readHistory(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-2*maxHistory), 2*maxHistory))
}

func nonEmpty(b []byte) (lines [][]byte) {
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

// AddHistory adds a line to history.ndjson, under the directory's lock. A file that has grown too large is shortened to what
// keep leaves of its lines, of which the latest stay in any case that fit half the bound.
func (s *State) AddHistory(ctx context.Context, line []byte, keep func(lines [][]byte) [][]byte) error {
	return s.locked(ctx, func() error {
		path := filepath.Join(s.dir, historyName)
		size, err := appendLine(path, line)
		if err != nil || size <= maxHistory {
			return err
		}
		b, err := readHistory(path)
		if err != nil {
			return err
		}
		short := append(bytes.Join(latest(keep(nonEmpty(b))), []byte("\n")), '\n')
		return renameio.WriteFile(path, short, 0o644, renameio.WithTempDir(s.dir))
	})
}

// latest are the last lines that fit half the bound.
func latest(lines [][]byte) [][]byte {
	size := 0
	for i := len(lines) - 1; i >= 0; i-- {
		if size += len(lines[i]) + 1; size > maxHistory/2 {
			return lines[i+1:]
		}
	}
	return lines
}

// appendLine writes a line at the end, behind one that a dying machine left half, and returns the file's size.
func appendLine(path string, line []byte) (int64, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if last := make([]byte, 1); info.Size() > 0 {
		if _, err := file.ReadAt(last, info.Size()-1); err != nil {
			return 0, err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	n, err := file.Write(append(bytes.Clone(line), '\n'))
	return info.Size() + int64(n), err
}
