package evidence

import (
	"encoding/json"

	"binderhub-smoke/smoke/wire"
)

// marks are the records of no exchange that tell a reader something.
func marks(records []wire.Record) (all []Mark) {
	for _, r := range records {
		if r.Exchange != 0 {
			continue
		}
		if kind, text := words(r); kind != "" {
			all = append(all, Mark{Scenario: r.Scenario, Step: r.Step, Client: r.Client, At: r.At, Kind: kind, Text: text})
		}
	}
	return all
}

// words are what a record says. Records of the engine itself say nothing that the report does not.
func words(r wire.Record) (kind, text string) {
	switch r.Kind {
	case wire.KindConsole:
		var c wire.Console
		if json.Unmarshal(r.Data, &c) == nil {
			return "console " + c.Level, c.Text
		}
	case wire.KindNote:
		var n wire.Note
		if json.Unmarshal(r.Data, &n) == nil && n.Step == nil && n.Run == nil && n.Name != wire.NoteEnd {
			return n.Name, n.Text
		}
	}
	return "", ""
}
