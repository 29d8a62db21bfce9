package settings

import (
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzFile demands of any settings file that reading it neither panics nor takes long, and that what is wrong with it is
// said in lines that a terminal can show.
func FuzzFile(f *testing.F) {
	f.Add(twoTargets)
	f.Add(structuredTargets)
	for _, b := range badStructured {
		f.Add("defaults:\n  " + b.text + "\n")
	}
	for _, b := range badSettings {
		if b.yaml != "" && len(b.yaml) < 4096 {
			f.Add(b.yaml)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		var p problems
		l := &loader{src: Source{IDs: ids, Dir: "/nowhere"}, file: parseFile("/nowhere/smoke.yaml", "smoke.yaml", []byte(text), &p)}
		l.run()
		l.targets()
		assert.Less(t, time.Since(began), 5*time.Second)
		for _, line := range append(p.lines, l.problems.lines...) {
			for _, r := range line {
				require.False(t, unicode.IsControl(r), "%q", line)
			}
		}
	})
}
