package diagnose

import (
	"fmt"
	"slices"
)

// spawnCauses are of launches that failed after BinderHub had an image: it relays what the hub and Kubernetes say
// (binderhub/launcher.py), and tries four times.
var spawnCauses = []Cause{
	{
		ID: "hub-token-mismatch", Title: "JupyterHub refuses BinderHub", Hop: HopHub,
		Match: func(v *View) bool {
			return spawnFails("Failed to create temporary user", "Missing or invalid credentials")(v)
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("JupyterHub does not let BinderHub create a user (%s): the API token that BinderHub sends is not the hub's, or lacks its scopes", failedWords(v))
		},
		Suspects: []string{"hub-token-mismatch", "binder-to-hub-blocked", "hub-down", "service-scope-403"},
		Remedy: "`kubectl logs deploy/hub | grep 403`. The same token on both sides: `BinderHub.hub_api_token` (JUPYTERHUB_API_TOKEN) and `hub.services.binder.apiToken`, with the scopes `servers` and `admin:users`; " +
			"and `hub_url_local` (JUPYTERHUB_API_URL) must point to this hub and not to another one's.",
	},
	{
		ID: "spawn-http-timeout", Title: "The user server starts and does not answer the hub", Hop: HopServer,
		Match:    spawnFails("didn't respond in"),
		Sentence: spawnSentence("The user server started, but the hub got no answer from it"),
		Suspects: spawnSuspects("spawn-http-timeout", "netpol-user-to-hub", "cpu-starved-node"),
		Remedy:   "`kubectl logs <user pod>`: \"Failed to connect to my Hub\" means a NetworkPolicy or DNS between user pods and the hub. Else the image starts too slowly (`c.Spawner.http_timeout`), or listens on 127.0.0.1.",
	},
	{
		ID: "pod-create-rejected", Title: "Kubernetes refuses the user pod", Hop: HopSpawner,
		Match:    spawnFails("Could not create pod", "admission webhook", "exceeded quota", "is forbidden:"),
		Sentence: spawnSentence("Kubernetes refuses to create the user pod"),
		Suspects: spawnSuspects("pod-create-rejected", "kube-api-unreachable"),
		Remedy:   "`kubectl logs deploy/hub | grep -B2 -A10 \"Could not create pod\"` names the reason: resource quota, admission webhook, RBAC of the hub's service account, an invalid name or label.",
	},
	{
		ID: "pvc-attach-stuck", Title: "The user pod's storage does not attach", Hop: HopPod,
		Match:    spawnFails("FailedAttachVolume", "FailedMount", "Multi-Attach", "Unable to attach or mount"),
		Sentence: spawnSentence("The user pod waits for storage that does not attach"),
		Suspects: spawnSuspects("pvc-attach-stuck", "nfs-mount-failed"),
		Remedy:   "`kubectl describe pod <user pod>`: a CSI driver that is missing after the recreate, a volume in another zone, an attachment left behind (`kubectl get volumeattachment`), or an NFS server's changed address.",
	},
	{
		ID: "dockerhub-rate-limit", Title: "The registry limits pulls", Hop: HopRegistry,
		Match: func(v *View) bool {
			words := []string{"toomanyrequests", "You have reached your pull rate limit"}
			return spawnFails(words...)(v) || buildSays(words...)(v)
		},
		Sentence: spawnSentence("The registry refuses to hand out more images for now"),
		Suspects: spawnSuspects("dockerhub-rate-limit"),
		Remedy:   "Pull with credentials (an `imagePullSecret`, or `registry.username`), or through a mirror.",
	},
	{
		ID: "push-failure-unnoticed", Title: "The image cannot be pulled", Hop: HopRegistry,
		Match:    spawnFails("ErrImagePull", "ImagePullBackOff", "Failed to pull image", "manifest unknown"),
		Sentence: spawnSentence("The user pod cannot pull its image"),
		Suspects: spawnSuspects("push-failure-unnoticed", "registry-lookup-broken", "hairpin-refused"),
		Remedy:   "Is the image in the registry (`crane manifest <image>`)? If so, user pods lack the pull secret, or the node cannot reach the registry; if not, the push failed unnoticed: rebuild with a new ref.",
	},
	{
		ID: "autoscale-failed", Title: "No node takes the user pod", Hop: HopSpawner,
		Match:    spawnFails("didn't trigger scale-up", "FailedScheduling", "nodes are available", "Insufficient cpu", "Insufficient memory"),
		Sentence: spawnSentence("No node has room for the user pod, and none is added"),
		Suspects: spawnSuspects("autoscale-failed", "user-scheduler-incompatible", "cold-launch-slow"),
		Remedy:   "`kubectl describe pod <user pod>` and the cluster-autoscaler's log: node group names, labels and taints after a recreate, the cloud's quota, the pool's maximum. With z2jh: is `user-scheduler` running?",
	},
	{
		ID: "launch-timeout", Title: "The user server takes too long to start", Hop: HopSpawner,
		Match: func(v *View) bool {
			return spawnFails("took too long to launch", "did not start in")(v) || emptySpawnFailure(v) || (stalls(v) && lastPhase(v.X) == "launching")
		},
		Sentence: func(v *View) string {
			if emptySpawnFailure(v) { // the hub's own time limit gives no reason
				return "The user server did not start within the hub's time limit: the hub gives up without a reason, as it does when its start_timeout is over"
			}
			return spawnSentence("The user server did not start within the hub's time limit")(v)
		},
		Suspects: spawnSuspects("launch-timeout", "spawn-http-timeout", "cold-launch-slow", "user-scheduler-incompatible", "autoscale-failed", "netpol-user-to-hub"),
		Remedy:   "`kubectl get pods -w` during a launch: Pending is scheduling, ContainerCreating is image or storage, Running is the way between hub and pod. Then `c.KubeSpawner.start_timeout`.",
	},
	{
		ID: "binder-to-hub-blocked", Title: "BinderHub cannot reach JupyterHub", Hop: HopBinderHub,
		Match: func(v *View) bool {
			_, ok := failed(v)
			return (ok && retried(v) && !holds(launching(v), "Server requested", "Spawning server", "Spawn failed", "Server ready")) || unhealthy(v, "JupyterHub API")
		},
		Sentence: func(v *View) string {
			if unhealthy(v, "JupyterHub API") {
				return "BinderHub's own health says that it cannot reach the JupyterHub API"
			}
			return fmt.Sprintf("All of BinderHub's launch attempts fail before the hub says anything (%s): BinderHub cannot reach the hub's API", failedWords(v))
		},
		Suspects: []string{"binder-to-hub-blocked", "hub-down", "cluster-dns-down", "hub-token-mismatch"},
		Remedy:   "From its pod: `kubectl exec deploy/binder -- curl -s $JUPYTERHUB_API_URL`. Label BinderHub's pod `hub.jupyter.org/network-access-hub: \"true\"` for the hub's NetworkPolicy; check `hub_url_local`; is the hub up?",
	},
	{
		ID: "kube-api-unreachable", Title: "The hub's spawn attempts all fail", Hop: HopSpawner,
		Match: func(v *View) bool {
			_, ok := failed(v)
			return ok && (retried(v) || holds(launching(v), "Spawn failed"))
		},
		Sentence: spawnSentence("The hub took the launch, but every attempt to spawn the server failed"),
		Suspects: spawnSuspects("kube-api-unreachable", "control-plane-cert-expired", "pod-create-rejected", "launch-timeout", "singleuser-entrypoint-mismatch"),
		Remedy:   "`kubectl logs deploy/hub | grep -A20 <user>`: can the hub speak to the Kubernetes API (expired certificates, RBAC, NetworkPolicy), and does the user pod's container stay up (`kubectl logs --previous`)?",
	},
	{
		ID: "sse-error-as-200", Title: "BinderHub refuses the launch", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return refusal(v, func(e launchEvent) bool { return e.StatusCode != 0 })
		},
		Sentence: func(v *View) string {
			e, _ := failed(v)
			return fmt.Sprintf("BinderHub refuses the launch by an event with status_code %d, inside an answer of status 200: %s", e.StatusCode, failedWords(v))
		},
		Suspects: []string{"sse-error-as-200", "health-false-green"},
		Remedy:   "Monitoring that reads only HTTP statuses does not see this one. BinderHub's log has the reason: `kubectl logs deploy/binder | grep -i error`.",
	},
}

// spawnSuspects puts health-false-green last: whatever broke the spawn, a green /health did not show it.
func spawnSuspects(ids ...string) []string { return append(slices.Clip(ids), "health-false-green") }

func spawnSentence(what string) func(*View) string {
	return func(v *View) string {
		words := spawnWords(v)
		if _, ok := failed(v); !ok { // it only stopped: nobody has said that it failed
			words = short(v.Fault.Got)
		}
		text := fmt.Sprintf("%s: %s", what, words)
		if _, ok := healthy(v); ok {
			text += " (BinderHub's /health is green all the same)"
		}
		return text
	}
}

// retried tells whether BinderHub tried to launch more than once.
func retried(v *View) bool { return holds(launching(v), "Launch attempt") }

// emptySpawnFailure is how a start timeout shows: the hub's reason is empty.
func emptySpawnFailure(v *View) bool {
	for _, e := range events(v.X) {
		if e.Message == "Spawn failed: \n" || e.Message == "Spawn failed: " {
			return true
		}
	}
	return false
}
