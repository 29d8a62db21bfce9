package settings

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

const mustHostPort = "host:port, an IPv6 address in brackets"

func takeMetadata(d *draft, s string) (err error) {
	if s == "off" {
		d.target.Metadata = ""
		return nil
	}
	d.target.Metadata, err = hostPort(s)
	return err
}

func takeEgress(d *draft, s string) error {
	at, err := hostPort(s)
	if err != nil {
		return err
	}
	return addOnce(&d.target.Egress, at)
}

func takeIsolation(d *draft, s string) error {
	at, err := hostPort(s)
	if err != nil {
		return err
	}
	return addOnce(&d.target.Isolation, at)
}

// numeric is a last label that no name of the Internet has: such a host is an address, or meant to be one.
var numeric = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9A-Fa-f]*)\.?$`)

// hostPort reads what a user pod is to connect to. It is strict: an address mistyped is never reached, and so would pass for
// isolated; and it becomes part of code that runs in the kernel, where an IPv6 zone could be any text.
func hostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || net.JoinHostPort(host, port) != s {
		return "", errors.New("")
	}
	if !validPort(port) || port[0] == '0' {
		return "", errors.New("the port is none")
	}
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil && address.Zone() != "":
		return "", errors.New("an address with a zone belongs to one machine")
	case err == nil:
		return net.JoinHostPort(address.String(), port), nil
	case !validHost(host):
		return "", errors.New("the host is neither a name nor an address")
	case numeric.MatchString(host):
		return "", errors.New("that is no IP address")
	}
	return net.JoinHostPort(strings.ToLower(host), port), nil
}
