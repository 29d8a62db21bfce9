package diagnose

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// The timelines of these tests are made by hand: each holds what the clients would record of a deployment with one fault.
// Bodies and headers are copied from real products where a run has shown them.

const (
	binderURL = "https://binder.example.org"
	hubURL    = "https://hub.example.org"
	serverURL = hubURL + "/user/binder-x-abc123/"
)

// hand makes a timeline by hand, on a clock of its own.
type hand struct {
	t   *testing.T
	tl  *wire.Timeline
	now time.Duration
}

func byHand(t *testing.T) *hand {
	binder, err := url.Parse(binderURL)
	require.NoError(t, err)
	hub, err := url.Parse(hubURL)
	require.NoError(t, err)
	tl := wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(binder, hub), nil, wire.Limits{})
	return &hand{t: t, tl: tl}
}

func at(step string) context.Context {
	scenario, name, _ := strings.Cut(step, "/")
	return wire.WithStep(context.Background(), scenario, name)
}

// answer is what a hand-made exchange got.
type answer struct {
	client wire.Client // raw when empty
	proto  string      // HTTP/1.1 when empty
	method string      // GET when empty
	send   http.Header
	status int // 0: no answer
	reason string
	header http.Header
	body   string
	after  time.Duration
	tls    *wire.TLS
	dns    *wire.DNS
	tcp    *wire.TCP
	kept   bool         // over a connection that was there already
	fault  wire.Symptom // of the close
	err    string
	code   int
}

func (h *hand) exchange(step string, kind wire.Type, target string, a answer) wire.ExchangeID {
	ctx := at(step)
	if a.client == "" {
		a.client = wire.Raw
	}
	if a.method == "" {
		a.method = http.MethodGet
	}
	h.now += time.Millisecond
	id := h.tl.BeginAt(ctx, a.client, wire.Open{Type: kind, Method: a.method, URL: target}, h.now)
	if a.tls == nil || a.tls.Error == "" {
		h.add(ctx, a.client, id, wire.KindRequest, wire.Request{Method: a.method, URL: target, Header: a.send})
	}
	h.connect(ctx, id, a)
	h.now += a.after
	if a.proto == "" {
		a.proto = "HTTP/1.1"
	}
	if a.status != 0 {
		h.add(ctx, a.client, id, wire.KindResponse, wire.Response{Status: a.status, Reason: a.reason, Proto: a.proto, Header: a.header})
		if a.client != wire.Browser || a.body != "" {
			h.add(ctx, a.client, id, wire.KindBody, wire.Body{Bytes: int64(len(a.body)), Prefix: a.body})
		}
	}
	if kind == wire.TypeHTTP || a.fault != "" {
		h.add(ctx, a.client, id, wire.KindClose, wire.Close{Symptom: a.fault, Error: a.err, Code: a.code})
	}
	return id
}

func (h *hand) connect(ctx context.Context, id wire.ExchangeID, a answer) {
	if a.dns != nil {
		h.add(ctx, a.client, id, wire.KindDNS, *a.dns)
	}
	tcp := wire.TCP{Address: "192.0.2.1:443"}
	if a.tcp != nil {
		tcp = *a.tcp
	}
	if !a.kept && (a.dns == nil || a.dns.Error == "") {
		h.add(ctx, a.client, id, wire.KindTCP, tcp)
	}
	if a.tls != nil {
		h.now += time.Duration(a.tls.Seconds)
		h.add(ctx, a.client, id, wire.KindTLS, *a.tls)
	}
}

func (h *hand) add(ctx context.Context, client wire.Client, id wire.ExchangeID, kind wire.Kind, data any) {
	h.tl.AddAt(ctx, client, id, kind, data, h.now)
}

func (h *hand) get(step, target string, a answer) wire.ExchangeID {
	return h.exchange(step, wire.TypeHTTP, target, a)
}

// ws is a websocket handshake with the headers that ask for the upgrade.
func (h *hand) ws(step, target string, a answer) wire.ExchangeID {
	send := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
	for k, v := range a.send {
		send[k] = v
	}
	a.send = send
	if a.status != 101 && a.fault == "" {
		a.fault = wire.UpgradeRefused
	}
	return h.exchange(step, wire.TypeWebSocket, target, a)
}

// fails ends a step with a fault that the given exchanges prove.
func (h *hand) fails(step string, symptom wire.Symptom, got string, ids ...wire.ExchangeID) {
	h.ends(step, "fail", wire.Fault{Symptom: symptom, Got: got}, ids...)
}

func (h *hand) ends(step, verdict string, f wire.Fault, ids ...wire.ExchangeID) {
	f.Exchanges = ids
	if f.Subject == "" {
		f.Subject = "The answer"
	}
	if f.Want == "" {
		f.Want = "what should be"
	}
	f.Inconclusive = verdict == "inconclusive"
	h.now += time.Millisecond
	h.add(at(step), wire.Raw, 0, wire.KindNote, wire.Note{Name: wire.NoteStep, Step: &wire.StepEnd{Verdict: verdict, Error: f.Error(), Fault: &f}})
}

func (h *hand) diagnose() []Finding { return Diagnose("example", h.tl.Records()) }

// one demands exactly one finding, of this cause.
func (h *hand) one(cause string) Finding {
	h.t.Helper()
	found := h.diagnose()
	require.Len(h.t, found, 1, "findings")
	require.Equal(h.t, cause, found[0].Cause, found[0].Summary)
	return found[0]
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// nginxPageOf is nginx's page as seen from nginx 1.22.1.
func nginxPageOf(status string) string {
	return "<html>\r\n<head><title>" + status + "</title></head>\r\n<body>\r\n<center><h1>" + status + "</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
}

var (
	nginxHeader = headers("Server", "nginx/1.22.1", "Content-Type", "text/html")
	chpOK       = answer{status: 200, body: `{"status":"OK"}`, header: headers("Server", "nginx/1.22.1", "Content-Type", "application/json")}
)
