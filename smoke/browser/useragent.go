package browser

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"time"
)

// versionTime bounds how long a browser may take to print its version.
const versionTime = 5 * time.Second

var majorVersion = regexp.MustCompile(`\b(\d+)\.\d+\.\d+`)

// userAgent is a browser's own User-Agent with ours behind it, for its command line: an override by the protocol, which prepare
// sets where this returns nothing, misses single requests that a new renderer makes before it has heard of it. A visible
// browser and those of other systems keep the override. env is what the browser is to inherit.
func userAgent(ctx context.Context, path string, env []string, o Options) string {
	if o.UserAgent == "" || o.Headed || runtime.GOOS != "linux" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	version := exec.CommandContext(ctx, path, "--version")
	version.Env = env
	version.WaitDelay = time.Second // distributions wrap it in a shell script, which may leave children that hold its output open
	printed, err := version.Output()
	if err != nil {
		return ""
	}
	major := majorVersion.FindSubmatch(printed)
	if major == nil {
		return ""
	}
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/%s.0.0.0 Safari/537.36 %s", major[1], o.UserAgent)
}
