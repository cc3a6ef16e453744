package local

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Two environments of one data folder are like those of two processes: the
// kernel tells open files apart, not processes.
func TestLocksHoldBetweenProcesses(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	one, other := New(dir), New(dir)
	_, unlock, err := one.lock(t.Context(), "pg")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*lockEvery)
	defer cancel()
	if err := other.Stop(short, "pg"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop what another process works on: %v", err)
	}
	unlock()
	if _, err := other.Exclusively(t.Context(), "pg", "part"); !fault.Is(err, fault.Missing) {
		t.Errorf("a part of what was never prepared: %v", err)
	}
	prepare(t, one, "pg")
	release, err := one.Exclusively(t.Context(), "pg", "part-1")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel = context.WithTimeout(t.Context(), 2*lockEvery)
	defer cancel()
	if _, err := other.Exclusively(short, "pg", "part-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the same part twice: %v", err)
	}
	second, err := other.Exclusively(t.Context(), "pg", "part-2")
	if err != nil {
		t.Fatal(err)
	}
	second()
	release()
	if err := other.Stop(t.Context(), "pg"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(one.lockPath("pg")); !os.IsNotExist(err) {
		t.Errorf("the lock's file was left behind: %v", err)
	}
}

// A lock whose file is removed by its holder is still held by one at a time.
func TestRemovedLocksAreHeldByOne(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	var inside, rounds atomic.Int32
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 4 {
		all.Go(func() {
			e := New(dir)
			for range 10 {
				_, unlock, err := e.lock(ctx, "pg")
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				rounds.Add(1)
				_ = os.Remove(e.lockPath("pg"))
				inside.Add(-1)
				unlock()
			}
		})
	}
	all.Wait()
	if rounds.Load() != 40 {
		t.Errorf("%d rounds", rounds.Load())
	}
}
