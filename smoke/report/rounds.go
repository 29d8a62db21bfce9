package report

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"binderhub-smoke/smoke"
)

// Rounds writes what a soak came to: a line for each round, and the verdict of the whole.
func (s Screen) Rounds(r smoke.Result) string {
	p := s.page()
	for i, round := range r.Rounds {
		var causes []string
		for _, t := range round.Targets {
			for _, cause := range t.Causes {
				causes = append(causes, t.Name+": "+cause)
			}
		}
		text := fmt.Sprintf("round %d at %s, %s", i+1, round.Started.UTC().Format(time.DateTime), filepath.Join(s.Out, filepath.FromSlash(round.Directory)))
		if len(causes) > 0 {
			text += "; " + strings.Join(causes, ", ")
		}
		p.hanging(p.Terminal.paint(round.Verdict, verdictColumn(round.Verdict))+" ", "    ", text)
	}
	p.closing(r)
	return p.String()
}
