package diagnose

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// FuzzDiagnose feeds arbitrary lines of a timeline: a person may have cut the file, or a newer version written it.
func FuzzDiagnose(f *testing.F) {
	for _, list := range signatures {
		for _, s := range list {
			h := byHand(&testing.T{})
			s.make(h)
			var b strings.Builder
			for r := range h.tl.Records() {
				line, err := json.Marshal(r)
				require.NoError(f, err)
				b.Write(append(line, '\n'))
			}
			f.Add(b.String())
		}
	}
	f.Add(`{"seq":1,"at":0,"client":"raw","kind":"note","data":{"name":"step","step":{"verdict":"fail","fault":{"exchanges":[9]}}}}`)
	f.Fuzz(func(t *testing.T, lines string) {
		records, _ := wire.ReadRecords(strings.NewReader(lines))
		for _, found := range Diagnose("x", slices.Values(records)) {
			require.NotEmpty(t, found.Cause)
			require.NotEmpty(t, found.Summary)
			require.NotEmpty(t, found.Hop)
			require.True(t, strings.HasPrefix(found.Key, "x|"))
		}
	})
}
