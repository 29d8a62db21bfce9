package diagnose

import (
	"fmt"
	"net/http"
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
		// The server reports its own troubles, a full disk say, as an error: what comes with 200 was changed on the way.
		ID: "file-changed", Title: "Files come back changed or cut", Hop: HopIngress,
		Match: func(v *View) bool {
			read := v.X.Open.Method == http.MethodGet && strings.Contains(urlOf(v.X).Path, "/api/contents/") && status(v.X) == 200
			return v.In("server/files") && read && (v.Fault.Symptom == wire.Content || v.Fault.Symptom == wire.EOF || v.Fault.Symptom == wire.Reset)
		},
		Sentence: func(v *View) string {
			var wrote, read int
			if _, err := fmt.Sscanf(v.Fault.Want+" "+v.Fault.Got, "the %d bytes that were written %d others", &wrote, &read); err == nil {
				return fmt.Sprintf("A file that was saved comes back changed: %d bytes were written, %d others are read", wrote, read)
			}
			return fmt.Sprintf("A file that was saved does not come back whole (%s)", v.Fault.Got)
		},
		Suspects: []string{"file-changed"},
		Remedy: "Read the same file through `kubectl port-forward` to the pod: whole there, it is the ingress. Cut: no room or no right to write for its temporary files (nginx logs \"open() …/proxy_temp… failed\"; `df` in its pod; `proxy_max_temp_file_size 0;` does without them). " +
			"Changed: a filter that rewrites bodies (`sub_filter`, a firewall that masks data). Not whole there either: the pod's disk is full.",
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
			return fmt.Sprintf("The page loads and stays blank: of its scripts and styles %d do not come as such, first %s (%s%s)", len(missing), urlOf(missing[0]).Path, cameAs(missing[0]), by(a))
		},
		Suspects: []string{"assets-404-white-page", "assets-stale-cache", "base-url-mismatch"},
		Remedy:   "An answer of nginx: a `location ~ \\.(js|css)$` takes the files away from the application; of the hub: paths are routed to the wrong service; of the server: the build of JupyterLab in the image is incomplete (`jupyter lab clean && jupyter lab build`). A CDN: purge it, and never cache the HTML.",
	},
	{
		ID: "console-errors", Title: "The page reports errors", At: pagesOwner,
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
		decides := x.ID == v.X.ID
		ours := decides || (x.Scenario == v.Scenario && x.Step == v.Step)
		named := asset(x) || (decides && saysAsset(v))
		if ours && x.Open.Role != wire.RoleOther && named && v.sideOf(x) && (lost(x) || (decides && saysAsset(v) && v.Fault.Symptom == wire.ContentType)) {
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

// saysAsset tells whether the fault is of a file that a page names: browsers that are told not to guess drop a script or a
// style of another type.
func saysAsset(v *View) bool {
	return strings.HasPrefix(v.Fault.Subject, "The script of ") || strings.HasPrefix(v.Fault.Subject, "The stylesheet of ")
}

// cameAs is what came in place of a file.
func cameAs(x *wire.Exchange) string {
	if status(x) != 200 {
		return fmt.Sprint(status(x))
	}
	return "200 as " + firstOf(header(x, "Content-Type"), "no type")
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
