package main

import (
	"fmt"
	"runtime"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/report"
)

// revision is the source's, set by the linker where it is known.
var revision string

func versionText() string {
	if revision == "" {
		return smoke.Version
	}
	return smoke.Version + "+" + revision
}

// version prints what the program is.
func (p *program) version(args []string) int {
	if err := noArguments("version", args); err != nil {
		return p.fail(err)
	}
	p.print(fmt.Sprintf("binderhub-smoke %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH))
	return report.ExitPass
}
