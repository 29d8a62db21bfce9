package jupyter

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// presence is what an answer tells of a user server that was told to stop.
type presence int

const (
	unknown presence = iota // it may come from anybody
	present                 // the server itself answers
	absent                  // CHP or the hub says that there is no such server
)

// presence goes by what comes through any ingress: no Date, Server or reason phrase, which ingresses add, replace and drop.
func (s *Server) presence(a *wire.Answer) presence {
	switch {
	case ownAnswer(a):
		return present
	case saidByHub(a) || saidByCHP(a):
		return absent
	}
	return unknown
}

// ownAnswer knows jupyter_server by its policy, which names a place for reports below /user/, its version, and the two keys of
// its errors. Behind JupyterHub's single-user extension only the latter two are left.
// Source: jupyter_server/base/handlers.py.
func ownAnswer(a *wire.Answer) bool {
	if strings.Contains(a.Header.Get("Content-Security-Policy"), "/user/") {
		return true
	}
	keys := keysOf(a.Body)
	return a.Status == http.StatusOK && keys["version"] || a.Status >= 400 && keys["message"] && keys["reason"]
}

// keysOf are the keys of a JSON object; of anything else there are none.
func keysOf(body []byte) map[string]bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return nil
	}
	keys := map[string]bool{}
	for key := range object {
		keys[key] = true
	}
	return keys
}

// saidByHub knows what the hub answers once CHP has no route: a redirect to its own URL for that user, 424 to who has logged
// in, and 404 or, where set so, 503 of its API. Its redirect to /hub/api/oauth2/ is the single-user server's login.
// Source: jupyterhub/handlers/base.py, UserUrlHandler and _fail_api_request.
func saidByHub(a *wire.Answer) bool {
	switch a.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		to, err := url.Parse(a.Header.Get("Location"))
		return err == nil && strings.Contains(to.Path, "/hub/user/")
	case http.StatusFailedDependency:
		return true // nothing else on this way knows the status; mybinder.org's default route sends it too
	case http.StatusNotFound, http.StatusServiceUnavailable:
		keys := keysOf(a.Body)
		return a.Header.Get("X-JupyterHub-Version") != "" || keys["status"] && keys["message"]
	}
	return false
}

// hubPage marks the hub's pages: the default title, the script that custom templates inherit with page.html, and what its error
// page says of a dead server. CHP relays that page under none of the hub's headers but the content's type.
// Source: jupyterhub/share/jupyterhub/templates/page.html and jupyterhub/handlers/pages.py, ProxyErrorHandler.
var hubPage = regexp.MustCompile(`<title>\s*JupyterHub\s*</title>|window\.jhdata\b|Your server appears to be down`)

// saidByCHP knows what CHP answers when nothing listens behind a route, or it has none: the hub's error page, one of its own,
// or the bare reason as a body without a type. Source: configproxy.js, handleProxyError and _handleProxyErrorDefault.
func saidByCHP(a *wire.Answer) bool {
	if a.Status != http.StatusServiceUnavailable && a.Status != http.StatusNotFound {
		return false
	}
	body := string(a.Body)
	if a.Header.Get("Content-Type") == "" {
		return body == http.StatusText(a.Status)
	}
	return hubPage.MatchString(body) || strings.Contains(body, "configurable-http-proxy")
}
