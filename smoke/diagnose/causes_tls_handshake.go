package diagnose

import (
	"fmt"
	"regexp"

	"binderhub-smoke/smoke/wire"
)

// handshakeTLSCauses are of TLS handshakes that end before any certificate counts. Words are those of Go's crypto/tls for
// the alerts of RFC 8446 section 6, and of Chromium; which server sends which alert was seen with nginx 1.22, HAProxy 2.6,
// Caddy 2.6 and httpd 2.4.
var handshakeTLSCauses = []Cause{
	{
		ID: "plain-http-on-tls-port", Title: "The TLS port speaks plain HTTP", Hop: HopIngress,
		Match: func(v *View) bool {
			return v.Symptom(wire.TLSFailed) && v.Says("first record does not look like a TLS handshake", "server gave HTTP response to HTTPS client")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("What answers on the TLS port of the %s speaks no TLS: the port leads to a plain HTTP listener", hostOf(v))
		},
		Suspects: []string{"plain-http-on-tls-port", "proxy-protocol-mismatch", "tls-fake-cert"},
		Remedy: "The load balancer's port 443 must lead to the controller's HTTPS port and not to its HTTP one (`kubectl get svc -A -o wide`: port, targetPort), unless the load balancer ends TLS itself. Plain nginx: `listen 443 ssl;`; HAProxy: `bind :443 ssl crt …`; Apache: `SSLEngine on`; " +
			"Traefik: the router needs `tls: {}` and the entry point `websecure`. A load balancer that sends PROXY protocol to a controller that does not expect it looks the same.",
	},
	{
		ID: "tls-version-mismatch", Title: "The TLS version or ciphers are too old", Hop: HopTLS,
		Match: func(v *View) bool {
			return v.Symptom(wire.TLSFailed) && v.Says("protocol version not supported", "unsupported protocol version", "no supported versions", "insufficient security level", "no cipher suite supported", "unconfigured cipher suite", "ERR_SSL_VERSION_OR_CIPHER_MISMATCH", "inappropriate fallback")
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The %s offers no TLS version or cipher that today's clients take (%s): they want TLS 1.2 at least", hostOf(v), short(v.Fault.Got))
		},
		Suspects: []string{"tls-version-mismatch", "local-middlebox", "dns-points-to-old-lb"},
		Remedy: "Plain nginx and F5: `ssl_protocols TLSv1.2 TLSv1.3;` (F5 ConfigMap `ssl-protocols`), community ConfigMap `ssl-protocols: \"TLSv1.2 TLSv1.3\"` and no `ssl-ciphers` of one's own, HAProxy `ssl-min-ver TLSv1.2`, Apache `SSLProtocol -all +TLSv1.2 +TLSv1.3`, Traefik `tls.options.default.minVersion: VersionTLS12`, " +
			"Envoy `tls_minimum_protocol_version: TLSv1_2`, a cloud load balancer's TLS policy. An ECDSA certificate with RSA ciphers only fails the same way.",
	},
	{
		ID: "client-cert-required", Title: "The host demands a client certificate", Hop: HopTLS,
		Match: func(v *View) bool {
			return (v.Symptom(wire.TLSFailed) && v.Says("certificate required", "ERR_BAD_SSL_CLIENT_AUTH_CERT")) ||
				(status(v.X) == 400 && holds(body(v.X), "No required SSL certificate was sent", "The SSL certificate error")) || status(v.X) == 495 || status(v.X) == 496
		},
		Sentence: func(v *View) string {
			return fmt.Sprintf("The ingress %s demands a client certificate (%s): no browser has one", front(v.X), firstOf(short(v.Fault.Got), say(status(v.X))))
		},
		Suspects: []string{"client-cert-required", "login-required"},
		Remedy: "Community ingress-nginx: remove `nginx.ingress.kubernetes.io/auth-tls-secret` and `auth-tls-verify-client`; F5: no `nginx.org/server-snippets` with `ssl_verify_client`, no IngressMTLS policy; plain nginx `ssl_verify_client off;`; HAProxy `verify none`; Apache `SSLVerifyClient none`; Traefik `tls.options` without `clientAuth`; Istio gateway `tls.mode: SIMPLE`. " +
			"Behind Cloudflare's authenticated origin pulls only Cloudflare may come: test through it, not past it.",
	},
	{
		ID: "tls-refused", Title: "The server ends the TLS handshake", Hop: HopTLS,
		Match: func(v *View) bool { return v.Symptom(wire.TLSFailed) && alert(v) != "" },
		Sentence: func(v *View) string {
			return fmt.Sprintf("The ingress of the %s ends the TLS handshake with the alert %q: it has no certificate for this name, or nothing in common with our TLS", hostOf(v), alert(v))
		},
		Suspects: []string{"tls-fake-cert", "tls-version-mismatch", "client-cert-required", "dns-points-to-old-lb", "tls-refused"},
		Likelier: oneOfTheAddresses,
		Remedy:   "`openssl s_client -connect <host>:443 -servername <host>` and once more without `-servername`: if the second works, the name is not known there (`spec.tls[].hosts` and `secretName` of its Ingress, a CDN's or load balancer's list of host names). If both fail: protocols, ciphers, a key that does not fit the certificate.",
		Mutes:    []string{"no-https-redirect"},
	},
}

// alertWords is how Go names an alert that the peer sent.
var alertWords = regexp.MustCompile(`remote error: tls: ([a-z ]+)`)

// alert is the TLS alert by which the peer ended the handshake.
func alert(v *View) string {
	if m := alertWords.FindStringSubmatch(v.Text()); m != nil {
		return m[1]
	}
	return ""
}
