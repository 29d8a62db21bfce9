package diagnose

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// asksKernel is a step whose question a kernel has answered over its websocket: hand-made, with the words of the step.
func asksKernel(step, verdict string, symptom wire.Symptom, want, got string) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.ws(step, serverURL+channels, socketOpen)
		h.ends(step, verdict, wire.Fault{Subject: "The kernel's websocket", Symptom: symptom, Want: want, Got: got}, id)
	}
}

func unreached(step, want, got string) func(*hand) {
	return asksKernel(step, "fail", wire.Unreached, want, got)
}

const (
	noName    = "gaierror: [Errno -3] Temporary failure in name resolution"
	wantsName = "DNS in the user pod: an address for binder.example.org"
	wantsOut  = "Egress from the user pod: a connection for pypi.org:443"
	wantsUs   = "The way from the user pod to the deployment's own public hosts: an HTTP answer for hub.example.org"
	forbids   = "no connection from the user pod to 169.254.169.254:80"
)

var _ = known("pod-dns-broken",
	signature{name: "the step's own", make: unreached("pod/dns", wantsName, noName), hop: HopPod, suspects: []string{"cluster-dns-down"}},
	signature{name: "found by egress", make: unreached("pod/egress", wantsOut, "gaierror: [Errno -2] Name or service not known")},
	signature{name: "dns and hairpin are one", make: func(h *hand) {
		unreached("pod/dns", wantsName, noName)(h)
		unreached("pod/hairpin", wantsUs, noName)(h)
	}},
)

var _ = known("pod-egress-blocked",
	signature{name: "time out", make: unreached("pod/egress", wantsOut, "TimeoutError: timed out"), hop: HopPod, suspects: []string{"hairpin-refused"}},
	signature{name: "refused", make: unreached("pod/egress", wantsOut, "ConnectionRefusedError: [Errno 111] Connection refused")},
	signature{name: "the address is known, the route is not", make: unreached("pod/egress", wantsOut, "OSError: [Errno 101] Network is unreachable")},
)

var _ = known("hairpin-refused",
	signature{name: "refused", make: unreached("pod/hairpin", wantsUs, "ConnectionRefusedError: [Errno 111] Connection refused"), hop: HopPod, suspects: []string{"pod-egress-blocked"}},
	signature{name: "another ingress answers", make: unreached("pod/hairpin", wantsUs, "HTTP status 503")},
)

var _ = known("netpol-not-enforced",
	signature{name: "metadata", make: asksKernel("pod/isolation", "fail", wire.Reached, forbids, "a connection"), hop: HopPod},
	signature{name: "an address of the settings", make: asksKernel("pod/isolation", "fail", wire.Reached, "no connection from the user pod to 10.0.0.7:5432", "a connection")},
	signature{name: "the cluster's API", severity: Warn,
		make: asksKernel("pod/isolation", "pass", wire.Reached, "no connection from the user pod to the cluster's API at 10.96.0.1:443", "a connection")},
)

func TestWhatAPodReachesIsNamed(t *testing.T) {
	for want, words := range map[string]string{
		forbids: "the cloud's metadata address 169.254.169.254:80, which hands out the credentials of the node",
		"no connection from the user pod to 10.0.0.7:5432": "A user pod can connect to 10.0.0.7:5432, which it must not reach",
		// its beginning is not its end: no metadata
		"no connection from the user pod to 169.254.169.25:80": "169.254.169.25:80, which it must not reach",
	} {
		h := byHand(t)
		asksKernel("pod/isolation", "fail", wire.Reached, want, "a connection")(h)
		require.Contains(t, h.one("netpol-not-enforced").Summary, words)
	}
}

func TestAPodsAnswerOutlivesItsWebsocket(t *testing.T) {
	h := byHand(t)
	unreached("pod/egress", wantsOut, "TimeoutError: timed out")(h)
	f := h.one("pod-egress-blocked")
	h.now += 60e9
	h.add(at("pod/egress"), wire.Raw, f.Exchanges[0], wire.KindClose, wire.Close{Symptom: wire.SocketLost, Code: 1006})
	require.Equal(t, f, h.one("pod-egress-blocked"), "it was lost when it had told us")
}

func TestASentenceOfAPodNamesWhatWasAsked(t *testing.T) {
	h := byHand(t)
	unreached("pod/dns", wantsName, noName)(h)
	require.Equal(t, "A user pod cannot look up binder.example.org ([Errno -3] Temporary failure in name resolution): downloads and installs in notebooks fail",
		h.one("pod-dns-broken").Summary)
}

func notTheVersion(h *hand) {
	id := h.get("binder-host/health", binderURL+"/versions", answer{status: 200, header: headers("Access-Control-Allow-Headers", "cache-control", "Content-Type", "application/json"),
		body: `{"builder_info": {}, "binderhub": "0.2.0+n900"}`})
	h.ends("binder-host/health", "fail", wire.Fault{Symptom: wire.Unexpected, Want: "binderhub 0.3.0", Got: "0.2.0+n900"}, id)
}

var _ = known("version-drift",
	signature{name: "BinderHub", make: notTheVersion, hop: HopBinderHub, suspects: []string{"image-puller-hook-timeout"}},
	signature{name: "Python", make: asksKernel("kernel/output", "fail", wire.Unexpected, "Python 3.12", "3.11.4"), hop: HopServer, suspects: []string{"stale-image"}},
	signature{name: "a package", make: asksKernel("kernel/output", "fail", wire.Unexpected, "the packages numpy, pandas", "no pandas")},
	signature{name: "a notebook of the settings is not there", hop: HopServer, make: failsWith("kernel/notebooks", serverURL+"api/contents/index.ipynb?type=notebook", wire.Status,
		serverAPI.with(func(a *answer) {
			a.status, a.body = 404, `{"message": "No such file or directory: index.ipynb", "reason": null}`
		}))},
)

func TestDriftOfBothHostsIsTwoFindings(t *testing.T) {
	h := byHand(t)
	notTheVersion(h)
	asksKernel("kernel/output", "fail", wire.Unexpected, "the packages numpy, pandas", "no pandas")(h)
	found := h.diagnose()
	require.Len(t, found, 2)
	require.Equal(t, "image-puller-hook-timeout", found[0].Suspects[0])
	require.Equal(t, "stale-image", found[1].Suspects[0])
	require.Equal(t, `BinderHub is not the one that was to be deployed: it says "0.2.0+n900", expected was binderhub 0.3.0`, found[0].Summary)
	require.Equal(t, "The kernel has no pandas, of the packages numpy, pandas that were expected: its image is not the one that is meant", found[1].Summary)
}

var _ = known("cell-error",
	signature{name: "a notebook's", hop: HopKernel, make: asksKernel("kernel/notebooks", "fail", wire.CellError, "code cell 3 of index.ipynb to run", "error NameError: name 'x' is not defined")},
	signature{name: "the suite's", make: asksKernel("kernel/output", "fail", wire.CellError, "a cell that runs", "error ModuleNotFoundError: No module named 'IPython'")},
	signature{name: "a notebook's download", suspects: []string{"pod-dns-broken"},
		make: asksKernel("kernel/notebooks", "fail", wire.CellError, "code cell 1 of data.ipynb to run", "error URLError: <urlopen error [Errno -3] Temporary failure in name resolution>")},
)

func TestACellThatRaisesIsNamed(t *testing.T) {
	h := byHand(t)
	asksKernel("kernel/notebooks", "fail", wire.CellError, "code cell 3 of index.ipynb to run", "error NameError: name 'x' is not defined")(h)
	require.Equal(t, `The kernel is fine, and code cell 3 of index.ipynb raises "NameError: name 'x' is not defined"`, h.one("cell-error").Summary)
}

var _ = known("kernelspec-missing", signature{name: "no kernel at all", hop: HopServer, make: func(h *hand) {
	id := h.get("kernel/start", serverURL+"api/kernelspecs", serverAPI.with(func(a *answer) { a.body = `{"default": "python3", "kernelspecs": {}}` }))
	h.ends("kernel/start", "fail", wire.Fault{Symptom: wire.Content, Want: "at least one kernel", Got: "none"}, id)
}})

var _ = known("kernel-dies-at-start",
	signature{name: "forgotten while the handshake is held", hop: HopKernel, make: failsWith("kernel/channel", serverURL+"api/kernels/38a0fb50", wire.KernelDead,
		serverAPI.with(func(a *answer) {
			a.status, a.body = 404, `{"message": "Kernel does not exist: 38a0fb50", "reason": null}`
		}))},
	signature{name: "does not restart", hop: HopKernel, make: failsWith("kernel/restart", serverURL+"api/kernels/38a0fb50/restart", wire.Status, postFails(500))},
)

func postFails(status int) answer {
	return serverAPI.with(func(a *answer) {
		a.status, a.method, a.body = status, http.MethodPost, `{"message": "Unhandled error", "reason": null}`
	})
}

// loopGoesOn is a cell that an interrupt, which the server answered with this status, did not stop.
func loopGoesOn(status int) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.ws("kernel/interrupt", serverURL+channels, socketOpen)
		h.get("kernel/interrupt", serverURL+"api/kernels/38a0fb50/interrupt", postFails(status))
		h.ends("kernel/interrupt", "fail", wire.Fault{Symptom: wire.NoReply, Want: "the kernel's answer to execute_request", Got: "nothing"}, id)
	}
}

var _ = known("kernel-not-interrupted",
	signature{name: "the cell runs on", make: loopGoesOn(204), hop: HopKernel},
	signature{name: "the server refuses", make: failsWith("kernel/interrupt", serverURL+"api/kernels/38a0fb50/interrupt", wire.Status, postFails(500)), hop: HopKernel},
	signature{name: "the cell ends well", make: asksKernel("kernel/interrupt", "fail", wire.WrongOutput, "KeyboardInterrupt", "ok ")},
)

var _ = known(Unrecognised,
	signature{name: "a cell that hangs before it was interrupted", make: asksKernel("kernel/interrupt", "fail", wire.NoReply, "the kernel's answer", "nothing"), hop: HopKernel},
	signature{name: "a file that is not there, but no notebook of the settings", make: failsWith("server/files", serverURL+"api/contents/x.txt", wire.Status,
		serverAPI.with(func(a *answer) { a.status, a.body = 404, `{"message": "No such file", "reason": null}` })), hop: HopServer},
)

// terminalEnds is a terminal's websocket that opened, and then failed the step.
func terminalEnds(symptom wire.Symptom, got string) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.ws("terminal/echo", serverURL+"terminals/websocket/1", socketOpen)
		h.ends("terminal/echo", "fail", wire.Fault{Symptom: symptom, Want: `"smoke-42" on the terminal`, Got: got}, id)
	}
}

var _ = known("terminal-ws-flaky",
	signature{name: "no echo", make: terminalEnds(wire.NoReply, `"sh: 1: not found"`), hop: HopServer},
	signature{name: "lost", make: terminalEnds(wire.SocketLost, "the connection's end without a close frame")},
)

func TestEverySuspectIsAnID(t *testing.T) {
	for _, c := range rules {
		for _, s := range c.Suspects {
			require.NotContains(t, s, " ", c.ID)
			require.Equal(t, strings.ToLower(s), s)
		}
	}
}

func TestTwoReleasesByTurnsAreNamed(t *testing.T) {
	h := byHand(t)
	told := func(version string) answer {
		return binderPage.with(func(a *answer) { a.body = `{"builder_info": {}, "binderhub": "` + version + `"}` })
	}
	h.get("binder-host/repeat", binderURL+"/versions", told("0.3.0"))
	id := h.get("binder-host/health", binderURL+"/versions", told("0.2.0"))
	h.ends("binder-host/health", "fail", wire.Fault{Symptom: wire.Unexpected, Want: "0.3.0", Got: "0.2.0"}, id)
	f := h.one("version-drift")
	require.Equal(t, "one-of-n-bad", f.Suspects[0])
	require.Contains(t, f.Summary, "0.2.0 and 0.3.0")
}
