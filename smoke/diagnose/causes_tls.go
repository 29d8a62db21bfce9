package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// tlsCauses are of certificates. A controller's placeholder comes first: it is also for the wrong name, from an unknown
// authority and sometimes expired, and none of that matters.
var tlsCauses = []Cause{
	{
		ID: "tls-fake-cert", Title: "The ingress shows its placeholder certificate", Hop: HopTLS,
		Match: func(v *View) bool {
			return v.tlsFailed() && ((placeholder(v.X) != "" && !v.Symptom(wire.TLSFailed)) || v.Says("unrecognized name", "unrecognised name", "ERR_SSL_UNRECOGNIZED_NAME_ALERT"))
		},
		Sentence: func(v *View) string {
			if name := placeholder(v.X); name != "" {
				return fmt.Sprintf("The ingress of the %s%s shows its placeholder certificate %q: it has none of its own for this name", hostOf(v), atOne(v), name)
			}
			return fmt.Sprintf("The ingress of the %s refuses TLS for this name: it has no certificate for it, or does not know the name", hostOf(v))
		},
		Ask:      same(ProbeAddresses),
		Suspects: []string{"tls-fake-cert", "tls-san-missing-host", "tls-renewal-broken", "default-backend-404", "dns-points-to-old-lb"},
		Likelier: oneOfTheAddresses,
		Remedy: "`kubectl get certificate,order,challenge -A`: is it issued? `kubectl describe ingress`: does `tls.secretName` name a Secret in the same namespace (binder and hub need two different ones)? " +
			"After a recreate DNS must point here before ACME can succeed. F5 nginx-ingress: annotate `acme.cert-manager.io/http01-edit-in-place: \"true\"`, since it rejects a second Ingress for the host.",
		// What does not know the name has no redirect for it either.
		Mutes: []string{"tls-san-missing-host", "tls-chain-incomplete", "tls-unknown-authority", "default-backend-404", "no-https-redirect"},
	},
	{
		ID: "tls-expired-front", Title: "The certificate has expired", Hop: HopTLS,
		Match: func(v *View) bool { return v.Symptom(wire.TLSExpired) },
		Sentence: func(v *View) string {
			if c, ok := leaf(v.X); ok && v.Says("is before") {
				return fmt.Sprintf("The certificate of the %s%s is valid only from %s (issuer %s)", hostOf(v), atOne(v), c.NotBefore.UTC().Format("2006-01-02 15:04 UTC"), c.Issuer)
			} else if ok {
				return fmt.Sprintf("The certificate of the %s%s expired on %s (issuer %s)", hostOf(v), atOne(v), c.NotAfter.UTC().Format("2006-01-02 15:04 UTC"), c.Issuer)
			}
			return fmt.Sprintf("The certificate of the %s has expired", hostOf(v))
		},
		Ask:      ask(same(ProbeAddresses), same(ProbeClock)),
		Suspects: []string{"tls-expired-front", "tls-renewal-broken", "dns-points-to-old-lb"},
		Likelier: oneOfTheAddresses,
		Remedy: "`kubectl get certificate -A` and `kubectl describe challenge -A` say why it was not renewed; `cmctl renew <certificate>` tries again. " +
			"F5 nginx-ingress: annotate `acme.cert-manager.io/http01-edit-in-place: \"true\"`. Plain nginx: reload it after certbot (`nginx -s reload`).",
		Mutes: []string{"tls-renewal-broken"},
	},
	{
		ID: "tls-san-missing-host", Title: "The certificate is for other names", Hop: HopTLS,
		Match: func(v *View) bool { return v.Symptom(wire.TLSName) },
		Sentence: func(v *View) string {
			names := "other names"
			if c, ok := leaf(v.X); ok && len(c.DNSNames) > 0 {
				names = strings.Join(c.DNSNames, ", ")
			}
			return fmt.Sprintf("The certificate of the %s%s is for %s, and not for %s", hostOf(v), atOne(v), names, urlOf(v.X).Hostname())
		},
		Ask:      same(ProbeAddresses),
		Suspects: []string{"tls-san-missing-host", "dns-points-to-old-lb", "default-backend-404"},
		Likelier: oneOfTheAddresses,
		Remedy: "List the host under `spec.tls[].hosts` of its own Ingress and give that entry its own `secretName`; then `kubectl get certificate -A`. " +
			"If the names belong to another deployment, DNS points to the wrong load balancer.",
		Mutes: []string{"default-backend-404", "no-https-redirect"},
	},
	{
		ID: "tls-chain-incomplete", Title: "The certificate's intermediate is not sent", Hop: HopTLS,
		Match: func(v *View) bool { return v.Symptom(wire.TLSAuthority) && lacksIntermediate(v.X) },
		Sentence: func(v *View) string {
			c, _ := leaf(v.X)
			return fmt.Sprintf("The %s%s sends its certificate without the intermediate of %s, so nobody can check it", hostOf(v), atOne(v), c.Issuer)
		},
		Suspects: []string{"tls-chain-incomplete", "tls-unknown-authority", "local-middlebox"},
		Likelier: oneOfTheAddresses,
		Remedy: "Serve the whole chain: plain nginx `ssl_certificate` wants fullchain.pem, Apache `SSLCertificateFile` too, HAProxy's `crt` file leaf, intermediate and key, Caddy `tls fullchain.pem key.pem`, a Kubernetes Secret `tls.crt` with leaf first and intermediate after it. " +
			"cert-manager writes it so: a Secret made by hand is the usual case.",
		Mutes: []string{"default-backend-404"},
	},
	{
		ID: "tls-unknown-authority", Title: "The certificate's authority is unknown", Hop: HopTLS,
		Match: func(v *View) bool { return v.Symptom(wire.TLSAuthority) },
		Sentence: func(v *View) string {
			c, ok := leaf(v.X)
			switch {
			case !ok:
				return fmt.Sprintf("The certificate of the %s comes from an authority that is not trusted", hostOf(v))
			case c.Subject == c.Issuer:
				return fmt.Sprintf("The certificate of the %s%s is signed by itself (%s)", hostOf(v), atOne(v), c.Subject)
			case staging(c):
				return fmt.Sprintf("The certificate of the %s%s comes from a staging authority (%s), which no browser trusts", hostOf(v), atOne(v), c.Issuer)
			}
			return fmt.Sprintf("The certificate of the %s%s comes from %s, which is not trusted here", hostOf(v), atOne(v), c.Issuer)
		},
		Suspects: []string{"tls-unknown-authority", "tls-chain-incomplete", "local-middlebox", "tls-fake-cert"},
		Likelier: func(v *View) []string {
			if c, ok := leaf(v.X); ok && c.Subject == c.Issuer {
				return []string{"tls-fake-cert"}
			}
			return oneOfTheAddresses(v)
		},
		Remedy: "Signed by itself: nobody has issued a certificate yet (`kubectl get certificate,order,challenge -A`; `tls.secretName` in the Ingress's namespace). A staging authority: cert-manager's issuer is letsencrypt-staging, use the production one (`cert-manager.io/cluster-issuer`), and delete the Secret so that it is issued anew. " +
			"A private authority: give it to the suite by SMOKE_CA. The name of a firewall: a middlebox between the runner and the target reads along; run from elsewhere.",
		Mutes: []string{"default-backend-404"},
	},
	{
		ID: "tls-renewal-broken", Title: "The certificate is not being renewed", Hop: HopTLS,
		Match: func(v *View) bool {
			return v.Symptom(wire.TLSExpiring) || (v.In("*/tls") && v.Warning() && !v.tlsFailed())
		},
		Sentence: func(v *View) string {
			left, rest, _ := strings.Cut(v.Fault.Got, ": ")
			return fmt.Sprintf("The certificate of the %s has not been renewed, and has %s left: %s", hostOf(v), left, firstOf(rest, "then every visit fails"))
		},
		Suspects: []string{"tls-renewal-broken"},
		Remedy: "`kubectl describe certificate,order,challenge -n <namespace>` says what fails. F5 nginx-ingress rejects the solver's own Ingress for the same host: annotate the Ingress " +
			"`acme.cert-manager.io/http01-edit-in-place: \"true\"`. Basic auth or a redirect on the whole host must leave out `/.well-known/acme-challenge/`.",
	},
	{
		ID: "tls-http-redirect-uri", Title: "Links lose https", Hop: HopIngress,
		At: func(v *View) Hop {
			if toldServer(v) {
				return HopBinderHub // a setting of its own, which no header changes
			}
			return HopIngress
		},
		Match: losesHTTPS,
		Sentence: func(v *View) string {
			switch {
			case toldServer(v):
				return fmt.Sprintf("BinderHub is an https site and sends its users to %s: its hub_url begins with http", downgraded(v))
			case launchStream(v.X):
				return fmt.Sprintf("BinderHub takes itself for %s: X-Forwarded-Proto does not reach it, so links and badges that it makes lose https", downgraded(v))
			}
			return fmt.Sprintf("An https page of the %s sends its visitors to http:// (%s): the application is not told that it is behind TLS", hostOf(v), downgraded(v))
		},
		Suspects: []string{"tls-http-redirect-uri"},
		Remedy: "Let the ingress say so: plain nginx `proxy_set_header X-Forwarded-Proto $scheme;`, HAProxy `http-request set-header X-Forwarded-Proto https if { ssl_fc }`, Apache `RequestHeader set X-Forwarded-Proto https`; " +
			"F5: `nginx.org/redirect-to-https` behind another TLS front. Behind a TLS load balancer trust its header (community: `use-forwarded-headers: \"true\"`). BinderHub's `hub_url` must begin with https.",
	},
}

// tlsFailed tells whether the handshake did.
func (v *View) tlsFailed() bool {
	return v.Symptom(wire.TLSExpired, wire.TLSName, wire.TLSAuthority, wire.TLSFailed)
}

func leaf(x *wire.Exchange) (wire.Certificate, bool) {
	if x.TLS == nil || len(x.TLS.Certificates) == 0 {
		return wire.Certificate{}, false
	}
	return x.TLS.Certificates[0], true
}

// publicAuthorities are words of the organisations that sign for the public web, as their intermediates' names hold them.
var publicAuthorities = []string{"Let's Encrypt", "DigiCert", "GeoTrust", "RapidSSL", "Thawte", "Sectigo", "COMODO", "USERTrust", "ZeroSSL", "GEANT", "GlobalSign",
	"Google Trust Services", "Amazon", "Entrust", "GoDaddy", "Starfield", "Buypass", "SSL.com", "HARICA", "Hellenic Academic", "Actalis", "Asseco", "Certum", "IdenTrust",
	"Microsoft Azure", "QuoVadis", "SwissSign", "T-Systems", "Deutsche Telekom", "D-Trust", "Cloudflare", "Network Solutions", "Gandi", "TrustAsia"}

// staging tells whether a certificate comes from an authority for tests, as Let's Encrypt's says of itself.
func staging(c wire.Certificate) bool { return holds(c.Issuer, "(STAGING)", "Fake LE ") }

// lacksIntermediate tells whether a server sent its own certificate alone, signed by an authority that the world trusts: of
// a private authority it would say the same, and there is no intermediate to miss.
func lacksIntermediate(x *wire.Exchange) bool {
	c, ok := leaf(x)
	return ok && len(x.TLS.Certificates) == 1 && c.Subject != c.Issuer && !staging(c) && holds(c.Issuer, publicAuthorities...)
}

// placeholders are the names in the certificates that controllers show when they have none: ingress-nginx, its older
// versions, Traefik, the F5 controller and Envoy Gateway's examples.
var placeholders = []string{"Kubernetes Ingress Controller Fake Certificate", "ingress.local", "TRAEFIK DEFAULT CERT", "NGINXIngressController"}

// placeholder returns the placeholder's name when the certificate is one.
func placeholder(x *wire.Exchange) string {
	c, ok := leaf(x)
	if !ok {
		return ""
	}
	for _, p := range placeholders {
		if holds(c.Subject, p) || holds(strings.Join(c.DNSNames, " "), p) {
			return p
		}
	}
	return ""
}

// losesHTTPS is a redirect of an https URL to http on the same host, or the same said by a fault's words.
func losesHTTPS(v *View) bool {
	if urlOf(v.X).Scheme != "https" {
		return false
	}
	return downgraded(v) != ""
}

func downgraded(v *View) string {
	to := header(v.X, "Location")
	if s := status(v.X); s >= 300 && s < 400 && strings.HasPrefix(to, "http://"+urlOf(v.X).Hostname()) {
		return to
	}
	if strings.HasPrefix(v.Fault.Got, "http://") && strings.Contains(v.Fault.Want, "https://") {
		url, _, _ := strings.Cut(v.Fault.Got, ": ")
		return url
	}
	return ""
}

// toldServer tells whether it is the user server's URL, in a launch's "ready", that has lost https.
func toldServer(v *View) bool {
	return launchStream(v.X) && holds(v.Fault.Want, "URL of the user server")
}

// atOne names the address whose certificate it is where the host has others: they may show, or have shown, a good one.
func atOne(v *View) string {
	if oneOfTheAddresses(v) == nil && !holds(v.Fault.Got, "(shown by") {
		return ""
	}
	at := []string{addresses(v.X)}
	for _, x := range v.Proof[1:] {
		if x.Close != nil && v.X.Close != nil && x.Close.Symptom == v.X.Close.Symptom && !slices.Contains(at, addresses(x)) {
			at = append(at, addresses(x))
		}
	}
	return " at " + strings.Join(at, " and ")
}
