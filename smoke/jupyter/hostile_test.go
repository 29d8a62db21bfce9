package jupyter_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// A kernel that floods: what is kept of its text is bounded, and the reply is found behind it.
func TestVeryManyMessages(t *testing.T) {
	c := channel(t, true, func(k *kernel) {
		flood := v1(stream(strings.Repeat("x", 20)), k.parent)
		for range 100_000 {
			k.write(flood)
		}
		k.send(k.parent, reply)
		k.send(k.parent, idle)
	})
	out, err := c.Execute(within(t, 60*time.Second), "flood()")
	require.NoError(t, err)
	require.Equal(t, "ok", out.Status)
	require.Len(t, out.Text, 1<<20)
}

// Redirects that lead ever further are followed as far as a browser does.
func TestRedirectsWithoutEnd(t *testing.T) {
	var asked atomic.Int32
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("/user/x/%d/", asked.Add(1)), http.StatusFound)
	})
	_, _, err := s.Visit(within(t, 5*time.Second))
	f := fault(t, err)
	require.Equal(t, wire.Redirected, f.Symptom)
	require.Contains(t, f.Error(), "expected a page, got 20 redirects")
	require.Len(t, f.Exchanges, 20)
	require.EqualValues(t, 20, asked.Load())
}

// What a server says of itself comes out as printable text, in whatever place it stands.
func TestHostileWords(t *testing.T) {
	const words = "\x1b[2J\x1b]0;owned\x07<script>\u202e\u009b31m"
	quoted, err := json.Marshal(words)
	require.NoError(t, err)
	s := server(t, answering(200, "application/json", `{"name": `+string(quoted)+`, "id": "", "content": `+string(quoted)+`}`))
	ctx := within(t, 5*time.Second)
	var faults []error
	_, err = s.Version(ctx)
	faults = append(faults, err)
	_, err = s.DefaultKernelspec(ctx)
	faults = append(faults, err)
	_, err = s.StartKernel(ctx, "python3")
	faults = append(faults, err, s.CompareFile(ctx, "x", nil))
	c := channel(t, true, func(k *kernel) { k.write([]byte(words)) })
	faults = append(faults, c.Info(ctx), c.Fault(wire.WrongOutput, "x", words))
	for _, err := range faults {
		for _, r := range fault(t, err).Error() {
			require.True(t, r >= ' ' && r != 0x7f && !(r >= 0x80 && r < 0xa0) && r != '\u202e', "%q in %q", r, err)
		}
	}
}
