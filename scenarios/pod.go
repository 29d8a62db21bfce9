package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// Pod proves that a user pod reaches what it should and not what it must not. It asks from within, by cells of a kernel.
func Pod(j *Journey) smoke.Scenario {
	p := &pod{Journey: j}
	return smoke.Scenario{
		Name:   "pod",
		Proves: "a user pod reaches what it should and not what it must not",
		Needs:  []string{"kernel/execute"},
		Raw:    true,
		Steps: []smoke.Step{
			{Name: "dns", Budget: 90 * time.Second, Do: p.dns},
			{Name: "egress", Budget: 60 * time.Second, Independent: true, Do: p.egress},
			{Name: "hairpin", Budget: 60 * time.Second, Independent: true, Do: p.hairpin},
			{Name: "isolation", Budget: 60 * time.Second, Independent: true, Do: p.isolation},
			{Name: "stop", Budget: 10 * time.Second, Always: true, Do: p.stop},
		},
	}
}

// pod is a kernel that answers questions about its network.
type pod struct {
	*Journey
	kernel  jupyter.Kernel
	channel *jupyter.Channel
}

// ask runs Python that prints one JSON value, and reads it. The kernel is started when first needed.
func (p *pod) ask(ctx context.Context, code string, answer any) error {
	if err := p.start(ctx); err != nil {
		return err
	}
	out, err := p.channel.Execute(ctx, code)
	switch {
	case err != nil:
		return err
	case out.Status != "ok":
		return p.channel.Fault(wire.CellError, "a cell that runs", out.Status+" "+out.Error)
	}
	if err := json.Unmarshal([]byte(out.Text), answer); err != nil {
		return p.channel.Fault(wire.WrongOutput, "JSON", fmt.Sprintf("%.200q", out.Text))
	}
	return nil
}

func (p *pod) start(ctx context.Context) error {
	if p.channel != nil {
		return nil
	}
	spec, err := p.raw.DefaultKernelspec(ctx)
	switch {
	case err != nil:
		return err
	case spec.Language != "python":
		return smoke.Skip("the server's kernel does not speak Python")
	}
	if p.kernel, err = p.raw.StartKernel(ctx, spec.Name); err != nil {
		return err
	}
	p.channel, err = p.raw.OpenChannel(ctx, p.kernel.ID)
	return err
}

// attempt is what came of one look-up or connection from within the pod: "" when it succeeded.
type attempt struct {
	Name  string
	Error string
}

// lookUp resolves names; connect opens TCP connections; both say for each what came of it. Names are passed as JSON, which
// is Python too where there are only strings.
const (
	lookUp = `
import json, socket
def one(name):
    try:
        socket.getaddrinfo(name, 443)
        return ""
    except Exception as e:
        return type(e).__name__ + ": " + str(e)
print(json.dumps([{"Name": n, "Error": one(n)} for n in %s]))`
	connect = `
import json, socket
from concurrent.futures import ThreadPoolExecutor
def one(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        return ""
    except Exception as e:
        return type(e).__name__ + ": " + str(e)
addresses = %s
with ThreadPoolExecutor(8) as pool:
    print(json.dumps([{"Name": a, "Error": e} for a, e in zip(addresses, pool.map(one, addresses))]))`
	// request asks over HTTP, at a given address, as a client of that host name. Whether the pod trusts the certificate is not
	// the question here, and the suite's own authority is not known there: what answers is enough. No secret is sent.
	request = `
import json, ssl, http.client, socket
def one(scheme, host, address, path, agent):
    at, _, port = address.rpartition(":")
    try:
        c = http.client.HTTPConnection(host, timeout=10)
        s = socket.create_connection((at.strip("[]"), int(port)), timeout=10)
        c.sock = ssl._create_unverified_context().wrap_socket(s, server_hostname=host) if scheme == "https" else s
        c.request("GET", path, headers={"User-Agent": agent})
        status = c.getresponse().status
        return "" if status < 500 else "HTTP status %%d" %% status
    except Exception as e:
        return type(e).__name__ + ": " + str(e)
print(json.dumps([{"Name": h, "Error": one(s, h, a, p, u)} for s, h, a, p, u in %s]))`
)

func (p *pod) attempts(ctx context.Context, code string, arguments any) ([]attempt, error) {
	encoded, err := json.Marshal(arguments)
	if err != nil {
		return nil, err
	}
	var came []attempt
	return came, p.ask(ctx, fmt.Sprintf(code, encoded), &came)
}

// dns resolves from within what the pod is to reach by name.
func (p *pod) dns(ctx context.Context) error {
	names := p.names()
	if len(names) == 0 {
		return smoke.Skip("there is no public name to try")
	}
	came, err := p.attempts(ctx, lookUp, names)
	if err != nil {
		return err
	}
	return p.judge("DNS in the user pod", "an address for", came)
}

// names are those of the target's hosts that DNS knows, and of what egress names.
func (p *pod) names() []string {
	var names []string
	for _, u := range p.hosts() {
		if _, given := p.Target.Resolve[hostPort(u)]; !given && !isAddress(u.Hostname()) {
			names = append(names, u.Hostname())
		}
	}
	for _, e := range p.Target.Egress {
		if host, _, err := net.SplitHostPort(e); err == nil && !isAddress(host) {
			names = append(names, host)
		}
	}
	return names
}

// hosts are the target's public hosts, each once.
func (p *pod) hosts() []*url.URL {
	var hosts []*url.URL
	if binder := p.Timeline.Places().Binder(); binder != nil {
		hosts = append(hosts, binder)
	}
	if hub := p.Timeline.Places().Hub(); hub != nil && (len(hosts) == 0 || hub.Host != hosts[0].Host) {
		hosts = append(hosts, hub)
	}
	return hosts
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// judge makes a fault of the first attempt that failed.
func (p *pod) judge(subject, want string, came []attempt) error {
	for _, a := range came {
		if a.Error != "" {
			return p.fault(subject, wire.Unreached, want+" "+a.Name, a.Error)
		}
	}
	return nil
}

// fault is what a question to the kernel proves, about something else than its websocket.
func (p *pod) fault(subject string, symptom wire.Symptom, want, got string) *wire.Fault {
	f := p.channel.Fault(symptom, want, got)
	f.Subject = subject + ", asked of its kernel"
	return f
}

// egress connects from within to what the user says must be reachable.
func (p *pod) egress(ctx context.Context) error {
	if len(p.Target.Egress) == 0 {
		return smoke.Skip("no egress is given for this target")
	}
	came, err := p.attempts(ctx, connect, p.Target.Egress)
	if err != nil {
		return err
	}
	return p.judge("Egress from the user pod", "a connection to", came)
}

// hairpin asks the deployment's public hosts from within: clusters often cannot reach their own public address.
func (p *pod) hairpin(ctx context.Context) error {
	var asked [][5]string
	for _, u := range p.hosts() {
		at := hostPort(u)
		if given, ok := p.Target.Resolve[at]; ok {
			at = given
		}
		path := u.Path + "versions"
		if u.Host != p.hosts()[0].Host {
			path = u.Path + "hub/api/"
		}
		asked = append(asked, [5]string{u.Scheme, u.Hostname(), at, path, p.UserAgent()})
	}
	came, err := p.attempts(ctx, request, asked)
	if err != nil {
		return err
	}
	return p.judge("The user pod's way to the deployment's own public hosts", "an HTTP answer of", came)
}

// isolation tries from within what must not be reached. That the cloud's metadata answers is a fault: it hands out
// credentials. An answer of the Kubernetes API or of CHP's is a warning.
func (p *pod) isolation(ctx context.Context) error {
	forbidden := append([]string(nil), p.Target.Isolation...)
	if p.Target.Metadata != "" && !p.here() {
		forbidden = append(forbidden, p.Target.Metadata)
	}
	reached, err := p.reached(ctx, forbidden)
	switch {
	case err != nil:
		return err
	case reached != "":
		return p.fault("The user pod's isolation", wire.Reached, "no connection to "+reached, "a connection")
	}
	inside, err := p.within(ctx)
	switch {
	case err != nil:
		return err
	case len(forbidden) == 0 && len(inside) == 0:
		return smoke.Skip("there is nothing that must not be reached")
	}
	if reached, err = p.reached(ctx, inside); err != nil || reached == "" {
		return err
	}
	return smoke.Warn(p.fault("The user pod's isolation", wire.Reached, "no connection to the cluster's API at "+reached, "a connection"))
}

// reached is the first of some addresses that takes a connection from within, or empty.
func (p *pod) reached(ctx context.Context, addresses []string) (string, error) {
	if len(addresses) == 0 {
		return "", nil
	}
	came, err := p.attempts(ctx, connect, addresses)
	for _, a := range came {
		if a.Error == "" {
			return a.Name, err
		}
	}
	return "", err
}

// within finds the addresses of the cluster's own APIs, Kubernetes' and CHP's, where the pod says that it is in a cluster.
func (p *pod) within(ctx context.Context) (inside []string, err error) {
	err = p.ask(ctx, `
import json, os
e = os.environ
found = [(e.get("KUBERNETES_SERVICE_HOST"), e.get("KUBERNETES_SERVICE_PORT", "443")), (e.get("PROXY_API_SERVICE_HOST"), e.get("PROXY_API_SERVICE_PORT", "8001"))]
print(json.dumps([("[%s]:%s" if ":" in h else "%s:%s") % (h, p) for h, p in found if h]))`, &inside)
	return inside, err
}

// here tells whether the hub is on this very machine: then a user server is no pod, and its network is ours.
func (p *pod) here() bool {
	for _, u := range p.hosts() {
		host := u.Hostname()
		if given, ok := p.Target.Resolve[hostPort(u)]; ok {
			host, _, _ = net.SplitHostPort(given)
		}
		if at, err := netip.ParseAddr(host); err == nil && at.IsLoopback() || strings.EqualFold(host, "localhost") {
			return true
		}
	}
	return false
}

// hostPort is a URL's host with the port that its scheme implies.
func hostPort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "https":
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

func (p *pod) stop(ctx context.Context) error {
	if p.channel != nil {
		p.channel.Close()
	}
	if p.kernel.ID == "" {
		return smoke.Skip("no kernel was started")
	}
	if p.interrupted() {
		return errWhole
	}
	return p.raw.StopKernel(ctx, p.kernel.ID)
}
