package diagnose

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// insideCauses are of what a kernel was asked and has answered: the network of its pod, its software, its cells. Their
// symptoms leave nothing open, so they come before all causes that look at the exchange: a kernel's websocket may well be
// lost after it has told us.
var insideCauses = []Cause{
	{
		ID: "pod-dns-broken", Title: "Names do not resolve inside user pods", Hop: HopPod,
		Match: func(v *View) bool { return v.Fault.Symptom == wire.Unreached && (v.In("pod/dns") || unnamed(v)) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("A user pod cannot look up %s (%s): downloads and installs in notebooks fail", name(v), said(v))
		},
		Suspects: []string{"pod-dns-broken", "cluster-dns-down", "pod-egress-blocked"},
		Remedy: "In a notebook: `!cat /etc/resolv.conf` and `!getent hosts pypi.org`. NetworkPolicies must let user pods ask DNS, port 53 by UDP and TCP, at kube-dns and at NodeLocal DNS's address " +
			"(z2jh: `singleuser.networkPolicy.egressAllowRules.dnsPortsKubeSystemNamespace` and `dnsPortsCloudMetadataServer`). If BinderHub's pod cannot either, it is CoreDNS: `kubectl -n kube-system get pods -l k8s-app=kube-dns`.",
	},
	{
		ID: "hairpin-refused", Title: "Pods cannot reach the deployment's own public host", Hop: HopPod,
		Match: func(v *View) bool { return v.In("pod/hairpin") && v.Fault.Symptom == wire.Unreached },
		Sentence: func(v *View) string {
			if holds(v.Fault.Got, "HTTP status") {
				return fmt.Sprintf("From within a user pod the public host %s answers with %s, though it serves us: the way from inside leads to another ingress, or to none", asked(v), said(v))
			}
			return fmt.Sprintf("A user pod cannot reach the deployment's own public host %s (%s), though we can from outside", asked(v), said(v))
		},
		Suspects: []string{"hairpin-refused", "pod-egress-blocked"},
		Remedy: "Does `!getent hosts <host>` in a notebook give the load balancer's address? Many load balancers do not take connections from their own cluster: give it a host name in place of an address " +
			"(`service.beta.kubernetes.io/do-loadbalancer-hostname`, `loadbalancer.openstack.org/hostname` and their like), `externalTrafficPolicy: Cluster`, or resolve the name to the ingress's cluster address inside. " +
			"Then NetworkPolicies: z2jh's user pods may leave only to public addresses (`singleuser.networkPolicy.egressAllowRules.privateIPs`), and inside the cluster the public one becomes the controller's pods: let `singleuser.networkPolicy.egress` name the new controller's namespace and labels.",
	},
	{
		ID: "pod-egress-blocked", Title: "User pods cannot reach what they should", Hop: HopPod,
		Match: func(v *View) bool { return v.Fault.Symptom == wire.Unreached },
		Sentence: func(v *View) string {
			if holds(v.Fault.Got, "refused") {
				return fmt.Sprintf("A user pod's connection to %s is refused at once: nothing listens there, or a policy rejects it", asked(v))
			}
			return fmt.Sprintf("A user pod cannot connect to %s (%s): its way out of the cluster is closed", asked(v), said(v))
		},
		Suspects: []string{"pod-egress-blocked", "hairpin-refused"},
		Remedy: "`kubectl get networkpolicy` and z2jh's `singleuser.networkPolicy.egressAllowRules` (`nonPrivateIPs`; single ports by `singleuser.networkPolicy.egress`). " +
			"After a recreate: NAT gateway, routes and firewall of the nodes' new subnet. From a node: `curl -sI https://pypi.org`; if that hangs too, it is not a NetworkPolicy.",
	},
	{
		ID: "netpol-not-enforced", Title: "User pods reach what they must not", Hop: HopPod,
		Match:    func(v *View) bool { return v.Fault.Symptom == wire.Reached },
		Sentence: reachedSentence,
		Suspects: []string{"netpol-not-enforced"},
		Remedy: "Does the cluster's network enforce NetworkPolicies at all (Calico, Cilium; on GKE and AKS chosen when the cluster is created, on EKS a setting of the VPC CNI)? Then z2jh: `singleuser.networkPolicy.enabled: true`, `singleuser.cloudMetadata.blockWithIptables: true`, " +
			"`singleuser.networkPolicy.egressAllowRules.cloudMetadataServer: false` and `privateIPs: false`.",
	},
	{
		ID: "version-drift", Title: "Not the software that was to be deployed answers",
		Match:    func(v *View) bool { return v.Fault.Symptom == wire.Unexpected || lacksNotebook(v) },
		Sentence: driftSentence,
		Suspects: []string{"version-drift"},
		Likelier: func(v *View) []string {
			if host(v.Role()) == "binder" && len(versionsTold(v)) > 1 {
				return []string{"one-of-n-bad", "image-puller-hook-timeout", "dns-points-to-old-lb"}
			}
			if host(v.Role()) == "binder" {
				return []string{"image-puller-hook-timeout", "dns-points-to-old-lb", "stale-upstream-dns", "version-drift"}
			}
			return []string{"stale-image", "push-failure-unnoticed", "server-lib-regression", "version-drift"}
		},
		Remedy: "BinderHub: `helm history <release>` and `kubectl rollout status deploy/binder`: a hook that ran out of time (image puller) leaves half of a release; does DNS already point to the new cluster? " +
			"The kernel's environment: was the image built from the ref that is meant? An unpinned environment changes with each build; pin it, or correct `expect` in the target's settings.",
	},
	{
		ID: "cell-error", Title: "A cell raises", Hop: HopKernel,
		Match:    func(v *View) bool { return v.Fault.Symptom == wire.CellError },
		Sentence: cellSentence,
		Suspects: []string{"cell-error", "server-lib-regression", "version-drift"},
		Likelier: func(v *View) []string {
			switch {
			case holds(v.Fault.Got, unresolved...):
				return []string{"pod-dns-broken"}
			case holds(v.Fault.Got, noNetwork...):
				return []string{"pod-egress-blocked"}
			}
			return nil
		},
		Remedy: "Open the notebook in a binder of this deployment and run it. ModuleNotFoundError: the image lacks a package, or the kernel runs in another environment than the one it was installed into. " +
			"An error of the network: see the scenario `pod`. If it raises on another BinderHub too, the repository is at fault: mend it, or take the notebook out of `notebooks`.",
	},
}

// unnamed is a failed attempt of Python's that never came to a connection: the name had no address.
func unnamed(v *View) bool {
	return strings.HasPrefix(v.Fault.Got, "gaierror") || holds(v.Fault.Got, unresolved...)
}

// asked is what the pod was to reach: the last word of what was expected.
func asked(v *View) string { return v.Fault.Want[strings.LastIndex(v.Fault.Want, " ")+1:] }

// name is asked without a port.
func name(v *View) string {
	if host, _, err := net.SplitHostPort(asked(v)); err == nil {
		return host
	}
	return asked(v)
}

// said is what Python said of it, without the name of the exception's class where the text says it all.
func said(v *View) string {
	class, text, found := strings.Cut(v.Fault.Got, ": ")
	if !found || strings.TrimSpace(text) == "" || strings.Contains(class, " ") {
		return short(v.Fault.Got)
	}
	return short(text)
}

// metadata are the addresses at which clouds hand out the credentials of their machines: AWS, Azure, Google, OpenStack and
// others; AWS by IPv6; Alibaba; Oracle.
var metadata = []string{"169.254.169.254:", "[fd00:ec2::254]:", "100.100.100.200:", "192.0.0.192:", "metadata.google.internal:"}

func reachedSentence(v *View) string {
	at := asked(v)
	i := slices.IndexFunc(metadata, func(address string) bool { return strings.HasPrefix(at, address) })
	switch {
	case i >= 0:
		return fmt.Sprintf("A user pod can connect to the cloud's metadata address %s, which hands out the credentials of the node", at)
	case v.Warning():
		return fmt.Sprintf("A user pod can connect to the cluster's API at %s: nothing keeps users' code away from it but its own login", at)
	}
	return fmt.Sprintf("A user pod can connect to %s, which it must not reach: no NetworkPolicy stops it", at)
}

// lacksNotebook tells whether the repository, as it is in the image, has no notebook where the settings name one.
func lacksNotebook(v *View) bool {
	return v.In("kernel/notebooks") && status(v.X) == 404 && v.Answer.Hop == HopServer
}

func driftSentence(v *View) string {
	lacks, without := strings.CutPrefix(v.Fault.Got, "no ")
	switch {
	case lacksNotebook(v):
		_, path, _ := strings.Cut(urlOf(v.X).Path, "/api/contents/")
		return fmt.Sprintf("The server has no notebook %s: the image was not built from the ref that is meant, or the settings name another one", quote(path))
	case host(v.Role()) == "binder" && len(versionsTold(v)) > 1:
		return fmt.Sprintf("Two releases of BinderHub answer by turns (%s): expected was %s", strings.Join(versionsTold(v), " and "), v.Fault.Want)
	case host(v.Role()) == "binder":
		return fmt.Sprintf("BinderHub is not the one that was to be deployed: it says %s, expected was %s", quote(v.Fault.Got), v.Fault.Want)
	case without:
		return fmt.Sprintf("The kernel has no %s, of %s that were expected: its image is not the one that is meant", lacks, v.Fault.Want)
	}
	return fmt.Sprintf("The kernel's version is %s, expected was %s: its image is not the one that is meant", v.Fault.Got, v.Fault.Want)
}

// versionsTold are the different versions that /versions told in this run, in order.
func versionsTold(v *View) []string {
	var told []string
	for _, x := range v.All {
		var answer struct{ BinderHub string }
		if !strings.HasSuffix(urlOf(x).Path, "/versions") || x.Open.Role != wire.RoleBinder || json.Unmarshal([]byte(body(x)), &answer) != nil {
			continue
		}
		if answer.BinderHub != "" && !slices.Contains(told, answer.BinderHub) {
			told = append(told, answer.BinderHub)
		}
	}
	slices.Sort(told)
	return told
}

func cellSentence(v *View) string {
	raised := strings.TrimSpace(strings.TrimPrefix(v.Fault.Got, "error "))
	which, ofNotebook := strings.CutSuffix(v.Fault.Want, " to run")
	if ofNotebook {
		return fmt.Sprintf("The kernel is fine, and %s raises %s", which, quote(raised))
	}
	return fmt.Sprintf("The kernel answers, and a cell that runs in any Python raises %s", quote(raised))
}
