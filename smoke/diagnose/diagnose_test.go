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
