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
			return noKernels(v) || (starts && status(v.X) >= 500 && v.Answer.Hop == HopServer) || v.Says("No such kernel", "NoSuchKernel", `"kernelspecs": {}`) || holds(body(v.X), "NoSuchKernel", "No such kernel named")
		},
		Sentence: func(v *View) string {
			if noKernels(v) {
				return "The user server offers no kernel at all: none is installed where it runs"
			}
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
			return v.Symptom(wire.KernelDead) || restartFails(v) || (v.Symptom(wire.NoReply) && v.In("kernel/info", "kernel/start", "kernel/channel", "kernel/restart", "notebook/open", "notebook/run", "notebook/lab")) || heldHandshake(v)
		},
		Sentence: func(v *View) string {
			if heldHandshake(v) {
				return fmt.Sprintf("The user server held the kernel's websocket for %s and never got an answer from the kernel: it died at its start", sayTime(took(v.X)))
			}
			if restartFails(v) {
				return fmt.Sprintf("The user server cannot restart the kernel (%s): it does not come up again", say(status(v.X)))
			}
			if v.Fault.Symptom == wire.KernelDead && status(v.X) == 404 {
				return "The kernel died at its start, and the user server has forgotten it (404): the server and every proxy are fine"
			}
			return fmt.Sprintf("The kernel does not live (%s): the server and every proxy are fine", v.Fault.Got)
		},
		Suspects: []string{"kernel-dies-at-start", "server-lib-regression", "exec-slow-start"},
		Remedy:   "`kubectl logs <user pod>` has the kernel's last words: a broken pair of ipykernel, pyzmq and tornado after an unpinned rebuild, or the pod's memory limit (OOMKilled). Inside: `python -m ipykernel_launcher` must stay up.",
	},
	{
		ID: "kernel-not-interrupted", Title: "A running cell cannot be stopped", Hop: HopKernel,
		Match: notInterrupted,
		Sentence: func(v *View) string {
			switch v.Fault.Symptom {
			case wire.NoReply:
				return "The user server took the interrupt, and the cell runs on: users cannot stop a long one but by a restart"
			case wire.WrongOutput:
				return fmt.Sprintf("An interrupted cell ends with %s in place of KeyboardInterrupt", quote(v.Fault.Got))
			}
			return fmt.Sprintf("The user server cannot interrupt the kernel (%s): users cannot stop a long cell", say(status(v.X)))
		},
		Suspects: []string{"kernel-not-interrupted", "server-lib-regression", "exec-slow-start"},
		Remedy: "An interrupt is a signal to the kernel's process: a kernel that is started by a shell script must `exec` it, or the signal ends at the script; a kernelspec of a remote kernel wants `\"interrupt_mode\": \"message\"`. " +
			"Else pin ipykernel, jupyter_client and jupyter_server to what worked before.",
	},
	{
		ID: "terminal-ws-flaky", Title: "Terminals open and do not work", Hop: HopServer,
		Match: func(v *View) bool {
			return kind(v.X) == "terminal" && v.X.Opened() && (v.Fault.Symptom == wire.NoReply || v.Fault.Symptom == wire.SocketLost)
		},
		Sentence: func(v *View) string {
			if v.Fault.Symptom == wire.SocketLost {
				return fmt.Sprintf("The terminal's websocket opens and is lost (%s)", v.Fault.Got)
			}
			return fmt.Sprintf("The terminal's websocket stands, and its shell does not do what is typed (it shows %s)", firstOf(short(v.Fault.Got), "nothing"))
		},
		Suspects: []string{"terminal-ws-flaky", "cpu-starved-node", "server-lib-regression"},
		Remedy: "Inside the image: is there a shell (`echo $SHELL`, `ServerApp.terminado_settings`), and does its profile wait for something? `kubectl logs <user pod> | grep -i terminal`. " +
			"If it works after cookies are cleared, it is their scope (jupyterhub/jupyterhub#5131); update terminado and jupyter_server_terminals together.",
	},
}

// noKernels is the empty list of kernels (jupyter_server/services/kernelspecs/handlers.py).
func noKernels(v *View) bool {
	return strings.HasSuffix(urlOf(v.X).Path, "/api/kernelspecs") && v.Fault.Symptom == wire.Content && v.Fault.Got == "none"
}

// restartFails is the server's own word that a kernel did not restart.
func restartFails(v *View) bool {
	return strings.HasSuffix(urlOf(v.X).Path, "/restart") && status(v.X) >= 500 && v.Answer.Hop == HopServer
}

// notInterrupted is a running cell that an interrupt did not stop. Where the server never took the interrupt, and did not
// say why, it is something else that hangs.
func notInterrupted(v *View) bool {
	if !v.In("kernel/interrupt") {
		return false
	}
	switch v.Fault.Symptom {
	case wire.WrongOutput:
		return v.Fault.Want == "KeyboardInterrupt"
	case wire.NoReply:
		_, taken := v.Other(func(x *wire.Exchange) bool { return interrupts(x) && x.Step == v.Step && status(x) == 204 })
		return taken
	}
	return interrupts(v.X) && status(v.X) >= 500 && v.Answer.Hop == HopServer
}

// interrupts tells whether an exchange asks the server to interrupt a kernel.
func interrupts(x *wire.Exchange) bool { return strings.HasSuffix(urlOf(x).Path, "/interrupt") }

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
