package diagnose

import (
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// failingCauses are of applications that answer with an error of their own, in their own words. They come before the causes
// that go by the step alone.
var failingCauses = []Cause{
	{
		ID: "server-disk-full", Title: "The user server's disk is full", Hop: HopPod,
		Match: func(v *View) bool {
			return v.X.Open.Role == wire.RoleServer && holds(body(v.X)+v.Text(), "No space left on device", "[Errno 28]", "Disk quota exceeded", "[Errno 122]")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server cannot write (%s): its disk or its quota is full", quote(errorWords(v)))
		},
		Suspects: []string{"server-disk-full", "home-read-only"},
		Remedy:   "`kubectl exec <user pod> -- df -h . /tmp`. Full by the node: `kubectl describe node | grep -i DiskPressure`, images and logs; a limit of the pod's own: `singleuser.extraResource.limits` ephemeral-storage; a volume: raise its size (`singleuser.storage.capacity`) or the quota on the file server.",
	},
	{
		ID: "home-read-only", Title: "The user server may not write its directory", Hop: HopPod,
		Match: func(v *View) bool {
			return v.X.Open.Role == wire.RoleServer && v.Answer.Hop == HopServer && holds(body(v.X), "Read-only file system", "[Errno 30]", "Permission denied", "[Errno 13]")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server may not write its own directory (%s): nobody can save", quote(errorWords(v)))
		},
		Suspects: []string{"home-read-only", "server-disk-full", "pvc-attach-stuck"},
		Remedy:   "`kubectl exec <user pod> -- sh -c 'id; ls -ld . ; touch x'`. The image's files belong to another user than the pod runs as (`singleuser.uid`, `fsGid`; repo2docker uses 1000), `readOnlyRootFilesystem` is set, or the volume is mounted read-only (after a node's crash: its file system's errors).",
	},
	{
		ID: "short-lived-session", Title: "The login to the user server expires under way", Hop: HopServer,
		Match: expired,
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server refuses %s %s (%s), though it took the same token before: the login does not last", method(v.X), pathOf(v.X), say(status(v.X)))
		},
		Suspects: []string{"short-lived-session", "ws-credentials-stripped", "path-refused"},
		Mutes:    []string{"ws-credentials-stripped"}, // whose login is over opens no websocket either
		Remedy:   "Lifetimes of tokens and cookies: `JupyterHub.cookie_max_age_days`, `c.JupyterHub.oauth_token_expires_in`, an authenticating proxy's session (oauth2-proxy `--cookie-expire`). If only this path is refused every time, the ingress drops Authorization there: compare its `location` with that of the paths that pass.",
	},
	{
		ID: "kernel-killed", Title: "The kernel dies at work", Hop: HopKernel,
		Match: func(v *View) bool {
			return v.Symptom(wire.KernelDead) && v.In("kernel/execute", "kernel/output", "kernel/notebooks", "kernel/interrupt", "idle/hold", "idle/resume", "pod/dns", "pod/egress", "pod/hairpin", "pod/isolation")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The kernel started, answered, and died at work (%s): most often its memory is short", short(v.Fault.Got))
		},
		Suspects: []string{"kernel-killed", "kernel-dies-at-start", "server-lib-regression", "server-died"},
		Remedy:   "`kubectl describe pod <user pod>` and the node's `dmesg | grep -i oom`: a kernel that is killed for memory leaves its server alive. Raise `singleuser.memory.limit` (BinderHub: `c.BinderHub.build_memory_limit` is another one). Else `kubectl logs <user pod>` has its traceback.",
	},
	{
		ID: "iopub-rate-limited", Title: "The server drops a kernel's output", Hop: HopServer,
		Match: func(v *View) bool {
			return v.Symptom(wire.WrongOutput) && (v.Says("data rate exceeded", "message rate exceeded") || inFrames(v.X, "rate exceeded"))
		},
		Sentence: sentence("The user server dropped output because there was too much of it in a short time (\"rate exceeded\"): its limits are below its defaults"),
		Suspects: []string{"iopub-rate-limited", "wrong-output"},
		Remedy:   "`ServerApp.iopub_data_rate_limit` and `iopub_msg_rate_limit` (defaults 1 MB/s and 1000/s; images and HTML are not counted by default): look for lower ones in the image's jupyter_server_config and in `singleuser.extraFiles`.",
	},
	{
		ID: "wrong-output", Title: "A cell's output is not what it computes", Hop: HopKernel,
		Match: func(v *View) bool { return v.Symptom(wire.WrongOutput) && !v.In("kernel/interrupt") },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The cell ran, and what came is not what it computes: expected %s, got %s", short(v.Fault.Want), short(v.Fault.Got))
		},
		Suspects: []string{"wrong-output", "iopub-rate-limited", "sticky-missing", "server-lib-regression", "ws-message-too-big"},
		Remedy:   "Run the cell in a binder of this deployment by hand. Nothing or a part: messages are lost (limits of the server, a proxy that drops frames). Another text: an image whose startup files print (`~/.ipython/profile_default/startup`), another language's kernel, or two servers behind one address.",
	},
	{
		ID: "server-not-stopped", Title: "The user server does not stop", Hop: HopServer,
		// A proxy's error says nothing of the server behind it: that the proxy fails is what was proved.
		Match: func(v *View) bool {
			return v.Symptom(wire.Hanging) || v.Fault.Symptom == wire.StillRunning && !(v.Answer.proxy() && status(v.X) >= 500)
		},
		Sentence: func(v *View) string {
			if v.Symptom(wire.Hanging) {
				return "The user server took its shutdown, answers no more, and its process does not end: such servers stay until they are culled"
			}
			return fmt.Sprintf("The user server was told to stop and still answers (%s): servers stay until they are culled", short(v.Fault.Got))
		},
		Suspects: []string{"server-not-stopped", "leftover-state", "kube-api-unreachable"},
		Remedy:   "`kubectl get pods -l component=singleuser-server`: Terminating for long means a process that ignores SIGTERM or a volume that does not detach; Running means that the shutdown did not arrive (`POST /user/<name>/api/shutdown` needs the token; is POST let through?). A shell around jupyter must `exec` it. Stop it by `DELETE /hub/api/users/<name>/server`; is the culler on (`cull.enabled`)?",
	},
}

// errorCauses are of applications that say no more than that they failed. They come after all that know better.
var errorCauses = []Cause{
	{
		ID: "hub-error", Title: "JupyterHub fails", Hop: HopHub,
		Match: func(v *View) bool { return v.Answer.Hop == HopHub && status(v.X) >= 500 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("JupyterHub answers %s to %s: it runs, and fails at this", say(status(v.X)), pathOf(v.X))
		},
		Suspects: []string{"hub-error", "hub-down", "kube-api-unreachable", "control-plane-cert-expired"},
		Remedy:   "`kubectl logs deploy/hub | grep -A20 Traceback`: a database that is locked, full or of another version (`jupyterhub upgrade-db`), a full volume (`kubectl exec deploy/hub -- df -h /srv/jupyterhub`), an authenticator or a template that does not fit the hub's version, the Kubernetes API.",
		Mutes:    []string{"proxy-token-mismatch"},
	},
	{
		ID: "binderhub-error", Title: "BinderHub fails", Hop: HopBinderHub,
		Match: func(v *View) bool { return v.Answer.Hop == HopBinderHub && status(v.X) >= 500 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub answers %s to %s: it runs, and fails at this", say(status(v.X)), pathOf(v.X))
		},
		Suspects: []string{"binderhub-error", "health-crashes", "cluster-dns-down", "kube-api-unreachable"},
		Remedy:   "`kubectl logs deploy/binder | grep -A20 Traceback`: a configuration that does not fit the version (`extra_static_path`, `template_path`), the hub's OAuth with `auth_enabled`, the registry, the Kubernetes API.",
	},
	{
		ID: "server-error", Title: "The user server fails", Hop: HopServer,
		Match: func(v *View) bool { return v.Answer.Hop == HopServer && status(v.X) >= 500 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server answers %s to %s %s (%s): every proxy is fine", say(status(v.X)), method(v.X), pathOf(v.X), firstOf(quote(errorWords(v)), "it does not say why"))
		},
		Suspects: []string{"server-error", "server-lib-regression", "server-disk-full"},
		Remedy:   "`kubectl logs <user pod> | grep -A20 Traceback`. After a rebuild without pinned versions: jupyter_server, tornado, pyzmq and the extensions in the image must fit each other; start the image locally and ask it the same.",
	},
}

// errorWords is what an application says of its error: the message of its JSON, or its page's words.
func errorWords(v *View) string {
	text := trimmed(v.X)
	if _, rest, ok := strings.Cut(text, `"message": "`); ok {
		message, _, _ := strings.Cut(rest, `", "`)
		return short(message)
	}
	return short(firstOf(v.Fault.Got, text))
}

// inFrames tells whether a frame that came holds some words.
func inFrames(x *wire.Exchange, words ...string) bool {
	for _, f := range x.Frames {
		if f.Direction == wire.Received && holds(f.Data, words...) {
			return true
		}
	}
	return false
}

// expired is a token that the user server refuses, and took for another request before this one and for none after. Of what is
// no GET it may say that _xsrf is missing, which it wants of strangers: then a GET must have been refused too.
func expired(v *View) bool {
	if !forbidden(v) || sent(v.X, "Authorization") == "" || openAPI(v.X) {
		return false
	}
	known := func(x *wire.Exchange) bool {
		a, _ := Answered(x)
		return v.SameHost(x) && a.Hop == HopServer && sent(x, "Authorization") != "" && !openAPI(x) && !handshake(x)
	}
	took := func(x *wire.Exchange) bool { return known(x) && status(x) < http.StatusBadRequest }
	_, before := v.Other(func(x *wire.Exchange) bool { return took(x) && x.Open.At < v.X.Open.At })
	_, after := v.Other(func(x *wire.Exchange) bool { return took(x) && x.Open.At > v.X.Open.At })
	_, refused := v.Other(func(x *wire.Exchange) bool {
		return known(x) && method(x) == http.MethodGet && status(x) == http.StatusForbidden
	})
	stranger := v.Says("_xsrf") || holds(body(v.X), "_xsrf")
	return before && !after && (refused || !stranger)
}
