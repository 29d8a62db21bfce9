package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"binderhub-smoke/smoke/diagnose"
	"binderhub-smoke/smoke/wire"
)

// A time is told of only where the difference is clear, and no run of many was near it: a warning that is wrong now and then
// is not read any more.
const (
	compared  = 20              // runs that are looked at, the latest
	enough    = 5               // runs without which no time is told of
	factor    = 2.0             // times the median
	beyond    = 1.3             // times the longest
	atLeast   = 3 * time.Second // above the median
	toldApart = 3               // scenarios at most; when more are slower, it is everything
)

// Changes tells what of a run clearly differs from earlier ones of its target, the oldest first. Each is a sentence.
func Changes(now Entry, earlier []Entry) []string {
	return append(routeChanges(now, earlier), slower(now, comparable(now, earlier))...)
}

// comparable are the latest runs whose times can be held against those of a run.
func comparable(now Entry, earlier []Entry) (runs []Entry) {
	for _, e := range earlier {
		if e.Target == now.Target && e.Settings == now.Settings {
			runs = append(runs, e)
		}
	}
	return runs[max(0, len(runs)-compared):]
}

// slow is a scenario that took clearly longer than it did.
type slow struct {
	scenario     string
	took, median time.Duration
	runs         int
}

func (s slow) ratio() float64 { return float64(s.took) / float64(s.median) }

// slower compares the scenarios' times.
func slower(now Entry, earlier []Entry) (told []string) {
	var all []slow
	scenarios := sums(now)
	for name, took := range scenarios {
		if s := (slow{scenario: name, took: took}); s.judge(now, earlier) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b slow) int {
		return cmp.Or(cmp.Compare(b.ratio(), a.ratio()), cmp.Compare(a.scenario, b.scenario))
	})
	if len(all) > toldApart {
		return []string{fmt.Sprintf("%d of %d scenarios took more than %.0f × their median of earlier runs, most of all %s: this machine, its network or the whole deployment is slower",
			len(all), len(scenarios), factor, all[0])}
	}
	for _, s := range all {
		told = append(told, s.String())
	}
	return told
}

func (s slow) String() string {
	return fmt.Sprintf("%s %.1f × the median of %d runs (%s, before: %s)", s.scenario, s.ratio(), s.runs, rounded(s.took), rounded(s.median))
}

func rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// judge tells whether the scenario is clearly slower than in the runs in which the same steps of it passed.
func (s *slow) judge(now Entry, earlier []Entry) bool {
	var times []time.Duration
	for _, e := range earlier {
		if same(now, e, s.scenario) {
			times = append(times, sums(e)[s.scenario])
		}
	}
	if len(times) < enough {
		return false
	}
	slices.Sort(times)
	s.median, s.runs = times[len(times)/2], len(times)
	longest := float64(times[len(times)-1])
	return s.ratio() >= factor && float64(s.took) >= beyond*longest && s.took-s.median >= atLeast
}

// same tells whether two runs did the same in a scenario: the same steps passed, and both launches built an image, or none.
func same(a, b Entry, scenario string) bool {
	if scenario == "launch" && a.Built != b.Built {
		return false
	}
	return slices.Equal(stepsOf(a, scenario), stepsOf(b, scenario))
}

func stepsOf(e Entry, scenario string) (names []string) {
	for id := range e.Steps {
		if strings.HasPrefix(id, scenario+"/") {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}

// sums are the times of a run's scenarios.
func sums(e Entry) map[string]time.Duration {
	all := map[string]time.Duration{}
	for id, took := range e.Steps {
		scenario, _, _ := strings.Cut(id, "/")
		all[scenario] += time.Duration(took)
	}
	return all
}

// Median is the median time of a step over the latest comparable runs in which it passed, and their number.
func Median(now Entry, earlier []Entry, step string) (time.Duration, int) {
	var times []wire.Seconds
	for _, e := range comparable(now, earlier) {
		if took, ok := e.Steps[step]; ok && (now.Built == e.Built || !strings.HasPrefix(step, "launch/")) {
			times = append(times, took)
		}
	}
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	return time.Duration(times[len(times)/2]), len(times)
}

// watched are the hops whose names say who answers. Names and addresses before them change by themselves.
var watched = []diagnose.Hop{
	diagnose.HopEdge, diagnose.HopIngress, diagnose.HopBinderHub, diagnose.HopCHP, diagnose.HopHub, diagnose.HopServer,
}

// routeChanges tells of hops that now answer as somebody else.
func routeChanges(now Entry, earlier []Entry) (told []string) {
	earlier = slices.DeleteFunc(slices.Clone(earlier), func(e Entry) bool { return e.Target != now.Target })
	earlier = earlier[max(0, len(earlier)-compared):]
	for _, host := range now.Route {
		for _, hop := range host.Hops {
			if !slices.Contains(watched, hop.Hop) {
				continue
			}
			if text := hopChange(host.Host, hop, sightings(host.Host, hop.Hop, earlier)); text != "" && !slices.Contains(told, text) {
				told = append(told, text)
			}
		}
	}
	return told
}

// sightings are how a hop was seen in earlier runs, the oldest first.
func sightings(host string, hop diagnose.Hop, earlier []Entry) (seen []Hop) {
	for _, e := range earlier {
		for _, h := range e.Route {
			for _, one := range h.Hops {
				if h.Host == host && one.Hop == hop && len(one.Names) > 0 {
					seen = append(seen, one)
				}
			}
		}
	}
	return seen
}

// hopChange holds a hop against how it was seen before. A hop that answers under names in turn is not told of each time.
func hopChange(host string, now Hop, seen []Hop) string {
	if len(seen) == 0 || len(now.Names) == 0 {
		return ""
	}
	before := seen[len(seen)-1]
	latest := seen[max(0, len(seen)-enough):]
	as := func(h Hop) bool {
		return slices.ContainsFunc(h.Names, func(name string) bool {
			return slices.ContainsFunc(now.Names, func(other string) bool { return sameProduct(name, other) })
		})
	}
	switch place := fmt.Sprintf("the %s of the %s host", now.Hop, host); {
	case !slices.ContainsFunc(latest, as):
		return fmt.Sprintf("%s now answers as %s, before: %s", place, strings.Join(now.Names, ", "), strings.Join(before.Names, ", "))
	case now.Version != "" && before.Version != "" && !slices.ContainsFunc(latest, func(h Hop) bool { return h.Version == now.Version }):
		return fmt.Sprintf("%s now has version %s, before: %s", place, now.Version, before.Version)
	}
	return ""
}

// sameProduct tells whether two names may be one server's: error pages often tell a version that other answers do not.
func sameProduct(a, b string) bool {
	productA, versionA, _ := strings.Cut(a, "/")
	productB, versionB, _ := strings.Cut(b, "/")
	return productA == productB && (versionA == versionB || versionA == "" || versionB == "")
}
