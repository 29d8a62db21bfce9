package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

const gone = wire.Redacted

func TestEveryFormOfASecret(t *testing.T) {
	for _, secret := range []string{"hunter2-ö/+=?&", "2|1:0|10:1700000000|8:username", `quo"te\d'<x>`, "plainword"} {
		r := wire.NewRedactor(secret)
		quoted, _ := json.Marshal(secret)
		forms := map[string]string{
			"raw": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"lower-case escapes": regexp.MustCompile(`%..`).ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower),
			"browser":            strings.NewReplacer("+", "%20").Replace(url.QueryEscape(secret)),
			"twice":              url.QueryEscape(url.QueryEscape(secret)),
			"JSON":               strings.Trim(string(quoted), `"`),
			"HTML":               html.EscapeString(secret),
		}
		for name, form := range forms {
			require.Equal(t, "before "+gone+" after", r.String("before "+form+" after"), "%s of %s", name, secret)
			require.Equal(t, "before "+gone, r.String("before "+form[:len(form)-1]), "cut at the text's end: %s of %s", name, secret)
		}
		for lead := range 3 {
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
				text := enc.EncodeToString([]byte("abc"[:lead] + secret + "tail"))
				require.Contains(t, r.String(text), gone)
				core := enc.EncodeToString([]byte("abc"[:lead] + secret))
				require.NotContains(t, r.String(text), core[4:len(core)-4])
			}
		}
	}
}

func TestOverlappingSecretsLeaveNoRest(t *testing.T) {
	r := wire.NewRedactor("abcdefgh", "fghijklm", "abcdefghijk")
	require.Equal(t, "<"+gone+">", r.String("<abcdefghijklm>"))
}

func TestSecretsByPlace(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDB9.c2lnbmF0dXJlLXNpZw"
	for in, want := range map[string]string{
		"/lab?token=abc&x=1":                                       "/lab?token=" + gone + "&x=1",
		"/lab?x=1&amp;token=abc&amp;y":                             "/lab?x=1&amp;token=" + gone + "&amp;y",
		"/build/x?build_token=" + jwt + ": expected 200":           "/build/x?build_token=" + gone + ": expected 200",
		"see /lab?token=abc.def, and /lab?token=abc.":              "see /lab?token=" + gone + ", and /lab?token=" + gone + ".",
		"/build/x?build_token=" + jwt:                              "/build/x?build_token=" + gone,
		"#access_token=abc":                                        "#access_token=" + gone,
		"/cb?code=0123456789abcdefABCD&state=eyJ1dWlkIjoiMDEyMyJ9": "/cb?code=" + gone + "&state=" + gone,
		"/login?next=%2Fuser%2Fx%3Ftoken%3Dabc%26y%3D1":            "/login?next=%2Fuser%2Fx%3Ftoken%3D" + gone + "%26y%3D1",
		"?next=%252Flab%253Ftoken%253Dabc%2526y":                   "?next=%252Flab%253Ftoken%253D" + gone + "%2526y",
		"?next=%3F_xsrf%3D2%257Cabc%257Cdef%26y":                   "?next=%3F_xsrf%3D" + gone + "%26y",
		`{"token": "ab\"c"}`:                                       `{"token": "` + gone + `"}`,
		`{"a":"{\"token\": \"abc\"}"}`:                             `{"a":"{\"token\": \"` + gone + `\"}"}`,
		`{&quot;token&quot;: &quot;abc&quot;}`:                     `{&quot;token&quot;: &quot;` + gone + `&quot;}`,
		`{&#34;token&#34;: &#34;abc&#34;}`:                         `{&#34;token&#34;: &#34;` + gone + `&#34;}`,
		`{'token': 'abc'}`:                                         `{'token': '` + gone + `'}`,
		`"buildToken": "abc", "binder_client_ip":"10.0.0.1"`:       `"buildToken": "` + gone + `", "binder_client_ip":"` + gone + `"`,
		`<body data-jupyter-api-token="abc">`:                      `<body data-jupyter-api-token="` + gone + `">`,
		`<input name="_xsrf" value="2|abc">`:                       `<input name="_xsrf" value="` + gone + `">`,
		"Authorization: token abc":                                 "Authorization: token " + gone,
		"sent token 0123456789abcdef0123":                          "sent token " + gone,
		"the JWT " + jwt + " was refused":                          "the JWT " + gone + " was refused",
		"https://user:pass@binder.test/":                           "https://user:" + gone + "@binder.test/",
		"jupyter lab --ServerApp.token=abcdef --port 1":            "jupyter lab --ServerApp.token=" + gone + " --port 1",
	} {
		r := wire.NewRedactor()
		require.Equal(t, want, r.String(in))
		require.Equal(t, want, r.String(want), "twice is once")
	}
}

func TestHealthyTextStays(t *testing.T) {
	r := wire.NewRedactor()
	for _, text := range []string{
		`{"token": ""}`, `{"token": null}`, "code=200", "/x?code=404&y", "/issues?state=closed", "?state=merged-into-default-branch",
		"Invalid build token", "a token is needed for this page", "basic troubleshooting-instructions", "token authentication-required",
		`{"execution_state": "idle"}`, `{"code": "print(1)", "status": "ok"}`, `"max_tokens": 5`, "https://binder.test:443/v2/gh/x@y",
		`<center>nginx/1.22.1</center>`, "default backend - 404", "eyJust a word", "Bearer realm", "?token=", "&token=&x=1", "[redacted]",
	} {
		require.Equal(t, text, r.String(text))
		require.Equal(t, text, r.Cut(text, 512))
	}
}

func TestCookiesThatAreNoCredentials(t *testing.T) {
	r := wire.NewRedactor()
	r.LearnCookies(http.Header{"Set-Cookie": {"theme=default", "lang=english-united-kingdom", "s=0123456789abcdefghij; Path=/", "broken"}})
	require.Equal(t, "default backend, english-united-kingdom, "+gone, r.String("default backend, english-united-kingdom, 0123456789abcdefghij"))
}

func TestHostileCookiesAreBounded(t *testing.T) {
	r := wire.NewRedactor()
	began := time.Now()
	for i := range 20_000 {
		r.LearnCookies(http.Header{"Set-Cookie": {fmt.Sprintf("c=%040d", i)}})
	}
	for range 100 {
		r.String(strings.Repeat("an ordinary line of a log\n", 100))
	}
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestShortAndOwnWordsAreNoSecrets(t *testing.T) {
	r := wire.NewRedactor("abc", "", "  ", gone, "redacted")
	require.Equal(t, "abc  [redacted] redacted", r.String("abc  [redacted] redacted"))
}

func TestHeader(t *testing.T) {
	r := wire.NewRedactor("the-secret-itself")
	got := r.Header(http.Header{
		"Authorization": {"token x"}, "Cookie": {"a=b"}, "X-Xsrftoken": {"x"}, "Cf-Access-Client-Secret": {"x"}, "X-Ratelimit-Tokens": {"12"},
		"Set-Cookie": {"session=abc; Path=/user/x/; HttpOnly", "plain=1", "nothing"}, "Location": {"/x?token=abc"}, "X-Other": {"the-secret-itself"},
		"Server": {"nginx"}, "lower": {"x"},
	})
	require.Equal(t, http.Header{
		"Authorization": {gone}, "Cookie": {gone}, "X-Xsrftoken": {gone}, "Cf-Access-Client-Secret": {gone}, "X-Ratelimit-Tokens": {"12"},
		"Set-Cookie": {"session=" + gone + "; Path=/user/x/; HttpOnly", "plain=" + gone, gone}, "Location": {"/x?token=" + gone}, "X-Other": {gone},
		"Server": {"nginx"}, "Lower": {"x"},
	}, got)
	require.Nil(t, r.Header(nil))
	many := http.Header{}
	for i := range 1000 {
		many.Set(fmt.Sprintf("X-%d", i), strings.Repeat("\x00", 1000))
	}
	size, _ := json.Marshal(r.Header(many))
	require.Less(t, len(size), 256<<10)
	require.NotEmpty(t, r.Header(many)["(dropped)"])
}

func TestCut(t *testing.T) {
	long := strings.Repeat("s3cret-", 500) // 3,500 bytes
	r := wire.NewRedactor("0123456789abcdef", long)
	for at := range 40 {
		text := strings.Repeat("x", 20+at) + "0123456789abcdef" + strings.Repeat("y", 100_000)
		got := r.Cut(text, 48)
		require.LessOrEqual(t, len(got), 48)
		for n := 4; n <= 16; n++ {
			require.NotContains(t, got, "0123456789abcdef"[:n])
		}
		got = r.Cut(strings.Repeat("x", 20+at)+long+"tail"+strings.Repeat("z", 20_000), 48)
		require.NotContains(t, got, "s3cret")
	}
	require.Equal(t, "aö", r.Cut("aöö", 4), "no half character")
	require.Equal(t, "a\uFFFDb", r.Cut("a\xffb", 10))
	require.LessOrEqual(t, len(r.Cut(strings.Repeat("\xff", 100), 50)), 50)
}

func TestPayload(t *testing.T) {
	r := wire.NewRedactor("the-secret-itself")
	in := wire.Note{Name: "step", Step: &wire.StepEnd{Error: "the-secret-itself", Fault: &wire.Fault{URL: "?token=abc", Err: http.ErrAbortHandler}}}
	out := r.Payload(in).(wire.Note)
	require.Equal(t, gone, out.Step.Error)
	require.Equal(t, "?token="+gone, out.Step.Fault.URL)
	require.Equal(t, "the-secret-itself", in.Step.Error, "the original is not touched")
	for _, data := range []any{
		wire.Event{Data: "the-secret-itself"}, wire.Frame{Data: "the-secret-itself"}, wire.Body{Prefix: "the-secret-itself"},
		wire.Console{Text: "the-secret-itself"}, wire.Close{Reason: "the-secret-itself"}, wire.DNS{Addresses: []string{"the-secret-itself"}},
		wire.TLS{Certificates: []wire.Certificate{{DNSNames: []string{"the-secret-itself"}, NotAfter: time.Now()}}},
	} {
		require.NotContains(t, fmt.Sprintf("%+v", r.Payload(data)), "the-secret-itself")
	}
	require.Nil(t, r.Payload(nil))
}

func FuzzRedactor(f *testing.F) {
	f.Add("0123456789abcdef", "x", "y", 40)
	f.Add("a b/c?d=e&f", "?token=", "&x=1", 10)
	f.Add("hunter2", `{"token": "`, `"}`, 5)
	f.Fuzz(func(t *testing.T, secret, before, after string, limit int) {
		secret = strings.TrimSpace(secret)
		if len(secret) < 6 || len(secret) > 4096 || strings.ContainsAny(secret, "[]\uFFFD") || strings.Contains(gone, secret) ||
			strings.Contains(strings.ToValidUTF8(before+after, ""), secret) {
			return
		}
		r := wire.NewRedactor(secret)
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			got := r.String(before + form + after)
			require.NotContains(t, got, secret)
			require.Equal(t, got, r.String(got), "idempotent")
			limit = 1 + (limit%1000+1000)%1000
			cut := r.Cut(before+form+after, limit)
			require.NotContains(t, cut, secret)
			require.LessOrEqual(t, len(cut), limit)
		}
	})
}

// What an ordinary kernel publishes.
const kernelFrame = `{"header":{"msg_id":"0b5d9a3e-7","msg_type":"stream","username":"root","session":"c9d0","date":"2026-11-22T18:00:00Z","version":"5.3"},` +
	`"msg_id":"0b5d9a3e-7","msg_type":"stream","parent_header":{"msg_id":"c9d0"},"metadata":{},"content":{"name":"stdout","text":"hello world\n"},"buffers":[],"channel":"iopub"}`

func learned() *wire.Redactor {
	r := wire.NewRedactor()
	for i := range 20 {
		r.Learn(fmt.Sprintf("%032x", i*7919))
	}
	return r
}

func BenchmarkRedact(b *testing.B) {
	for name, text := range map[string]string{
		"frame": kernelFrame, "large": strings.Repeat(kernelFrame, 40), "secret": kernelFrame + "?token=abcdef0123456789",
	} {
		b.Run(name, func(b *testing.B) {
			r := learned()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Cut(text, 512)
			}
		})
	}
}

func BenchmarkAddFrame(b *testing.B) {
	places := wire.NewPlaces(nil, nil)
	ctx := wire.WithStep(b.Context(), "kernel", "execute")
	tl := wire.NewTimeline(time.Now(), learned(), places, nil, wire.Limits{Records: 1 << 30, Bytes: 1 << 40, PerExchange: 1 << 30})
	id := tl.Begin(ctx, wire.Raw, wire.Open{Type: wire.TypeWebSocket})
	for b.Loop() {
		tl.Add(ctx, wire.Raw, id, wire.KindFrame, wire.Frame{Direction: wire.Received, Opcode: wire.OpText, Size: len(kernelFrame), Data: kernelFrame})
	}
}
