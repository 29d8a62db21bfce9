package wire_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"binderhub-smoke/smoke/wire"
)

func TestMeterMeasuresTheUnion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m wire.Meter
		first := m.Begin()
		time.Sleep(time.Second)
		second := m.Begin() // overlaps
		time.Sleep(time.Second)
		first()
		first() // once more does nothing
		time.Sleep(time.Second)
		require.Equal(t, 3*time.Second, m.Total(), "one is still open")
		second()
		time.Sleep(time.Hour)
		require.Equal(t, 3*time.Second, m.Total())
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { defer m.Begin()(); time.Sleep(time.Second) })
		}
		all.Wait()
		require.Equal(t, 4*time.Second, m.Total())
	})
	var none *wire.Meter
	none.Begin()()
}
