package diagnose

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const readyEvent = `{"phase": "ready", "url": "https://hub.example.org/user/x/"}`

// tells is a launch that goes well, of which a step says something all the same.
func tells(step, verdict string, symptom wire.Symptom, want, got string, events ...string) func(*hand) {
	return func(h *hand) {
		id := h.build(10*time.Millisecond, "", append(events, readyEvent)...)
		h.ends(step, verdict, wire.Fault{Subject: "The launch's event stream", URL: buildURL, Symptom: symptom, Want: want, Got: got}, id)
	}
}

var _ = known("tls-http-redirect-uri",
	signature{name: "the server's URL", hop: HopBinderHub, make: tells("launch/spawn", "fail", wire.Content, "an https:// URL of the user server", "http://hub.example.org/user/x/")},
	signature{name: "BinderHub's own URL", hop: HopIngress, severity: Warn,
		make: tells("launch/spawn", "pass", wire.Content, "binder_launch_host with https://", "http://binder.example.org/: X-Forwarded-Proto does not arrive")},
)

func TestALostSchemeSaysWhatLostIt(t *testing.T) {
	h := byHand(t)
	tells("launch/spawn", "pass", wire.Content, "binder_launch_host with https://", "http://binder.example.org/: X-Forwarded-Proto does not arrive")(h)
	require.Equal(t, "BinderHub takes itself for http://binder.example.org/: X-Forwarded-Proto does not reach it, so links and badges that it makes lose https",
		h.one("tls-http-redirect-uri").Summary)
	h = byHand(t)
	tells("launch/spawn", "fail", wire.Content, "an https:// URL of the user server", "http://hub.example.org/user/x/")(h)
	require.Equal(t, "BinderHub is an https site and sends its users to http://hub.example.org/user/x/: its hub_url begins with http", h.one("tls-http-redirect-uri").Summary)
}

var _ = known("hub-url-wrong",
	signature{name: "another host", hop: HopBinderHub, make: tells("launch/spawn", "fail", wire.Content, "a user server below https://hub.example.org/", "https://old.example.org/user/x/")},
	signature{name: "no URL", make: tells("launch/spawn", "fail", wire.Content, "a URL in ready", `"://x"`)},
)

var _ = known("client-ip-lost", signature{name: "a private address", hop: HopIngress, severity: Warn,
	make: tells("launch/spawn", "pass", wire.Content, "our public address as binder_client_ip", "a private one: X-Forwarded-For does not arrive")})

const builtAnewEvent = `{"phase": "built", "imageName": "x", "message": "Built image, launching...\n"}`

func noLogLines(event string) func(*hand) {
	return tells("rebuild/build", "fail", wire.Content, "the build's log lines", "none before the image was built", event)
}

var (
	_ = known("build-log-missing", signature{name: "built, and no line", hop: HopBuilder, make: noLogLines(builtAnewEvent)})
	_ = known("rebuild-found-image", signature{name: "nothing was built", hop: HopBinderHub, severity: Inconclusive, make: noLogLines(builtEvent)})
)

// heldStream is a stream that is silent for a time after ready, without keepalives.
func heldStream(silence time.Duration) func(*hand) {
	return func(h *hand) {
		id := h.exchange("rebuild/build", wire.TypeStream, buildURL, answer{status: 200, header: headers("Content-Type", "text/event-stream", "Access-Control-Allow-Headers", "cache-control")})
		h.add(at("rebuild/build"), wire.Raw, id, wire.KindEvent, wire.Event{Data: builtAnewEvent})
		h.add(at("rebuild/build"), wire.Raw, id, wire.KindEvent, wire.Event{Data: readyEvent})
		h.now += silence
		h.add(at("rebuild/build"), wire.Raw, id, wire.KindClose, wire.Close{})
		h.ends("rebuild/spawn", "fail", wire.Fault{Symptom: wire.Stalled, Want: "keepalives while the stream is held", Got: "none"}, id)
	}
}

var _ = known("sse-keepalive-lost", signature{name: "a minute of silence", hop: HopIngress, make: heldStream(time.Minute), suspects: []string{"sse-buffered"}})

var _ = known(Unrecognised, signature{name: "a stream that was not held long enough for a keepalive", make: heldStream(10 * time.Second)})

func resolvesNoMore(h *hand) {
	id := h.build(10*time.Millisecond, "", failedEvent(0, "Could not resolve ref for gh:x/y/HEAD. Double check your URL."))
	h.fails("launch/build", wire.PhaseFailed, "failed: Could not resolve ref for gh:x/y/HEAD. Double check your URL. (it could be resolved in a run on record)", id)
}

var _ = known("ref-no-longer-resolves", signature{name: "it could before", make: resolvesNoMore, hop: HopBinderHub, suspects: []string{"ref-unresolvable"}})

var _ = known("repo-not-allowed", signature{name: "the provider is not offered", severity: Inconclusive, hop: HopBinderHub, make: func(h *hand) {
	id := h.get("binder-host/providers", binderURL+"/api/repoproviders", binderPage)
	h.ends("binder-host/providers", "inconclusive", wire.Fault{Symptom: wire.Content, Want: "the provider gl of gl/a/b/HEAD", Got: "[gh]"}, id)
}})

func TestAHeldBackStreamSaysForHowLong(t *testing.T) {
	h := byHand(t)
	h.now = 0
	id := h.exchange("launch/build", wire.TypeStream, buildURL, answer{status: 200, after: 8200 * time.Millisecond, header: headers("Content-Type", "text/event-stream")})
	h.add(at("launch/build"), wire.Raw, id, wire.KindEvent, wire.Event{Data: builtEvent})
	h.add(at("launch/build"), wire.Raw, id, wire.KindEvent, wire.Event{Data: readyEvent})
	h.fails("launch/build", wire.Buffered, "all of them in a heap, 8.2 s after the launch was asked for", id)
	require.Equal(t, "The ingress in front of the binder host holds BinderHub's event stream back: nothing came for 8.2 s, and then everything at once", h.one("sse-buffered").Summary)
}

// certificates

func expires(verdict, got string) func(*hand) {
	return func(h *hand) {
		id := h.exchange("binder-host/tls", wire.TypeConnect, binderURL+"/", answer{tls: &wire.TLS{Certificates: []wire.Certificate{goodCert}}})
		h.ends("binder-host/tls", verdict, wire.Fault{Symptom: wire.TLSExpiring, Got: got}, id)
	}
}

var _ = known("tls-renewal-broken",
	signature{name: "a few days", make: expires("fail", "3 days: it ends on 2026-03-05 00:00 UTC (shown by 192.0.2.1:443)"), hop: HopTLS},
	signature{name: "two weeks", severity: Warn, make: expires("pass", "14 days: it ends on 2026-03-05 00:00 UTC (shown by 192.0.2.1:443)")},
)

func TestAnExpiringCertificateSaysWhen(t *testing.T) {
	h := byHand(t)
	expires("fail", "3 days: it ends on 2026-03-05 00:00 UTC (shown by 192.0.2.1:443)")(h)
	require.Equal(t, "The certificate of the binder host has not been renewed, and has 3 days left: it ends on 2026-03-05 00:00 UTC (shown by 192.0.2.1:443)",
		h.one("tls-renewal-broken").Summary)
}

func TestAWrongCertificateOfOneAddressNamesTheAddress(t *testing.T) {
	h := byHand(t)
	tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=old", Issuer: "CN=R11", DNSNames: []string{"old.example.org"}})(h)
	require.NotContains(t, h.one("tls-san-missing-host").Summary, "192.0.2", "the only address needs no name")
	h = byHand(t)
	h.exchange("binder-host/tls", wire.TypeConnect, binderURL+"/", answer{tls: &wire.TLS{Certificates: []wire.Certificate{goodCert}}, tcp: &wire.TCP{Address: "[2001:db8::1]:443"}})
	tlsIs("binder-host/tls", wire.TLSName, "not valid for", wire.Certificate{Subject: "CN=old", Issuer: "CN=R11", DNSNames: []string{"old.example.org"}})(h)
	f := h.one("tls-san-missing-host")
	require.Equal(t, "The certificate of the binder host at 192.0.2.1:443 is for old.example.org, and not for binder.example.org", f.Summary)
	require.Equal(t, "dns-points-to-old-lb", f.Suspects[0])
}

// hosts

var _ = known("no-https-redirect", signature{name: "to another host", hop: HopIngress, suspects: []string{"dns-points-to-old-lb"}, make: func(h *hand) {
	id := h.get("binder-host/redirect", "http://binder.example.org/", answer{status: 301, header: headers("Server", "nginx/1.22.1", "Location", "https://www.example.org/")})
	h.fails("binder-host/redirect", wire.Redirected, "301 Moved Permanently to https://www.example.org/", id)
}})

var _ = known("encoded-char-rejected", signature{name: "decoded on the way", hop: HopIngress, make: func(h *hand) {
	id := h.get("binder-host/encoded", binderURL+"/v2/gh/smoke-test/encoded%2Fslash%40at%3Acolon/HEAD", binderPage)
	h.ends("binder-host/encoded", "fail", wire.Fault{Symptom: wire.Content, Want: "gh/smoke-test/encoded%2Fslash%40at%3Acolon/HEAD as BinderHub sees it", Got: "gh/smoke-test/encoded/slash@at:colon/HEAD"}, id)
}})

func TestAllOfNBadIsNoOneOfN(t *testing.T) {
	h := byHand(t)
	h.get("binder-host/page", binderURL+"/", binderPage) // of another path
	var bad []wire.ExchangeID
	for range 4 {
		bad = append(bad, h.get("binder-host/repeat", binderURL+"/versions", nginxSays(502, "502 Bad Gateway", 0)))
	}
	h.fails("binder-host/repeat", wire.Status, "502 on 4 of them", bad...)
	require.Contains(t, h.one("upstream-refused").Suspects, "selector-overmatch")
}

func TestAnAlternating502IsOneFinding(t *testing.T) {
	h := byHand(t)
	h.refusedPage()
	h.get("binder-host/repeat", binderURL+"/versions", binderPage)
	id := h.get("binder-host/repeat", binderURL+"/versions", nginxSays(502, "502 Bad Gateway", 0))
	h.fails("binder-host/repeat", wire.Status, "502 on 1 of them", id)
	f := h.one("one-of-n-bad") // which explains the page too
	require.Equal(t, []string{"binder-host/page"}, f.Also)
	require.Contains(t, f.Suspects, "selector-overmatch")
	require.Equal(t, "nginx/1.22.1 in front of the binder host answers the same URL now with 502 Bad Gateway, now as it should (1 bad, 1 good): one of several upstreams is broken", f.Summary)
}

// pages and files

// assetIs is a file that a page names and that comes as something else.
func assetIs(step, url, subject string, symptom wire.Symptom, a answer) func(*hand) {
	return func(h *hand) {
		h.served()
		id := h.get(step, url, a)
		h.ends(step, "fail", wire.Fault{Subject: subject, Symptom: symptom, Want: "200 text/javascript", Got: "another"}, id)
	}
}

var _ = known("assets-404-white-page",
	signature{name: "BinderHub's script is not there", hop: HopIngress,
		make: assetIs("binder-host/assets", binderURL+"/static/dist/bundle.js?v=1", "The script of BinderHub's page", wire.Status, nginxSays(404, "404 Not Found", 0))},
	signature{name: "BinderHub's script is a page", make: assetIs("binder-host/assets", binderURL+"/static/dist/bundle.js", "The script of BinderHub's page", wire.ContentType, binderPage)},
	signature{name: "Lab's script has another type", hop: HopServer, make: assetIs("server/lab", serverURL+"static/lab/main.js", "The script of The user server's page", wire.ContentType,
		serverAPI.with(func(a *answer) {
			a.header = a.header.Clone()
			a.header.Set("Content-Type", "application/octet-stream")
		}))},
)

func TestAnAssetOf502IsTheUpstreams(t *testing.T) {
	h := byHand(t)
	assetIs("binder-host/assets", binderURL+"/static/dist/bundle.js", "The script of BinderHub's page", wire.Status, nginxSays(502, "502 Bad Gateway", 0))(h)
	h.one("upstream-refused")
}

var saved = serverAPI.with(func(a *answer) { a.status, a.method, a.body = 201, http.MethodPut, `{"name": "x"}` })

func firewall(before answer, refused answer) func(*hand) {
	return func(h *hand) {
		h.served()
		h.get("server/files", serverURL+"api/contents/binderhub%20smoke%20100%25%20%C3%A4.bin", before)
		refused.method = http.MethodPut
		id := h.get("server/files", serverURL+"api/contents/binderhub-smoke.txt", refused)
		h.fails("server/files", wire.Status, "403", id)
	}
}

var _ = known("waf-blocked",
	signature{name: "nginx with ModSecurity", make: firewall(saved, nginxSays(403, "403 Forbidden", 0)), hop: HopIngress},
	signature{name: "Cloudflare", make: firewall(saved, answer{status: 403, header: headers("Server", "cloudflare", "Content-Type", "text/html"),
		body: "<title>Attention Required! | Cloudflare</title>"}), hop: HopEdge, suspects: []string{"bot-challenge"}},
)

func TestA403OfAllFilesIsNoFirewall(t *testing.T) {
	h := byHand(t)
	firewall(nginxSays(403, "403 Forbidden", 0).with(func(a *answer) { a.method = http.MethodPut }), nginxSays(403, "403 Forbidden", 0))(h)
	require.NotEqual(t, "waf-blocked", h.diagnose()[0].Cause)
	h = byHand(t)
	firewall(saved, serverAPI.with(func(a *answer) { a.status, a.body = 403, `{"message": "Permission denied", "reason": null}` }))(h)
	require.NotEqual(t, "waf-blocked", h.diagnose()[0].Cause, "the server said it itself")
}

func fileComesBack(symptom wire.Symptom, want, got string) func(*hand) {
	return func(h *hand) {
		h.served()
		h.get("server/files", serverURL+"api/contents/x.bin", saved)
		id := h.get("server/files", serverURL+"api/contents/x.bin?type=file&format=base64", serverAPI.with(func(a *answer) { a.fault = symptom }))
		h.ends("server/files", "fail", wire.Fault{Symptom: symptom, Want: want, Got: got}, id)
	}
}

var _ = known("file-changed",
	signature{name: "other bytes", make: fileComesBack(wire.Content, "the 4000000 bytes that were written", "3999990 others"), hop: HopIngress},
	signature{name: "cut", make: fileComesBack(wire.EOF, "a complete body", "the connection's end"), hop: HopIngress},
)

func TestAChangedFileSaysByHowMuch(t *testing.T) {
	h := byHand(t)
	fileComesBack(wire.Content, "the 4000000 bytes that were written", "3999990 others")(h)
	require.Equal(t, "A file that was saved comes back changed: 4000000 bytes were written, 3999990 others are read", h.one("file-changed").Summary)
}
