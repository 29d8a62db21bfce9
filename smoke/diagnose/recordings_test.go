package diagnose

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// The recordings in testdata/faults are of runs against the deployment on loopback, broken in one way each; findings.txt has a
// line for what each shows. Both are written by go test ./fixtures/faults -update, after the run showed what was broken.
const recordedFaults = "testdata/faults/"

func replay(t *testing.T, file string) []Finding {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	packed, err := gzip.NewReader(f)
	require.NoError(t, err)
	records, err := wire.ReadRecords(packed)
	require.NoError(t, err)
	return Diagnose("recording", slices.Values(records))
}

func TestTheRecordingsOfFaultsShowThem(t *testing.T) {
	text, err := os.ReadFile(recordedFaults + "findings.txt")
	require.NoError(t, err)
	files, err := filepath.Glob(recordedFaults + "*.ndjson.gz")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var got []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".ndjson.gz")
		for _, f := range replay(t, file) {
			got = append(got, fmt.Sprintf("%s: %s at %s, %s, %s: %s\n", name, f.Cause, f.Hop, f.step(), f.Severity, strings.Join(f.Suspects, " ")))
		}
	}
	slices.Sort(got)
	require.Equal(t, strings.Split(string(text), "\n"), strings.Split(strings.Join(got, ""), "\n"))
}
