package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Recording is a timeline that was read from a file.
type Recording struct {
	Run     RunStart // zero where the file does not begin with it
	Records []Record
	// Damaged is set when the last line is no record: the run was killed while it wrote, or the file is being written.
	Damaged bool
	// Ended is set when the timeline was closed in order.
	Ended bool
}

// ReadRecording reads a timeline.ndjson. A damaged last line is passed over. The error is one sentence: the file is no
// timeline, is empty, is damaged in the middle, or is of a schema that is newer than Schema.
func ReadRecording(r io.Reader) (Recording, error) {
	var rec Recording
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n, bad := 1, 0; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		switch {
		case len(line) == 0:
			continue
		case bad != 0:
			return rec, fmt.Errorf("line %d is no record of a timeline", bad)
		}
		var one Record
		if json.Unmarshal(line, &one) != nil || one.Seq == 0 || one.Kind == "" {
			bad, rec.Damaged = n, true
			continue
		}
		if err := rec.take(one); err != nil {
			return rec, err
		}
	}
	switch {
	case lines.Err() != nil:
		return rec, fmt.Errorf("it cannot be read: %w", lines.Err())
	case len(rec.Records) == 0 && rec.Damaged:
		return rec, errors.New("it is no timeline: its first line is no record")
	case len(rec.Records) == 0:
		return rec, errors.New("it is empty")
	}
	return rec, nil
}

// take adds a record, and learns from it what the recording is of.
func (rec *Recording) take(one Record) error {
	rec.Records = append(rec.Records, one)
	if one.Kind != KindNote || one.Exchange != 0 {
		return nil
	}
	note, ok := decode[Note](one)
	switch {
	case !ok:
	case note.Name == NoteEnd:
		rec.Ended = true
	case note.Run != nil && note.Run.Schema > Schema:
		return fmt.Errorf("it was written by a newer version of this program (schema %d; this one reads up to %d)", note.Run.Schema, Schema)
	case note.Run != nil:
		rec.Run = *note.Run
	}
	return nil
}
