package diagnose

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// unresolved are the words of resolvers and HTTP clients that could not look a name up.
var unresolved = []string{"Temporary failure in name resolution", "Name or service not known", "Could not resolve host", "Failed to resolve", "getaddrinfo failed", "nodename nor servname"}

// binderhubCauses are what BinderHub itself says: mostly by an event "failed" inside an answer of status 200, since its
// /build turns every error into one (builder.py send_error).
var binderhubCauses = []Cause{
	{
		ID: "build-token-invalid", Title: "BinderHub does not accept its own build token", Hop: HopBinderHub,
		Match: saysFailed("Invalid build token"),
		Sentence: func(v *View) string {
			return "BinderHub refuses the build token that its own page gave a moment ago: the page and /build see different hosts, or different replicas"
		},
		Suspects: []string{"build-token-invalid", "host-header-nonlocal-403"},
		Remedy: "Pass the public name on: plain nginx `proxy_set_header Host $host;`, Apache `ProxyPreserveHost On`, and no middleware that rewrites Host or Origin. " +
			"With several replicas set one secret for all: `BinderHub.build_token_secret`.",
	},
	{
		ID: "github-rate-limit", Title: "GitHub limits BinderHub", Hop: HopBinderHub,
		Match:    saysFailed("GitHub rate limit exceeded"),
		Sentence: sentence("BinderHub has used up its GitHub rate limit: nobody can launch a GitHub repository until it renews"),
		Suspects: []string{"github-rate-limit"},
		Remedy:   "Give BinderHub credentials of its own: `GitHubRepoProvider.access_token` (or client id and secret), one for each deployment. Until then it comes back by itself within the hour.",
	},
	{
		ID: "binder-rate-limit", Title: "BinderHub limits our launches", Hop: HopBinderHub, Severity: Inconclusive,
		Match: func(v *View) bool {
			return refusal(v, func(e launchEvent) bool {
				return e.StatusCode == 429 || holds(e.Message, "Rate limit exceeded", "Rate limited")
			}) || (status(v.X) == 429 && v.Answer.Product == "BinderHub")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub's rate limit for this address is used up (%s): the launch was not tried", failedWords(v))
		},
		Suspects: []string{"binder-rate-limit", "rate-limit-self"},
		Remedy: "Run less often (10 launches an hour and address by default), or give the suite a token (SMOKE_TOKEN_FILE). For a workshop raise `RateLimiter.limit`. " +
			"If users meet it too, they may all share one address: pass it on by X-Forwarded-For.",
	},
	{
		ID: "datacenter-ip-ban", Title: "BinderHub bans our network", Hop: HopBinderHub, Severity: Inconclusive,
		Match: func(v *View) bool {
			return refusal(v, func(e launchEvent) bool { return banned.MatchString(e.Message) }) || (status(v.X) == 403 && banned.MatchString(body(v.X))) || bansAddress(v)
		},
		Sentence: func(v *View) string {
			return "BinderHub does not let this network launch (ban_networks): nothing behind it was tested"
		},
		Suspects: []string{"datacenter-ip-ban"},
		Remedy:   "Run the suite from an address that is not banned, or take it out of `BinderHub.ban_networks`. After a change of ingress make sure that bans still see client addresses.",
	},
	{
		ID: "quota-full", Title: "BinderHub is full", Hop: HopBinderHub, Severity: Inconclusive,
		Match: saysFailed("Too many users"),
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub is full (%s): the launch was not tried", failedWords(v))
		},
		Suspects: []string{"quota-full"},
		Remedy:   "Raise `KubernetesLaunchQuota.total_quota` or `BinderHub.per_repo_quota`, or cull idle servers sooner; if nobody is there, look for pods that were never removed.",
	},
	{
		ID: "repo-not-allowed", Title: "The repository may not be launched here", Hop: HopBinderHub, Severity: Inconclusive,
		Match: func(v *View) bool {
			return saysFailed("temporarily disabled from launching", "is not allowed", "not permitted")(v) || providerMissing(v)
		},
		Sentence: func(v *View) string {
			if providerMissing(v) {
				return fmt.Sprintf("BinderHub does not offer %s, only %s", v.Fault.Want, v.Fault.Got)
			}
			return fmt.Sprintf("BinderHub may not launch this repository (%s)", failedWords(v))
		},
		Suspects: []string{"repo-not-allowed"},
		Remedy:   "Set SMOKE_SPEC to a repository that the deployment allows (`RepoProvider.allowed_specs`, `banned_specs`, `BinderHub.repo_providers`).",
	},
	{
		ID: "leftover-state", Title: "Something of an earlier run is in the way", Hop: HopHub, Severity: Inconclusive,
		Match: func(v *View) bool {
			return v.Fault.Symptom == wire.Occupied || saysFailed("already has a running server", "already running")(v) || refusal(v, func(e launchEvent) bool { return e.StatusCode == 409 })
		},
		Sentence: sentence("A server of an earlier run still stands in the way of this one"),
		Suspects: []string{"leftover-state"},
		Remedy:   "Stop it in JupyterHub (`/hub/home`, or `DELETE /hub/api/users/<name>/server`) and run again; named servers allow several at once.",
	},
	{
		ID: "cluster-dns-down", Title: "Names do not resolve inside the cluster", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return saysFailed(unresolved...)(v) || (status(v.X) >= 500 && v.Answer.application() && holds(body(v.X), unresolved...))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub cannot look names up (%s): DNS inside the cluster is broken, or its pod may not ask", failedWords(v))
		},
		Suspects: []string{"cluster-dns-down", "ref-unresolvable", "binder-to-hub-blocked"},
		Remedy:   "`kubectl -n kube-system get pods -l k8s-app=kube-dns` and its log; `kubectl exec deploy/binder -- getent hosts github.com`. Then NetworkPolicies: egress to port 53, UDP and TCP, to the DNS pods and, on NodeLocal DNS, to its address.",
	},
	{
		ID: "git-host-unreachable", Title: "BinderHub cannot reach the repository's host", Hop: HopBinderHub,
		Match: saysFailed("Error resolving ref", "ls-remote", "unable to access"),
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub cannot reach the repository's host to resolve the ref (%s)", failedWords(v))
		},
		Suspects: []string{"ref-unresolvable", "cluster-dns-down", "github-rate-limit"},
		Remedy:   "From its pod: `kubectl exec deploy/binder -- curl -sI https://github.com`. Egress NetworkPolicies and NAT after a recreate; the host's own status page; credentials of the provider (`access_token` expired gives 401).",
	},
	{
		ID: "ref-no-longer-resolves", Title: "A ref that resolved before does not any more", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return unresolvable(v) && holds(v.Fault.Got, "it could be resolved in a run on record")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub finds no such repository or ref (%s), which it could find in an earlier run: its access to the git host is broken, or the ref was deleted", failedWords(v))
		},
		Suspects: []string{"ref-unresolvable", "github-rate-limit"},
		Remedy: "Is the ref still there: `git ls-remote https://github.com/<owner>/<repository>`? If it is: an expired or revoked `access_token` of the provider makes private repositories, and on some hosts all, look as if they were not there; " +
			"then a proxy or a firewall between BinderHub and the git host, which answers in its place: `kubectl exec deploy/binder -- git ls-remote …`.",
	},
	{
		ID: "ref-unresolvable", Title: "The ref does not resolve", Hop: HopBinderHub, Severity: Inconclusive,
		Match: unresolvable,
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub finds no such repository or ref (%s): the launch was not tried", failedWords(v))
		},
		Suspects: []string{"ref-unresolvable"},
		Remedy:   "Check SMOKE_SPEC: does the branch exist, is the repository public? If other repositories fail too, BinderHub's access to the git host or its token is broken.",
	},
	{
		ID: "registry-lookup-broken", Title: "BinderHub cannot ask its registry", Hop: HopRegistry,
		Match: func(v *View) bool { return unhealthy(v, "Docker registry") },
		Sentence: func(v *View) string {
			return "BinderHub's own health says that it cannot reach its Docker registry"
		},
		Suspects: []string{"registry-lookup-broken", "cluster-dns-down", "hairpin-refused"},
		Remedy:   "Check `DockerRegistry.url`, `token_url` and the credentials' expiry; from BinderHub's pod: `curl -sI https://<registry>/v2/`.",
	},
	{
		ID: "health-crashes", Title: "BinderHub's health check itself fails", Hop: HopBinderHub,
		Match: func(v *View) bool {
			return v.In("*/health") && v.Answer.application() && status(v.X) >= 500 && !strings.HasPrefix(trimmed(v.X), "{")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("BinderHub's /health crashes: it answers %s without the JSON of its checks", say(status(v.X)))
		},
		Suspects: []string{"health-crashes", "kube-api-unreachable", "control-plane-cert-expired"},
		Remedy:   "`kubectl logs deploy/binder | grep -A20 Traceback`: most often the Kubernetes API is unreachable (RBAC, expired certificates, a NetworkPolicy) or the registry's configuration cannot be read.",
	},
}

// unresolvable is a launch whose repository or ref BinderHub could not find (binderhub/builder.py).
var unresolvable = saysFailed("Could not resolve ref", "No provider found for prefix")

// providerMissing tells whether BinderHub's list of repository providers lacks the one that we launch from.
func providerMissing(v *View) bool {
	return v.In("binder-host/providers") && v.Fault.Symptom == wire.Content && v.Fault.Inconclusive
}

// bansAddress is BinderHub's bare 403 to somebody whom it was told nothing about, where it answers /health and /versions, which
// it opens to everybody. For want of a login it would have redirected (binderhub/base.py check_request_ip).
func bansAddress(v *View) bool {
	if status(v.X) != 403 || v.Answer.Hop != HopBinderHub || sent(v.X, "Authorization") != "" || sent(v.X, "Cookie") != "" {
		return false
	}
	_, open := v.Other(func(x *wire.Exchange) bool {
		p := urlOf(x).Path
		return v.SameHost(x) && status(x) == 200 && byApplication(x) && (strings.HasSuffix(p, "/health") || strings.HasSuffix(p, "/versions"))
	})
	return open
}

var banned = regexp.MustCompile(`Requests from .* are not allowed`)

// unhealthy tells whether BinderHub's health report names a service as not ok (binderhub/health.py).
func unhealthy(v *View, service string) bool {
	var report struct {
		Checks []struct {
			Service string
			OK      bool
		}
	}
	if json.Unmarshal([]byte(body(v.X)), &report) != nil {
		return false
	}
	for _, c := range report.Checks {
		if strings.EqualFold(c.Service, service) && !c.OK {
			return true
		}
	}
	return false
}

// healthy returns the health check of this run that found nothing wrong.
func healthy(v *View) (*wire.Exchange, bool) {
	return v.Other(func(x *wire.Exchange) bool {
		return strings.HasSuffix(urlOf(x).Path, "/health") && x.Open.Role == wire.RoleBinder && status(x) == 200 && strings.Contains(body(x), `"ok": true`)
	})
}
