package scenarios_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/binder"
	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// minimal is the raw journey as a script would make it: launch page, build stream, the server's API, a large file there and
// back, a kernel, one cell. It records nothing and looks at next to nothing.
type minimal struct {
	http   *http.Client
	target smoke.Target
	roots  *x509.CertPool
	token  string
}

// do asks once and returns the body.
func (m *minimal) do(method, u, body string) ([]byte, error) {
	request, err := http.NewRequest(method, u, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if m.token != "" {
		request.Header.Set("Authorization", "token "+m.token)
	}
	response, err := m.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(response.Body)
}

var tokenOnPage = regexp.MustCompile(`"buildToken":\s*"([^"]*)"`)

func (m *minimal) launch() (s launchedServer, err error) {
	page, err := m.do(http.MethodGet, m.target.Binder.String()+"v2/"+m.target.Spec, "")
	if err != nil {
		return s, err
	}
	token := tokenOnPage.FindSubmatch(page)[1]
	request, err := http.NewRequest(http.MethodGet, m.target.Binder.String()+"build/"+m.target.Spec+"?build_token="+string(token), nil)
	if err != nil {
		return s, err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := m.http.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, isData := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if isData && json.Unmarshal(data, &s) == nil && s.URL != "" {
			return s, nil
		}
	}
	return s, errors.New("the stream ended")
}

// cell runs code over the kernel's websocket, in the older framing, and returns what it printed.
func (m *minimal) cell(s launchedServer, kernel, code string) (printed string, err error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", err
	}
	conn, err := tls.Dial("tcp", m.target.Resolve[u.Host+":443"], &tls.Config{RootCAs: m.roots, ServerName: u.Host})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	config, err := websocket.NewConfig("wss://"+u.Host+u.Path+"api/kernels/"+kernel+"/channels", "https://"+u.Host)
	if err != nil {
		return "", err
	}
	config.Header.Set("Authorization", "token "+s.Token)
	socket, err := websocket.NewClient(config, conn)
	if err != nil {
		return "", err
	}
	socket.MaxPayloadBytes = 32 << 20
	err = websocket.JSON.Send(socket, map[string]any{
		"channel": "shell", "header": map[string]string{"msg_id": "1", "session": "s", "username": "u", "msg_type": "execute_request", "version": "5.3"},
		"parent_header": struct{}{}, "metadata": struct{}{}, "content": map[string]any{"code": code, "silent": false, "allow_stdin": false},
	})
	for replied, idle := false, false; err == nil && (!replied || !idle); {
		var message struct {
			Channel string
			Parent  struct {
				ID string `json:"msg_id"`
			} `json:"parent_header"`
			Content struct {
				Text  string
				State string `json:"execution_state"`
			}
		}
		err = websocket.JSON.Receive(socket, &message)
		if message.Parent.ID == "1" {
			printed += message.Content.Text
			replied, idle = replied || message.Channel == "shell", idle || message.Content.State == "idle"
		}
	}
	return printed, err
}

func (m *minimal) journey(content []byte, code string) (launchedServer, string, error) {
	m.token = ""
	s, err := m.launch()
	if err != nil {
		return s, "", err
	}
	m.token = s.Token
	file := `{"type": "file", "format": "base64", "content": "` + base64.StdEncoding.EncodeToString(content) + `"}`
	var answers [4][]byte
	for i, ask := range [][3]string{
		{http.MethodGet, "api"}, {http.MethodPut, "api/contents/large.bin", file}, {http.MethodGet, "api/contents/large.bin?type=file&format=base64"},
		{http.MethodPost, "api/kernels", `{"name": "python3"}`},
	} {
		if answers[i], err = m.do(ask[0], s.URL+ask[1], ask[2]); err != nil {
			return s, "", err
		}
	}
	var model struct{ Content []byte }
	var kernel struct{ ID string }
	if err := errors.Join(json.Unmarshal(answers[2], &model), json.Unmarshal(answers[3], &kernel)); err != nil || !bytes.Equal(model.Content, content) {
		return s, "", errors.New("another file, or no kernel")
	}
	printed, err := m.cell(s, kernel.ID, code)
	return s, printed, err
}

// ours is the same journey by the suite's clients, with everything recorded as in a run.
func ours(b *testing.B, target smoke.Target, roots *x509.CertPool, content []byte, code string) (launchedServer, string, error) {
	sink, err := os.Create(filepath.Join(b.TempDir(), "timeline.ndjson"))
	require.NoError(b, err)
	defer sink.Close()
	timeline := wire.NewTimeline(time.Now(), wire.NewRedactor(), wire.NewPlaces(target.Binder, target.Hub), sink, wire.Limits{})
	net := wire.NewNetwork(wire.Config{Timeline: timeline, Meter: &wire.Meter{}, Resolve: target.Resolve, Roots: roots, UserAgent: "smoke-test/1"})
	defer net.Close()
	ctx := wire.WithStep(b.Context(), "launch", "spawn")
	client := binder.New(net, target.Binder, "")
	token, err := client.BuildToken(ctx, target.Spec)
	if err != nil {
		return launchedServer{}, "", err
	}
	launch := client.Launch(ctx, target.Spec, token)
	defer launch.Close()
	if _, err := launch.Await(ctx); err != nil {
		return launchedServer{}, "", err
	}
	s := launchedServer{URL: launch.Ready().URL, Token: launch.Ready().Token}
	printed, err := oursOn(ctx, jupyter.NewServer(net, s.URL, s.Token), content, code)
	return s, printed, errors.Join(err, timeline.Flush())
}

func oursOn(ctx context.Context, server *jupyter.Server, content []byte, code string) (string, error) {
	if _, err := server.Version(ctx); err != nil {
		return "", err
	}
	if err := server.WriteFile(ctx, "large.bin", content); err != nil {
		return "", err
	}
	if err := server.CompareFile(ctx, "large.bin", content); err != nil {
		return "", err
	}
	kernel, err := server.StartKernel(ctx, "python3")
	if err != nil {
		return "", err
	}
	channel, err := server.OpenChannel(ctx, kernel.ID)
	if err != nil {
		return "", err
	}
	defer channel.Close()
	out, err := channel.Execute(ctx, code)
	return out.Text, err
}

// BenchmarkRawJourney makes the journey in turn by a minimal client and by the suite's, and reports the time of each, the
// processor time that this program spends on each, and how many times the minimal client's ours is, by medians.
func BenchmarkRawJourney(b *testing.B) {
	d := deployment(b)
	target := loopback(b, d)
	roots := x509.NewCertPool()
	require.True(b, roots.AppendCertsFromPEM(target.CA))
	content := make([]byte, 4_000_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	script := &minimal{http: d.Client(), target: target, roots: roots}
	var times, work [2][]float64
	for b.Loop() {
		for i, journey := range []func(code string) (launchedServer, string, error){
			func(code string) (launchedServer, string, error) { return script.journey(content, code) },
			func(code string) (launchedServer, string, error) { return ours(b, target, roots, content, code) },
		} {
			began, spent := time.Now(), processorTime(b)
			s, printed, err := journey("print(6 * 7)")
			times[i], work[i] = append(times[i], time.Since(began).Seconds()), append(work[i], processorTime(b)-spent)
			require.NoError(b, err)
			require.Equal(b, "42\n", printed)
			dismiss(b, d, s.user())
		}
	}
	b.ReportMetric(median(times[0]), "s/minimal")
	b.ReportMetric(median(times[1]), "s/suite")
	b.ReportMetric(median(times[1])/median(times[0]), "times")
	b.ReportMetric(median(work[0])*1000, "cpu-ms/minimal")
	b.ReportMetric(median(work[1])*1000, "cpu-ms/suite")
}

// processorTime is what this process has spent so far, in seconds. Its BinderHub is in it, on both sides.
func processorTime(b *testing.B) float64 {
	var use syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
