package browser

import (
	"maps"
	"slices"
	"strings"
)

// resolverRules writes Chromium's --host-resolver-rules for a map of host:port to address:port. URLs, certificates' names
// and Host headers stay those of the host. The first rule that matches wins, so a guard against other hosts ("MAP * ~NOTFOUND")
// goes at the end.
func resolverRules(resolve map[string]string) string {
	var rules []string
	for _, from := range slices.Sorted(maps.Keys(resolve)) {
		rules = append(rules, "MAP "+from+" "+resolve[from])
	}
	return strings.Join(rules, ",")
}
