package diagnose

import (
	"fmt"

	"binderhub-smoke/smoke/wire"
)

// builds is a build that prints lines in a phase, and fails.
func builds(phase string, lines ...string) func(*hand) {
	events := []string{`{"phase": "waiting", "message": "Waiting for build to start...\n"}`}
	for _, l := range lines {
		events = append(events, fmt.Sprintf(`{"phase": %q, "message": %q}`, phase, l+"\n"))
	}
	return launchFails(append(events, `{"phase": "failed", "message": "Error during build"}`, `{"phase": "failed"}`)...)
}

var (
	_ = known("build-disk-full", signature{name: "a layer", hop: HopBuilder, make: builds("building", "Step 40/50 : RUN pip install x", "write /usr/lib/x: no space left on device")})
	_ = known("build-out-of-memory", signature{name: "killed", hop: HopBuilder, make: builds("building", "Solving environment: Killed", "The command '/bin/sh -c conda env update' returned a non-zero code: 137")})
	_ = known("build-pod-rejected", signature{name: "quota", hop: HopBuilder, make: launchFails(failedEvent(0, `Error creating build pod: pods "build-x" is forbidden: exceeded quota: compute`))})
	_ = known("builder-unreachable", signature{name: "dind", hop: HopBuilder, suspects: []string{"dind-socket-race"}, make: builds("building", "docker.errors.DockerException: Error while fetching server API version: Connection aborted, FileNotFoundError")})
	_ = known("registry-upload-refused", signature{name: "502 of its ingress", hop: HopRegistry, suspects: []string{"upload-timeout-502"}, make: builds("pushing", "received unexpected HTTP status: 502 Bad Gateway")})
	_ = known("registry-unreachable", signature{name: "hairpin", hop: HopRegistry, suspects: []string{"hairpin-refused"}, make: builds("pushing", `Put "https://registry.example.org/v2/": dial tcp 192.0.2.1:443: connect: connection refused`)})
	_ = known("repo-build-failed",
		signature{name: "pip", severity: Inconclusive, hop: HopBuilder, make: builds("building", "ERROR: Could not find a version that satisfies the requirement numpyy", "ERROR: No matching distribution found for numpyy")},
		signature{name: "conda", severity: Inconclusive, make: builds("building", "ResolvePackageNotFound: \n  - numpyy")},
	)
	_ = known("build-network-broken", signature{name: "pip complains of packages too", hop: HopBuilder,
		make: builds("building", "WARNING: Retrying after connection broken by 'NewConnectionError': Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", "ERROR: No matching distribution found for numpy")})
	_ = known("dockerhub-rate-limit", signature{name: "the base image", hop: HopRegistry, make: builds("building", "toomanyrequests: You have reached your pull rate limit.")})
	_ = known(Unrecognised, signature{name: "a build that fails without a reason", make: builds("building", "Step 1/50 : FROM buildpack-deps:jammy")})
)

var _ = known("stream-garbled",
	signature{name: "a page in the stream", hop: HopIngress, make: garbled("<html><head><title>502 Bad Gateway</title></head>")},
	signature{name: "no JSON", hop: HopIngress, make: garbled("hello")},
)

func garbled(line string) func(*hand) {
	return func(h *hand) {
		id := h.build(0, "", builtEvent, line)
		h.fails("launch/build", wire.Malformed, line, id)
	}
}

var _ = known("ready-without-url", signature{name: "only built", hop: HopBinderHub, suspects: []string{"api-only-mode"},
	make: tells("launch/spawn", "fail", wire.Content, "the URL of a user server in ready", "none", builtAnewEvent)})
