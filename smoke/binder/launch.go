package binder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Event is one event of a launch. Phases are compared without regard to case; a line without a phase is a log line.
// Source: binderhub/builder.py.
type Event struct {
	Phase      string `json:"phase"`
	Message    string `json:"message"`
	StatusCode int    `json:"status_code"` // of "failed", where BinderHub would have sent an HTTP status
	Ready
}

// Ready is what the event "ready" adds.
type Ready struct {
	URL        string `json:"url"`   // of the user server, …/user/<name>/[server/]
	Token      string `json:"token"` // for the user server; of no use where auth is enabled
	Image      string `json:"image"`
	LaunchHost string `json:"binder_launch_host"`
	ClientIP   string `json:"binder_client_ip"`
}

// Launch is a launch under way. Its stream is read to the end whatever happens to the step that began it: closing it early
// would not cancel the launch, only lose the server's address.
type Launch struct {
	Spec string
	At   time.Duration // when it was asked for

	client *Client
	cancel context.CancelFunc
	events chan arrival
	once   sync.Once

	exchange wire.ExchangeID
	member   string        // base URL of the federation's member that took the launch, or empty
	first    time.Duration // when the first event came; zero before
	logs     int           // log lines of the build
	alive    int           // keepalive comments
	lastAt   time.Duration // when something last came
	silent   time.Duration // the longest time in which nothing came
	heard    []string      // messages of the phases that launch a server: the reason of a failure may stand only there
	ready    *Ready
	over     error // why no further event will come
}

type arrival struct {
	event    wire.Event
	exchange wire.ExchangeID
	member   string
	err      error
}

// Launch asks BinderHub to build and launch spec. It sends one request and never another one. buildToken may be empty.
// The launch outlives ctx, whose step its records belong to; it ends with its stream, or with Close.
func (c *Client) Launch(ctx context.Context, spec, buildToken string) *Launch {
	live, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Launch{Spec: spec, At: c.net.Timeline().Now(), client: c, cancel: cancel, events: make(chan arrival, 64)}
	address := c.URL("build/" + spec)
	if buildToken != "" {
		address += "?build_token=" + url.QueryEscape(buildToken)
	}
	// BinderHub splits Accept at semicolons and wants exactly this (builder.py).
	header := http.Header{"Accept": {"text/event-stream"}}
	maps.Copy(header, c.header())
	go l.read(live, wire.Call{Subject: "The launch's event stream", URL: address, Header: header})
	return l
}

// read passes the stream on. It does not meter its waiting: whoever waits for the launch does.
func (l *Launch) read(ctx context.Context, call wire.Call) {
	defer close(l.events)
	s, member, err := l.open(ctx, call)
	if err != nil {
		l.pass(ctx, arrival{err: err, member: member})
		return
	}
	defer s.Close()
	for {
		e, err := s.Next(ctx)
		l.pass(ctx, arrival{event: e, exchange: s.Answer.Exchange, member: member, err: err})
		if err != nil {
			return
		}
	}
}

// open asks for the launch. A federation hands it to a member by a 307, which is followed once.
func (l *Launch) open(ctx context.Context, call wire.Call) (s *wire.Stream, member string, err error) {
	net := l.client.net.Unmetered()
	s, err = net.Open(ctx, call)
	var redirect *wire.Redirect
	if err == nil || !errors.As(err, &redirect) {
		return s, "", err
	}
	from, bad := url.Parse(call.URL)
	if bad != nil {
		return nil, "", err
	}
	to, bad := from.Parse(redirect.Location)
	base, _, found := "", "", false
	if bad == nil {
		base, _, found = strings.Cut(to.String(), "build/"+l.Spec)
	}
	if !found {
		return nil, "", err // not this launch at another place, but another page: a login, say
	}
	if at, bad := url.Parse(base); bad == nil {
		net.Timeline().Places().LearnMember(at)
	}
	if !strings.EqualFold(to.Host, from.Host) || to.Scheme != from.Scheme {
		call.Header = call.Header.Clone()
		call.Header.Del("Authorization") // it is for the host that was asked
	}
	call.URL = to.String()
	s, err = net.Open(ctx, call)
	return s, base, err
}

func (l *Launch) pass(ctx context.Context, a arrival) {
	select {
	case l.events <- a:
	case <-ctx.Done():
	}
}

// maxSilence is how long a stream may be silent. BinderHub sends a keepalive comment each 25 s (builder.py), so a longer
// silence means that something between us holds the stream back, or that BinderHub hangs.
const maxSilence = 65 * time.Second

// Next returns the launch's next event. It returns the *wire.Fault of a stream that could not be opened, broke, ended
// before "ready", or fell silent, io.EOF after the last event of a launch that was ready, and ctx's error when ctx ends
// first; the launch then goes on.
func (l *Launch) Next(ctx context.Context) (Event, error) {
	defer l.client.net.Waiting()()
	silence := time.NewTimer(l.client.silence)
	defer silence.Stop()
	for l.over == nil {
		select {
		case a, ok := <-l.events:
			if !ok {
				return Event{}, l.end(errors.New("the launch was closed"))
			}
			l.exchange, l.member = a.exchange, a.member
			l.heardAt(a)
			if a.err != nil {
				return Event{}, l.end(l.ended(a.err))
			}
			if a.event.Comment {
				l.alive++
				silence.Reset(l.client.silence)
				continue
			}
			return l.read1(a.event)
		case <-silence.C:
			return Event{}, l.fault(wire.Stalled, "an event, or a keepalive each 25 s", "nothing for "+l.client.silence.String())
		case <-ctx.Done():
			return Event{}, l.late(ctx)
		}
	}
	return Event{}, l.over
}

// heardAt keeps the longest silence between two arrivals.
func (l *Launch) heardAt(a arrival) {
	at := a.event.At
	if a.err != nil {
		at = l.client.net.Timeline().Now()
	}
	if l.lastAt != 0 {
		l.silent = max(l.silent, at-l.lastAt)
	}
	l.lastAt = at
}

func (l *Launch) end(err error) error {
	l.over = err
	return err
}

// read1 reads one event and keeps what later sentences need.
func (l *Launch) read1(e wire.Event) (Event, error) {
	var v Event
	if err := json.Unmarshal([]byte(e.Data), &v); err != nil {
		return v, l.fault(wire.Malformed, "one JSON object an event", first(e.Data, 80))
	}
	if l.first == 0 {
		l.first = max(e.At, 1)
	}
	v.Phase = strings.ToLower(v.Phase)
	l.client.net.Timeline().Redactor().Learn(v.Token)
	switch v.Phase {
	case "launching", "built", "waiting":
		l.hear(v.Message)
	case "failed":
		return v, l.end(l.failed(v))
	default:
		l.logs++
	case "ready":
		l.ready = &v.Ready
	}
	return v, nil
}

// hear keeps the last messages that say something.
func (l *Launch) hear(message string) {
	if message = first(message, 200); message != "" {
		l.heard = append(l.heard, message)
		l.heard = l.heard[max(0, len(l.heard)-20):]
	}
}

// Await reads events until one of the given phases, or "ready".
func (l *Launch) Await(ctx context.Context, phases ...string) (Event, error) {
	for {
		e, err := l.Next(ctx)
		if err != nil || e.Phase == "ready" {
			return e, err
		}
		for _, p := range phases {
			if e.Phase == p {
				return e, nil
			}
		}
	}
}

// Bounds by which a stream that is held back is told from one that is slow: its first event comes late, and all others
// with it. What comes late enough to have started a server in, and brings one that is ready a moment later, was held.
const (
	lateFirst = time.Second
	heap      = 250 * time.Millisecond
)

// Live looks whether events arrive as they happen. When the first one came late and the server is ready at once after it,
// something held the stream back: no server starts in so short a time. It reads events for a quarter of a second at most.
func (l *Launch) Live(ctx context.Context) error {
	if l.first-l.At < lateFirst {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, heap)
	defer cancel()
	_, err := l.Await(short)
	switch {
	case err == nil:
		return l.fault(wire.Buffered, "events as they happen", fmt.Sprintf("all of them in a heap, %.1f s after the launch was asked for", (l.first-l.At).Seconds()))
	case short.Err() != nil && ctx.Err() == nil:
		return nil
	}
	return err
}

// Drain reads a launch that is ready to the stream's end. BinderHub holds the stream of a launch that it has built for 60 s,
// and says so by a keepalive each 25 s (builder.py); a longer silence is a fault. Other releases may hold it less long.
func (l *Launch) Drain(ctx context.Context) error {
	for {
		_, err := l.Next(ctx)
		switch {
		case errors.Is(err, io.EOF) && l.silent > maxQuiet:
			return l.fault(wire.Stalled, "keepalives while the stream is held, one each 25 s", fmt.Sprintf("nothing for %.1f s", l.silent.Seconds()))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// maxQuiet is BinderHub's interval of keepalives, and some time for their way.
const maxQuiet = 30 * time.Second

// Logs is how many log lines of a build came.
func (l *Launch) Logs() int { return l.logs }

// Member is the base URL of the federation's member that took the launch, or empty.
func (l *Launch) Member() string { return l.member }

// Ready is what "ready" told, or nil before it.
func (l *Launch) Ready() *Ready { return l.ready }

// Over tells whether the launch ended without a server, or broke so that nobody knows.
func (l *Launch) Over() error { return l.over }

// Close stops reading. BinderHub is not told, and a launch that is not over goes on.
func (l *Launch) Close() {
	l.once.Do(func() {
		l.cancel()
		for range l.events {
		}
	})
}
