package state

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func all(lines [][]byte) [][]byte { return lines }

func TestHistoryOfSeveralRunsAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		s := open(t, dir)
		group.Go(func() {
			for range 10 {
				assert.NoError(t, s.AddHistory(t.Context(), []byte(`{"a":1}`), all))
			}
		})
	}
	group.Wait()
	lines, err := open(t, dir).History()
	require.NoError(t, err)
	require.Len(t, lines, 40)
	for _, line := range lines {
		assert.Equal(t, `{"a":1}`, string(line))
	}
}

func TestHistoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	long := bytes.Repeat([]byte("x"), 100<<10)
	for range 100 {
		require.NoError(t, s.AddHistory(t.Context(), long, all))
	}
	require.NoError(t, s.AddHistory(t.Context(), []byte("last"), all))
	info, err := os.Stat(filepath.Join(dir, "history.ndjson"))
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(maxHistory))
	lines, err := s.History()
	require.NoError(t, err)
	assert.Equal(t, "last", string(lines[len(lines)-1]))
}

func TestHistoryThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	lines, err := s.History()
	require.NoError(t, err)
	assert.Empty(t, lines)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "history.ndjson"), 0o755))
	_, err = s.History()
	require.ErrorContains(t, err, "the history of earlier runs cannot be read")
}
