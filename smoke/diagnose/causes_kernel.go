package diagnose

import (
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// kernelCauses are of the kernel and of the server's way to it; every proxy has let the messages through.
var kernelCauses = []Cause{
	{
		ID: "kernelspec-missing", Title: "The image has no such kernel", Hop: HopServer,
		Match: func(v *View) bool {
			starts := v.X.Open.Method == "POST" && strings.HasSuffix(urlOf(v.X).Path, "/api/kernels")
			return (starts && status(v.X) >= 500 && v.Answer.Hop == HopServer) || v.Says("No such kernel", "NoSuchKernel", `"kernelspecs": {}`) || holds(body(v.X), "NoSuchKernel", "No such kernel named")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server cannot start a kernel (%s): the image has no kernelspec of that name", say(status(v.X)))
		},
		Suspects: []string{"kernelspec-missing", "server-lib-regression", "kernel-dies-at-start"},
		Remedy:   "Install ipykernel in the environment that serves (`pip install ipykernel`, `python -m ipykernel install --sys-prefix`); `jupyter kernelspec list` inside the image must show it.",
	},
	{
		ID: "iopub-silent", Title: "The kernel replies but publishes nothing", Hop: HopKernel,
		Match: func(v *View) bool {
			return v.Symptom(wire.NoReply) && (v.Says("iopub") || repliedInSilence(v.X))
		},
		Sentence: sentence("The kernel replies on its shell channel and publishes nothing on iopub: cells never end and show no output"),
		Suspects: []string{"iopub-silent", "server-lib-regression"},
		Remedy:   "Pin the versions of ipykernel, pyzmq and jupyter_server that worked before; a kernel of another language must publish status messages on iopub.",
	},
	{
		ID: "kernel-dies-at-start", Title: "The kernel dies or never answers", Hop: HopKernel,
		Match: func(v *View) bool {
			return v.Symptom(wire.KernelDead) || (v.Symptom(wire.NoReply) && v.In("kernel/info", "kernel/start", "kernel/channel", "kernel/restart", "notebook/open", "notebook/run", "notebook/lab")) || heldHandshake(v)
		},
		Sentence: func(v *View) string {
			if heldHandshake(v) {
				return fmt.Sprintf("The user server held the kernel's websocket for %s and never got an answer from the kernel: it died at its start", sayTime(took(v.X)))
			}
			return fmt.Sprintf("The kernel does not live (%s): the server and every proxy are fine", v.Fault.Got)
		},
		Suspects: []string{"kernel-dies-at-start", "server-lib-regression", "exec-slow-start"},
		Remedy:   "`kubectl logs <user pod>` has the kernel's last words: a broken pair of ipykernel, pyzmq and tornado after an unpinned rebuild, or the pod's memory limit (OOMKilled). Inside: `python -m ipykernel_launcher` must stay up.",
	},
}

// heldHandshake is the kernel's websocket of which the server, waiting for the kernel, let the handshake hang for its 60 s
// (kernelmanager.py kernel_info_timeout), while it answers over HTTP.
func heldHandshake(v *View) bool {
	if kind(v.X) != "kernel" || v.X.Opened() || took(v.X) < 20*time.Second {
		return false
	}
	_, ok := v.Other(servedUser)
	return ok && ((status(v.X) == 500 && v.Answer.Hop == HopServer) || (status(v.X) == 0 && v.Symptom(wire.Timeout)))
}

// repliedInSilence tells whether, since the last message we sent, the kernel replied without anything on iopub. Channel
// names and message types stand in clear in both framings of the protocol.
func repliedInSilence(x *wire.Exchange) bool {
	replied, published := false, false
	for _, f := range x.Frames {
		switch {
		case f.Direction == wire.Sent:
			replied, published = false, false
		case strings.Contains(f.Data, "iopub"):
			published = true
		case strings.Contains(f.Data, "_reply"):
			replied = true
		}
	}
	return replied && !published
}
