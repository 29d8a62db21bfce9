package state

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunsTakeTurns(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir).Target(binder), open(t, dir).Target(binder)
	end, err := first.Turn(t.Context(), "")
	require.NoError(t, err)

	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = second.Turn(short, "")
	require.ErrorContains(t, err, fmt.Sprintf("another run (process %d since ", os.Getpid()))

	elsewhere, err := second.Turn(t.Context(), "192.0.2.1")
	require.NoError(t, err, "another deployment of the same name")
	elsewhere()
	again, err := first.Turn(t.Context(), "")
	require.NoError(t, err, "targets of one run share their turn")

	took := make(chan error, 1)
	go func() {
		release, err := second.Turn(t.Context(), "")
		if err == nil {
			release()
		}
		took <- err
	}()
	end()
	end() // ends it once
	select {
	case <-took:
		assert.Fail(t, "a turn ended while somebody had it")
	default:
	}
	again()
	require.NoError(t, <-took)
}
