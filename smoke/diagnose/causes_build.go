package diagnose

import (
	"fmt"
	"slices"

	"binderhub-smoke/smoke/wire"
)

// buildCauses are of builds that failed, by the lines of their log: first what the cluster did to them, last what the
// repository did itself. In an image that cannot be built for want of a network, the tools complain of packages too.
var buildCauses = []Cause{
	{
		ID: "build-pod-rejected", Title: "Kubernetes refuses the build pod", Hop: HopBuilder,
		Match: buildSays("exceeded quota", "admission webhook", "is forbidden: ", "Error creating build pod"),
		Sentence: func(v *View) string {
			return fmt.Sprintf("Kubernetes refuses to create the build pod (%s)", logged(v, "exceeded quota", "admission webhook", "is forbidden: ", "Error creating build pod"))
		},
		Suspects: []string{"build-pod-rejected", "pod-create-rejected", "kube-api-unreachable"},
		Remedy:   "`kubectl get resourcequota,limitrange -n <build namespace>`; an admission policy against privileged or hostPath pods (dind's socket); RBAC of BinderHub's service account: `kubectl auth can-i create pods --as=system:serviceaccount:<namespace>:binderhub`.",
	},
	{
		ID: "build-disk-full", Title: "Builds run out of disk", Hop: HopBuilder,
		Match: buildSays(diskFull...),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The build ran out of disk (%s): the builder's node is full of images", logged(v, diskFull...))
		},
		Suspects: []string{"build-disk-full", "server-disk-full"},
		Remedy:   "`kubectl exec <dind pod> -- df -h /var/lib/docker` and `docker system prune -af` there; then `imageCleaner.enabled: true` with lower `imageGCThresholdHigh` (chart), or a larger disk for the build nodes. Podman and kaniko: their storage volume.",
	},
	{
		ID: "build-out-of-memory", Title: "Builds run out of memory", Hop: HopBuilder,
		Match: buildSays(outOfMemory...),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The build was killed for its memory (%s)", logged(v, outOfMemory...))
		},
		Suspects: []string{"build-out-of-memory", "repo-build-failed"},
		Remedy:   "Raise `KubernetesBuildExecutor.memory_limit` (older: `BinderHub.build_memory_limit`), and dind's own limits in the chart; a node that is short of memory kills builds without a limit too. If only this repository is so hungry, launch another one by SMOKE_SPEC.",
	},
	{
		ID: "registry-push-denied", Title: "The registry refuses the image", Hop: HopRegistry,
		Match: buildSays(pushDenied...),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The image was built, and the registry refuses it (%s)", logged(v, pushDenied...))
		},
		Suspects: []string{"registry-push-denied"},
		Remedy:   "The push secret in the build pods' namespace (`BinderHub.push_secret`): is it mounted, is the robot's token expired, does `BinderHub.image_prefix` name a project that it may write to, and exists?",
	},
	{
		ID: "registry-upload-refused", Title: "The way to the registry refuses large layers", Hop: HopRegistry,
		Match: func(v *View) bool { return pushing(v) && buildSays(uploadRefused...)(v) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The image was built, and what stands before the registry breaks its upload (%s)", logged(v, uploadRefused...))
		},
		Suspects: []string{"upload-timeout-502", "registry-upload-refused", "save-413"},
		Remedy: "The registry's own ingress: no limit on bodies (F5 `nginx.org/client-max-body-size: \"0\"`, community `proxy-body-size: \"0\"`), no buffering (`proxy-request-buffering: \"off\"`), timeouts of 600 s and more, at the entry point and at the provider (Traefik `respondingTimeouts.readTimeout`, `serversTransport.forwardingTimeouts`). " +
			"Does the builder speak to it inside the cluster? Then no ingress is needed.",
	},
	{
		ID: "registry-unreachable", Title: "Builds cannot reach the registry", Hop: HopRegistry,
		Match: func(v *View) bool { return pushing(v) && buildSays(noNetwork...)(v) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The image was built, and the builder cannot reach the registry (%s)", logged(v, noNetwork...))
		},
		Suspects: []string{"hairpin-refused", "registry-unreachable", "registry-lookup-broken", "build-network-broken", "cluster-dns-down"},
		Remedy:   "From the builder: `kubectl exec <dind pod> -- wget -qO- https://<registry>/v2/`. A registry behind the cluster's own public name needs a load balancer that lets its own cluster in, and NetworkPolicies that let build pods reach the ingress controller: after a change of controller they still name the old one's labels.",
	},
	{
		ID: "build-network-broken", Title: "Builds have no network", Hop: HopBuilder,
		Match: buildSays(noNetwork...),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The build could not reach the package servers (%s): build pods have no network or no DNS", logged(v, noNetwork...))
		},
		Suspects: []string{"build-network-broken", "cluster-dns-down", "hairpin-refused"},
		Remedy:   "dind's MTU against the cluster network's (`dind.daemonset.extraArgs: [--mtu=…]`), egress NetworkPolicies on build pods, NAT after the recreate, DNS inside dind (`kubectl exec <dind pod> -- nslookup pypi.org`).",
	},
	{
		ID: "builder-unreachable", Title: "The builder is not there", Hop: HopBuilder,
		Match: buildSays("Cannot connect to the Docker daemon", "docker.sock", "podman.sock", "Error while fetching server API version"),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The build pod finds no builder (%s)", logged(v, "Cannot connect to the Docker daemon", "docker.sock", "podman.sock", "Error while fetching server API version"))
		},
		Suspects: []string{"dind-socket-race", "builder-unreachable", "build-pod-unschedulable"},
		Remedy:   "`kubectl get pods -l component=dind -o wide` (or `docker-api`): one ready on the build pod's node? A directory in the place of the socket (`ls -ld /var/run/dind/docker.sock` on the node): remove it, then delete the dind pod.",
	},
	{
		ID: "repo-build-failed", Title: "The repository does not build", Hop: HopBuilder, Severity: Inconclusive,
		Match: buildSays(repoFaults...),
		Sentence: func(v *View) string {
			return fmt.Sprintf("The repository's own build fails (%s), and nothing in its log speaks of the cluster: builder and registry were not tested to the end", logged(v, repoFaults...))
		},
		Suspects: []string{"repo-build-failed", "build-network-broken", "build-out-of-memory"},
		Remedy:   "Launch a repository that is known to build: SMOKE_SPEC=gh/binder-examples/requirements/HEAD. If that fails too, it is the build image (`KubernetesBuildExecutor.build_image`, older `BinderHub.build_image`) or a package index that the cluster sees otherwise than we do (a mirror, a filter).",
	},
}

// Words of build logs, as docker, podman, apt, pip, conda and repo2docker write them.
var (
	diskFull      = []string{"no space left on device", "No space left on device", "Disk quota exceeded", "You don't have enough free space"}
	outOfMemory   = []string{"exit code 137", "exit status 137", "returned a non-zero code: 137", "OOMKilled", "Cannot allocate memory", "MemoryError", "ENOMEM"}
	pushDenied    = []string{"denied: ", "unauthorized: ", "unauthorized to access", "requested access to the resource is denied", "push access denied", "authentication required"}
	uploadRefused = []string{"unexpected HTTP status: 5", "unexpected status from PUT", "unexpected status from PATCH", "413 Request Entity Too Large", "HTTP 413", "unknown blob", "blob upload", "502 Bad Gateway", "504 Gateway"}
	noNetwork     = slices.Concat(unresolved, []string{"Connection timed out", "Network is unreachable", "No route to host", "ReadTimeoutError", "ConnectTimeoutError", "NewConnectionError", "CondaHTTPError", "CONNECTION FAILED",
		"Temporary failure resolving", "no such host", "i/o timeout", "TLS handshake timeout", "connect: connection refused", "Failed to establish a new connection"})
	repoFaults = []string{"No matching distribution found", "Could not find a version that satisfies", "ResolutionImpossible", "PackagesNotFoundError", "ResolvePackageNotFound", "UnsatisfiableError", "LibMambaUnsatisfiableError",
		"Unable to locate package", "does not exist (perhaps a typo", "SyntaxError", "InvalidRequirement", "failed to solve", "returned a non-zero code", "postBuild", "error: subprocess-exited-with-error", "no matching distribution"}
)

// buildSays matches a failed build by lines of its log.
func buildSays(words ...string) func(*View) bool {
	return func(v *View) bool { return buildFailed(v) && holds(buildLog(v), words...) }
}

// logged quotes the last line of the log that holds one of the words.
func logged(v *View, words ...string) string { return quote(lineWith(buildLog(v), words...)) }

// pushing tells whether the build had come to its push when it failed.
func pushing(v *View) bool {
	return slices.ContainsFunc(events(v.X), func(l launchEvent) bool { return l.Phase == "pushing" })
}

// buildFailed tells whether the launch ended in the build: it never reached the phase that launches.
func buildFailed(v *View) bool {
	e, ok := failed(v)
	started := slices.ContainsFunc(events(v.X), func(l launchEvent) bool { return l.Phase == "launching" })
	return ok && !started && e.StatusCode == 0 && v.X.Open.Type != wire.TypeWebSocket
}
