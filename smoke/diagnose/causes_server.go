package diagnose

import (
	"fmt"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// serverCauses are of pages and files: of the user server, and of BinderHub's own page.
var serverCauses = []Cause{
	{
		ID: "save-413", Title: "Large notebooks cannot be saved", Hop: HopIngress,
		Match: func(v *View) bool { return status(v.X) == 413 },
		Sentence: func(v *View) string {
			return fmt.Sprintf("%s %s refuses a body of %s with %s: notebooks with plots cannot be saved", v.who(), front(v.X), sayBytes(requested(v.X)), say(413))
		},
		Suspects: []string{"save-413"},
		Remedy: "F5 nginx-ingress: `nginx.org/client-max-body-size: 256m` (1m by default) on the hub's Ingress; community ingress-nginx: `nginx.ingress.kubernetes.io/proxy-body-size: 256m`; plain nginx: `client_max_body_size 256m;`; " +
			"Apache: `LimitRequestBody 0`; Traefik: the buffering middleware's `maxRequestBodyBytes`.",
	},
	{
		ID: "default-url-404", Title: "The server has no such front end", Hop: HopServer,
		Match: func(v *View) bool {
			p := strings.TrimSuffix(urlOf(v.X).Path, "/")
			return status(v.X) == 404 && v.Answer.Hop == HopServer && (strings.HasSuffix(p, "/lab") || strings.HasSuffix(p, "/tree") || strings.Contains(p, "/lab/tree/") || strings.Contains(p, "/notebooks/"))
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The user server runs, but has no page %s: that front end is not in the image", urlOf(v.X).Path)
		},
		Suspects: []string{"default-url-404", "singleuser-entrypoint-mismatch", "double-or-trailing-slash"},
		Remedy:   "Install the front end in the image (`pip install jupyterlab`, `notebook`), or point `c.Spawner.default_url` and SMOKE_APP to the one that is there.",
	},
	{
		ID: "assets-404-white-page", Title: "The page's scripts and styles are missing",
		Match: func(v *View) bool { return len(lostAssets(v)) > 0 },
		Cite:  lostAssets,
		Sentence: func(v *View) string {
			missing := lostAssets(v)
			a, _ := Answered(missing[0])
			return fmt.Sprintf("The page loads and stays blank: files missing: %d, first %s (%d%s)", len(missing), urlOf(missing[0]).Path, status(missing[0]), by(a))
		},
		Suspects: []string{"assets-404-white-page", "assets-stale-cache", "base-url-mismatch"},
		Remedy:   "An answer of nginx: a `location ~ \\.(js|css)$` takes the files away from the application; of the hub: paths are routed to the wrong service; of the server: the build of JupyterLab in the image is incomplete (`jupyter lab clean && jupyter lab build`). A CDN: purge it, and never cache the HTML.",
	},
	{
		ID: "console-errors", Title: "The page reports errors", Hop: HopServer,
		Match: func(v *View) bool { return v.Warning() && (v.Symptom(wire.PageError) || len(v.X.Console) > 0) },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The page works, and reports an error: %s", quote(v.Fault.Got))
		},
		Suspects: []string{"console-errors", "assets-stale-cache"},
		Remedy:   "See the console in the timeline: an extension that does not fit the server's version, or a file that is missing.",
	},
}

// lostAssets are the scripts and styles that the failing step asked for in vain, on the target's own hosts.
func lostAssets(v *View) []*wire.Exchange {
	if v.Warning() || !(v.Symptom(wire.PageError, wire.Status, wire.ContentType, wire.Content, wire.NotRendered, wire.Timeout)) {
		return nil
	}
	var missing []*wire.Exchange
	for _, x := range v.All {
		ours := x.ID == v.X.ID || (x.Scenario == v.Scenario && x.Step == v.Step)
		if ours && x.Open.Role != wire.RoleOther && asset(x) && v.sideOf(x) && lost(x) {
			missing = append(missing, x)
		}
	}
	return missing
}

// lost tells whether a file is not there: 403, 404, a redirect to somewhere else, or a page in its place, which is how
// catch-all routes answer.
func lost(x *wire.Exchange) bool {
	s := status(x)
	return s == 404 || s == 403 || s == 302 || (s == 200 && strings.HasPrefix(header(x, "Content-Type"), "text/html"))
}

// sideOf tells whether an exchange is on the host that the finding will name.
func (v *View) sideOf(x *wire.Exchange) bool { return host(x.Open.Role) == host(v.Role()) }

// asset is a script or a style, by what the browser says or by its name.
func asset(x *wire.Exchange) bool {
	p := urlOf(x).Path
	return x.Open.Resource == "Script" || x.Open.Resource == "Stylesheet" || strings.HasSuffix(p, ".js") || strings.HasSuffix(p, ".mjs") || strings.HasSuffix(p, ".css")
}

func requested(x *wire.Exchange) int64 {
	if x.Request == nil {
		return 0
	}
	return x.Request.Bytes
}

func by(a Answer) string {
	if a.Name == "" {
		return ""
	}
	return " by " + a.Name
}
