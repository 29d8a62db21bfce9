package diagnose

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// say writes a status with its reason: "502 Bad Gateway".
func say(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}

// sayTime writes a duration as a person reads it: "3 ms", "2.0 s".
func sayTime(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// sayLong writes a long duration: "3 days", "5.0 hours", "12 minutes".
func sayLong(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

// front says before which host a proxy stands.
func front(x *wire.Exchange) string {
	if host(x.Open.Role) == "hub" {
		return "in front of the hub host"
	}
	return "in front of the binder host"
}

// behind says which service is behind the ingress.
func behind(x *wire.Exchange) string {
	if host(x.Open.Role) == "hub" {
		return "hub's proxy (proxy-public)"
	}
	return "binderhub service"
}

func hostOf(v *View) string { return host(v.Role()) + " host" }

// upper begins a sentence, but leaves nginx its own small letter.
func upper(name string) string {
	if name == "" || strings.HasPrefix(name, "nginx") || strings.HasPrefix(name, "ingress-nginx") {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// sayBytes writes a size: "1.2 MB"; of an unknown one only that it is large.
func sayBytes(n int64) string {
	switch {
	case n <= 0:
		return "unknown size"
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
