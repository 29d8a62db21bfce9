package smoke

import (
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// Kind is what a target is.
type Kind string

// The kinds of targets.
const (
	KindBinderHub  Kind = "binderhub"
	KindJupyterHub Kind = "jupyterhub" // a JupyterHub without a BinderHub: a server is started by the hub's own API
)

// Login is a name and a password for JupyterHub's login form.
type Login struct{ User, Password string }

// Credentials are how a target knows us, beside Target.Token and Target.Headers. At most one of a token, a login and saved
// cookies is given.
type Credentials struct {
	Login       *Login
	Cookies     []*http.Cookie   // saved from a browser; each has a domain and a path
	Certificate *tls.Certificate // of this client, or nil
	// MustWork makes a missing or refused credential a failure: without it nothing is said about the deployment.
	MustWork bool
}

// Home is the URL that a target is known by: BinderHub's, or the hub's where there is no BinderHub.
func (t Target) Home() *url.URL {
	if t.Kind == KindJupyterHub {
		return t.Hub
	}
	return t.Binder
}

// BasicAuth is the value of an Authorization header for HTTP basic authentication (RFC 7617).
func BasicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// secrets are the credentials that the user gave.
func (t Target) secrets() []string {
	secrets := []string{t.Token}
	for _, values := range t.Headers {
		for _, v := range values {
			secrets = append(secrets, v)
			secrets = append(secrets, basicSecrets(v)...)
		}
	}
	if login := t.Credentials.Login; login != nil {
		secrets = append(secrets, login.Password)
	}
	for _, c := range t.Credentials.Cookies {
		secrets = append(secrets, c.Value)
	}
	return secrets
}

// basicSecrets are what is secret in a header for basic authentication: its second word, and the password in that.
func basicSecrets(value string) []string {
	scheme, encoded, _ := strings.Cut(value, " ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return nil
	}
	_, password, _ := strings.Cut(string(plain), ":")
	return []string{encoded, string(plain), password}
}

// loginCauses are those of a login that is missing or refused: they say nothing about a deployment unless it must work.
var loginCauses = []string{"login-required", "credential-refused", "client-cert-required"}
