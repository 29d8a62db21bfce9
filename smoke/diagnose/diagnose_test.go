package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func (h *hand) refusedPage() {
	id := h.get("binder-host/page", binderURL+"/", answer{status: 502, header: nginxHeader, body: nginxPageOf("502 Bad Gateway"), after: 3 * time.Millisecond})
	h.fails("binder-host/page", wire.Status, "502 text/html", id)
}

func (h *hand) strippedCanary() {
	plain := h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	up := h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	h.fails("hub-host/upgrade", wire.UpgradeRefused, `200 {"status":"OK"}`, up, plain)
}

func TestSeedIncidentIsTwoFindings(t *testing.T) {
	h := byHand(t)
	h.refusedPage()
	h.strippedCanary()
	found := h.diagnose()
	require.Len(t, found, 2)

	refused, ok := Of(found, "binder-host", "page")
	require.True(t, ok)
	require.Equal(t, "example|binder|upstream-refused", refused.Key)
	require.Equal(t, HopIngress, refused.Hop)
	require.Equal(t, Fail, refused.Severity)
	require.Contains(t, refused.Suspects, "selector-overmatch")
	require.Equal(t, "nginx/1.22.1", refused.Answered)
	require.Equal(t, "nginx/1.22.1 in front of the binder host answers 502 Bad Gateway in 3 ms: it could not connect to the binderhub service", refused.Summary)
	require.Equal(t, "runbook.md#upstream-refused", refused.Link)

	dropped, ok := Of(found, "hub-host", "upgrade")
	require.True(t, ok)
	require.Equal(t, "example|hub|ws-upgrade-missing", dropped.Key)
	require.Len(t, dropped.Exchanges, 2)
	require.Contains(t, dropped.Suspects, "lb-l7-not-ws")
	require.Contains(t, dropped.Remedy, `nginx.org/websocket-services: "proxy-public"`)
}

func TestAHealthyRunHasNoFindings(t *testing.T) {
	h := byHand(t)
	h.served()
	h.add(at("binder-host/page"), wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: "pass"}})
	h.add(at("launch/build"), wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: "blocked", Error: "binder-host/page failed"}})
	require.Empty(t, h.diagnose())
}

func TestTheLastNoteOfAStepCounts(t *testing.T) {
	h := byHand(t)
	h.refusedPage()
	h.add(at("binder-host/page"), wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: "pass"}})
	require.Empty(t, h.diagnose())
}

func TestTheFirstProofNamesTheStep(t *testing.T) {
	h := byHand(t)
	plain := h.get("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	up := h.ws("hub-host/upgrade", hubURL+"/_chp_healthz", chpOK)
	socketFails("kernel/channel", channels, tornado400)(h)
	h.fails("hub-host/upgrade", wire.UpgradeRefused, "200", up, plain) // settled after kernel/channel
	f := h.one("ws-upgrade-missing")
	require.Equal(t, "hub-host/upgrade", f.step())
	require.Equal(t, []string{"kernel/channel"}, f.Also)
}

func TestAStepThatTestedNothingIsInconclusive(t *testing.T) {
	h := byHand(t)
	id := h.get("binder-host/page", binderURL+"/", nginxSays(502, "502 Bad Gateway", 0))
	h.ends("binder-host/page", "inconclusive", wire.Fault{Symptom: wire.Status, Got: "502"}, id)
	require.Equal(t, Inconclusive, h.one("upstream-refused").Severity)
}

func TestAnErrorWithoutAFaultIsAFinding(t *testing.T) {
	h := byHand(t)
	h.add(at("launch/build"), wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: "fail", Error: "something broke"}})
	f := h.one(Unrecognised)
	require.Equal(t, "something broke. No known cause has this signature", f.Summary)
	require.Equal(t, "example|binder|unrecognised", f.Key)
}
