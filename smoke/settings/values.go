package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"binderhub-smoke/smoke"
)

// draft is what values are written into.
type draft struct {
	run    *smoke.Settings
	target *smoke.Target
	ids    IDs
	blind  bool   // credentials are not read: the target does not run
	where  string // of the value that is being taken
	parts  parts  // of credentials
	rounds rounds // of soak mode
}

const mustURL = "an absolute http or https URL without credentials, query or fragment"

const mustSwitch = "on or off"

func takeNothing(*draft, string) error { return nil }

func takeKind(d *draft, s string) error {
	d.target.Kind = smoke.Kind(s)
	return oneOf(s, string(smoke.KindBinderHub), string(smoke.KindJupyterHub))
}

func takeBinder(d *draft, s string) (err error) {
	d.target.Binder, err = baseURL(s)
	return err
}

func takeHub(d *draft, s string) (err error) {
	d.target.Hub, err = baseURL(s)
	return err
}

// baseURL reads a URL that others are made from: its path ends in a slash.
func baseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read as a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it begins neither with http:// nor with https://")
	case u.Opaque != "" || !validHost(u.Hostname()):
		return nil, errors.New("it has no host name")
	case strings.HasSuffix(u.Host, ":") || (u.Port() != "" && !validPort(u.Port())):
		return nil, errors.New("its port is none")
	case u.User != nil:
		return nil, errors.New("it has credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return nil, errors.New("it has a query or a fragment")
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return nil, errors.New("its path has ..")
	}
	u.Host = strings.ToLower(u.Host)
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?$`)

func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && hostName.MatchString(s) && !strings.Contains(s, "..")
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

var specForm = regexp.MustCompile(`^[a-z0-9]+(/[^/\s?#]+)+$`)

func takeSpec(d *draft, s string) error {
	if !specForm.MatchString(s) || slices.Contains(strings.Split(s, "/"), "..") || len(s) > 1000 {
		return errors.New("")
	}
	d.target.Spec = s
	return nil
}

func takeApp(d *draft, s string) error {
	d.target.App = smoke.App(s)
	return oneOf(s, string(smoke.AppLab), string(smoke.AppNotebook))
}

func takeUI(d *draft, s string) error {
	d.target.UI = s == "on"
	return oneOf(s, "on", "off")
}

// takeForm takes YAML's words for a truth value too.
func takeForm(d *draft, s string) error {
	d.target.Form = s == "true" || s == "on"
	return oneOf(s, "true", "false", "on", "off")
}

func takeHeaded(d *draft, s string) error {
	d.run.Headed = s == "on" || s == "1"
	return oneOf(s, "on", "off", "1", "0")
}

func takeBrowser(d *draft, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme) {
		return errors.New("it is no such URL")
	}
	d.run.Browser = s
	return nil
}

func takeFlaky(d *draft, s string) error {
	d.run.FlakyFails = s == "fail"
	return oneOf(s, "pass", "fail")
}

func oneOf(s string, known ...string) error {
	if slices.Contains(known, s) {
		return nil
	}
	return errors.New("")
}

// takeResolve reads host:port=address[:port].
func takeResolve(d *draft, s string) error {
	from, to, ok := strings.Cut(s, "=")
	host, port, err := net.SplitHostPort(from)
	if !ok || err != nil || !validHost(host) || !validPort(port) {
		return errors.New("left of = there must be host:port")
	}
	address, err := addressPort(to, port)
	if err != nil {
		return err
	}
	key := net.JoinHostPort(strings.ToLower(host), port)
	if d.target.Resolve == nil {
		d.target.Resolve = map[string]string{}
	}
	if _, twice := d.target.Resolve[key]; twice {
		return fmt.Errorf("%s is given twice", key)
	}
	d.target.Resolve[key] = address
	return nil
}

// addressPort completes an IP address with a port unless it has one.
func addressPort(s, port string) (string, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() > 0 {
		return ap.String(), nil
	}
	bare, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		bare = strings.TrimSuffix(bare, "]")
	}
	a, err := netip.ParseAddr(bare)
	if err != nil || a.Is6() != bracketed {
		return "", errors.New("right of = there must be an IP address, with or without a port")
	}
	return net.JoinHostPort(a.String(), port), nil
}

func takeCA(d *draft, file string) error {
	pem, err := readBounded(file, 1<<20)
	if err != nil {
		return err
	}
	if err := certificates(pem); err != nil {
		return err
	}
	d.target.CA, d.target.CAFile = pem, file
	return nil
}

func takeScenario(d *draft, s string) error {
	d.target.Scenarios = append(d.target.Scenarios, s)
	return d.ids.check(s)
}

func takeSkip(d *draft, s string) error {
	d.target.Skip = append(d.target.Skip, s)
	return d.ids.check(s)
}

func takeName(_ *draft, s string) error {
	label, _, labelled := strings.Cut(s, "=")
	switch {
	case labelled && !labelName.MatchString(label):
		return errors.New("left of = there must be a label's name")
	case !labelled && !targetName.MatchString(s):
		return errors.New("a name is made of a-z, 0-9 and -")
	}
	return nil
}

func takeConcurrency(d *draft, s string) (err error) {
	d.run.Concurrency, err = number(s, 100)
	return err
}

func takeRepeat(d *draft, s string) (err error) {
	d.target.Repeat, err = number(s, 1000)
	return err
}

func number(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, errors.New("")
	}
	return n, nil
}

func takeIdle(d *draft, s string) (err error) {
	d.target.Idle, err = duration(s, 0, time.Hour)
	return err
}

func takeRebuild(d *draft, s string) error {
	d.target.Rebuild = s == "on"
	return oneOf(s, "off", "on")
}

func takeTimeout(d *draft, s string) (err error) {
	d.run.Timeout, err = duration(s, 10*time.Second, 24*time.Hour)
	return err
}

func takeGrace(d *draft, s string) (err error) {
	d.run.Grace, err = duration(s, 0, 10*time.Minute)
	return err
}

func duration(s string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && regexp.MustCompile(`^[0-9]+$`).MatchString(s):
		return 0, errors.New("the unit is missing")
	case err != nil:
		return 0, errors.New("")
	case d < least || d > most:
		return 0, errors.New("out of range")
	}
	return d, nil
}

func takeOut(d *draft, dir string) error {
	d.run.Out = dir
	return directory(dir)
}

func takeState(d *draft, dir string) error {
	d.run.State = dir
	return directory(dir)
}

// directory refuses what is there and is none. What is not there yet is made when it is first written.
func directory(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return errors.New("that is a file")
	}
	return nil
}
