package browser

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

// consoleOf returns the timeline's console lines at a level.
func consoleOf(tl *wire.Timeline, level string) (lines []string) {
	for r := range tl.Records() {
		if r.Kind == wire.KindConsole {
			x := wire.Fold(func(yield func(wire.Record) bool) { r.Exchange = 1; yield(r) })
			if c := x[0].Console[0]; c.Level == level {
				lines = append(lines, c.Text)
			}
		}
	}
	return lines
}

func TestConsole(t *testing.T) {
	// The script comes first: the page is Lab's only when it has run.
	d := newDouble(t, Options{}, lab().with("/user/jo-1/", html(`<script>
		console.log("hello", 42, "token=`+token+`");
		for (let i = 0; i < 2000; i++) console.warn("again");
	</script>`+labPage)))
	require.NoError(t, d.browser.OpenServer(limited(t, 20*time.Second), serverURL, token))
	require.NoError(t, d.browser.WaitLab(limited(t, 20*time.Second)))
	require.NoError(t, d.browser.Close(context.Background()))
	require.Equal(t, []string{"hello 42 token=[redacted]"}, consoleOf(d.tl, "log"))
	require.Less(t, len(consoleOf(d.tl, "warning")), maxConsole+1)
	require.Greater(t, len(consoleOf(d.tl, "warning")), maxConsole/2)
}
