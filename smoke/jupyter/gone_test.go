package jupyter_test

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"binderhub-smoke/smoke/wire"
)

const (
	chpPage   = "<html><title>\n      JupyterHub\n    </title><h1>503 : Service Unavailable</h1>"
	nginxPage = "<html><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx</center>"
)

// headed is an answer with one header more.
func headed(name, value string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(name, value)
		h(w, r)
	}
}

// bare is an answer without a content type.
func bare(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// mute answers nothing until the client has gone.
func mute(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestShutdown(t *testing.T) {
	own404 := func(w http.ResponseWriter, r *http.Request) {
		its(w)
		answering(404, "application/json", `{"message":"x","reason":null}`)(w, r)
	}
	ok := answering(200, "", "")
	for name, c := range map[string]struct {
		answers     []http.HandlerFunc // the last one to all that follow
		asked       int32
		first, last wire.Symptom
	}{
		"at once":                {[]http.HandlerFunc{ok}, 1, "", ""},
		"404 and then 200":       {[]http.HandlerFunc{own404, ok}, 2, wire.StillRunning, ""},
		"500 twice and then 200": {[]http.HandlerFunc{answering(500, "", ""), answering(500, "", ""), ok}, 3, wire.StillRunning, ""},
		"404 for good":           {[]http.HandlerFunc{own404}, 3, wire.StillRunning, wire.StillRunning},
		"no answer, then 200":    {[]http.HandlerFunc{hangUp, ok}, 2, wire.EOF, ""},
		"no answer, then gone":   {[]http.HandlerFunc{hangUp, answering(503, "text/html", chpPage)}, 2, wire.EOF, ""},
		"too late, then 200":     {[]http.HandlerFunc{mute, ok}, 2, wire.Timeout, ""},
		"no answer for good":     {[]http.HandlerFunc{hangUp}, 3, wire.EOF, wire.EOF},
		"gone already":           {[]http.HandlerFunc{answering(503, "text/html", chpPage)}, 1, "", ""},
		"the ingress refuses":    {[]http.HandlerFunc{answering(503, "text/html", nginxPage)}, 3, wire.StillRunning, wire.StillRunning},
		"somebody's 503":         {[]http.HandlerFunc{answering(503, "text/html", "<h1>Back soon</h1>")}, 3, wire.StillRunning, wire.StillRunning},
		"somebody's 404":         {[]http.HandlerFunc{answering(404, "text/plain", "no such host")}, 3, wire.StillRunning, wire.StillRunning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s := server(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/user/x/api/shutdown" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				c.answers[min(int(asked.Add(1)), len(c.answers))-1](w, r)
			})
			first, err := s.Shutdown(within(t, 5*time.Second))
			require.Equal(t, c.asked, asked.Load())
			requireSymptom(t, c.first, first)
			requireSymptom(t, c.last, err)
		})
	}
}

func requireSymptom(t *testing.T, want wire.Symptom, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.Equal(t, want, fault(t, err).Symptom)
}

// What tells that a server is gone must be somebody's word who knows: CHP's or the hub's, through whatever ingress.
func TestGone(t *testing.T) {
	elsewhere := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, 302) }
	}
	own := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			its(w)
			answering(status, "application/json", body)(w, r)
		}
	}
	const (
		gone         = iota
		runs         // a fault: the server itself answers
		brokenWay    // a fault: nobody answers, or a gateway that reaches nobody
		inconclusive // it may be anybody's answer
	)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   int
	}{
		"the hub's error page":                 {answering(503, "text/html", chpPage), gone},
		"the same with a Server of another":    {headed("Server", "openresty", answering(503, "text/html", chpPage)), gone},
		"a custom page of the hub":             {answering(503, "text/html; charset=utf-8", "<title>Our Lab</title><script>window.jhdata = {}</script>"), gone},
		"CHP's own page":                       {answering(503, "text/html", "<h1>503: Proxy Target Missing</h1> configurable-http-proxy"), gone},
		"CHP's bare 503":                       {bare(503, "Service Unavailable"), gone},
		"CHP's bare 404":                       {bare(404, "Not Found"), gone},
		"the hub's 302":                        {elsewhere("/hub/user/x/api"), gone},
		"the hub's 302, its address rewritten": {elsewhere("https://hub.example.org/jupyter/hub/user/x/api"), gone},
		"the hub's 404":                        {answering(404, "application/json", `{"status":404,"message":"Not Found"}`), gone},
		"a 404 with the hub's version":         {headed("X-JupyterHub-Version", "5.5.4", answering(404, "text/html", "<h1>Nothing here</h1>")), gone},
		"the hub's 424":                        {answering(424, "application/json", `{"message":"JupyterHub server no longer running"}`), gone},
		"its own 404":                          {own(404, `{}`), runs},
		"still there":                          {answering(200, "application/json", `{"version":"2"}`), runs},
		"forbidden, its policy removed":        {answering(403, "application/json", `{"message":"Forbidden","reason":null}`), runs},
		"single-user's 404":                    {headed("X-JupyterHub-Version", "5.5.4", answering(404, "application/json", `{"message":"x","reason":null}`)), runs},
		"the ingress's 503":                    {answering(503, "text/html", nginxPage), inconclusive},
		"the ingress's 404":                    {answering(404, "text/plain", "default backend - 404"), inconclusive},
		"an unknown 503":                       {answering(503, "text/html", "<h1>Back soon</h1>"), inconclusive},
		"an unknown empty 503":                 {bare(503, ""), inconclusive},
		"a typed Service Unavailable":          {answering(503, "text/plain", "Service Unavailable"), inconclusive},
		"a gateway's own JSON":                 {answering(404, "application/json", `{"message":"no Route matched with those values"}`), inconclusive},
		"somebody's login":                     {elsewhere("https://sso.example.org/login"), inconclusive},
		"single-user's login":                  {elsewhere("/hub/api/oauth2/authorize?client_id=jupyterhub-user-x"), inconclusive},
		"somebody's page":                      {answering(200, "text/html", "<html>"), inconclusive},
		"502":                                  {answering(502, "text/html", "<center>nginx"), brokenWay},
		"no answer":                            {hangUp, brokenWay},
		"no answer in time":                    {mute, brokenWay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := server(t, c.answer).Gone(within(t, 400*time.Millisecond))
			if c.want == gone {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.want == runs, fault(t, err).Symptom == wire.StillRunning)
			require.Equal(t, c.want == inconclusive, fault(t, err).Inconclusive)
		})
	}
}

// What hides CHP's words is waited out: the hub's come when it has removed the route. So is a look that nobody answers.
func TestGoneAfterAWhile(t *testing.T) {
	for name, before := range map[string]http.HandlerFunc{
		"it still ran":             answering(200, "application/json", `{"version":"2"}`),
		"an ingress's page":        answering(503, "text/html", "<h1>Back soon</h1>"),
		"the connection was reset": hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := server(t, func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) < 3 {
					before(w, r)
					return
				}
				http.Redirect(w, r, "/hub/user/x/api", http.StatusFound)
			})
			require.NoError(t, s.Gone(within(t, 5*time.Second)))
			require.EqualValues(t, 3, asked.Load())
		})
	}
}

// stopping plays a hub and one of its servers that takes a shutdown and then falls silent.
type stopping struct {
	events bool // it has a websocket of events
	ends   bool // which ends when the server is told to stop
	hub    http.HandlerFunc

	told   atomic.Bool
	ending chan struct{} // closed when its process ends
}

func (p *stopping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/user/x/api/shutdown":
		if !p.told.Swap(true) && p.ends {
			close(p.ending)
		}
	case r.URL.Path == "/user/x/api/events/subscribe" && p.events:
		websocket.Server{Handler: func(c *websocket.Conn) {
			left := make(chan struct{})
			go func() {
				defer close(left)
				_, _ = io.Copy(io.Discard, c)
			}()
			select {
			case <-p.ending:
			case <-left:
			}
		}}.ServeHTTP(w, r)
	case r.URL.Path == "/hub/api/":
		p.hub(w, r)
	case p.told.Load():
		mute(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// A silence is the server's own only where its process is seen to live on, and everything before it to be well: a route that
// leads nowhere is silent too.
func TestWhoseSilenceItIs(t *testing.T) {
	version := answering(200, "application/json", `{"version":"5.5.4"}`)
	cases := map[string]struct {
		server *stopping
		want   wire.Symptom
	}{
		"its process lives on":     {&stopping{events: true, hub: version}, wire.Hanging},
		"its process has ended":    {&stopping{events: true, ends: true, hub: version}, wire.Timeout},
		"its process was not seen": {&stopping{hub: version}, wire.Timeout},
		"the proxy is silent too":  {&stopping{events: true, hub: mute}, wire.Timeout},
		"the hub is not there":     {&stopping{events: true, hub: answering(502, "text/html", nginxPage)}, wire.Timeout},
		"somebody else is":         {&stopping{events: true, hub: answering(200, "text/html", "<h1>Welcome</h1>")}, wire.Timeout},
	}
	ctx := within(t, 9*time.Second) // for a look of 5 s, and for asking the hub after it
	type ending struct {
		name          string
		shutdown, end error
	}
	endings := make(chan ending)
	for name, c := range cases { // all at once: more than t.Parallel would run
		c.server.ending = make(chan struct{})
		s := server(t, c.server.ServeHTTP)
		go func() {
			first, err := s.Shutdown(ctx)
			endings <- ending{name, errors.Join(first, err), s.Gone(ctx)}
		}()
	}
	for range cases {
		e := <-endings
		require.NoError(t, e.shutdown, e.name)
		require.Equal(t, cases[e.name].want, fault(t, e.end).Symptom, e.name)
	}
}
