package browser

import (
	"context"
	"errors"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// unavailable makes a failed start a fault with the remedy.
func unavailable(ctx context.Context, err error) error {
	var f *wire.Fault
	if errors.As(err, &f) {
		return f
	}
	f = &wire.Fault{Subject: "The browser", Symptom: wire.Unavailable, Inconclusive: true, Want: "Chromium to start", Err: err}
	switch text := err.Error(); {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.Symptom, f.Got = wire.Cancelled, "an interruption"
	case strings.Contains(text, "No usable sandbox") || strings.Contains(text, "SUID sandbox") || strings.Contains(text, "Failed to move to new namespace"):
		f.Got = "a refusal of its sandbox by the system; allow unprivileged user namespaces (in a container: a seccomp profile that " +
			"allows them), or install the browser's SUID sandbox helper"
	case strings.Contains(text, "No space left on device") || strings.Contains(text, "/dev/shm"):
		f.Got = "a full disk or a full /dev/shm (" + reason(text) + "); free the directory for temporary files, in a container give more by --shm-size=1g"
	default:
		f.Got = reason(text)
	}
	return f
}

// reason finds why Chromium did not start in what it printed: the first fatal line, or else the last lines.
func reason(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, ":FATAL:") }); i >= 0 {
		lines = lines[i : i+1]
	}
	return short(strings.Join(lines[max(0, len(lines)-3):], " · "), 600)
}
