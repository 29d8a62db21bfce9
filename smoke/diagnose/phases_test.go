package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"binderhub-smoke/smoke/wire"
)

// streams records a launch with an event each second, of the phases given; an empty one is a line of the log.
func (h *hand) streams(step string, client wire.Client, closed bool, phases ...string) {
	ctx := at(step)
	id := h.tl.BeginAt(ctx, client, wire.Open{Type: wire.TypeStream, Role: wire.RoleBinder, Method: "GET", URL: binderURL + "/build/gh/o/r/HEAD"}, h.now)
	for _, phase := range phases {
		h.now += time.Second
		h.add(ctx, client, id, wire.KindEvent, wire.Event{Data: `{"phase": "` + phase + `", "message": "x"}`})
	}
	h.now += time.Second
	if closed {
		h.add(ctx, client, id, wire.KindClose, wire.Close{})
	}
}

func TestPhasesTellWhatAteTheTime(t *testing.T) {
	s := func(n time.Duration) wire.Seconds { return wire.Seconds(n * time.Second) }
	for name, c := range map[string]struct {
		closed bool
		told   []string
		want   []Phase
	}{
		"cached":          {true, []string{"built", "launching", "launching", "ready"}, []Phase{{"waiting", s(1)}, {"built", s(1)}, {"launching", s(2)}}},
		"built anew":      {true, []string{"waiting", "Building", "", "building", "pushing", "ready"}, []Phase{{"waiting", s(2)}, {"building", s(3)}, {"pushing", s(1)}}},
		"failed":          {true, []string{"building", "failed", "failed"}, []Phase{{"waiting", s(1)}, {"building", s(1)}}},
		"cut":             {true, []string{"building"}, []Phase{{"waiting", s(1)}, {"building", s(1)}}},
		"open":            {false, []string{"building", "building"}, []Phase{{"waiting", s(1)}, {"building", s(1)}}},
		"silent":          {true, nil, []Phase{{"waiting", s(1)}}},
		"of no one known": {true, []string{"waiting", "https://x.example", "ready"}, []Phase{{"waiting", s(3)}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := byHand(t)
			h.streams("launch/build", wire.Raw, c.closed, c.told...)
			assert.Equal(t, c.want, Phases(h.tl.Records()))
		})
	}
}

func TestPhasesAreOfTheRawLaunchOnly(t *testing.T) {
	h := byHand(t)
	h.streams("rebuild/build", wire.Raw, true, "building", "ready")
	h.streams("notebook/launch", wire.Browser, true, "building", "ready")
	assert.Equal(t, []Phase{}, Phases(h.tl.Records()))
}
