package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestTheMarkerKeepsTheTime(t *testing.T) {
	t.Parallel()
	url := servers.Postgres(t).URL
	s := newSurface(t, url)
	target := surface.Target{URL: secret.String(url)}
	if _, err := s.Marked(t.Context(), target); !fault.Is(err, fault.Missing) {
		t.Fatalf("before any mark: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Mark(ctx, 10*time.Millisecond) }()
	deadline := time.Now().Add(time.Minute)
	var first time.Time
	for {
		at, err := s.Marked(t.Context(), target)
		if err == nil && first.IsZero() {
			first = at
		}
		if err == nil && at.After(first) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the marker does not advance from %v: %v", first, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("marking ended with %v", err)
	}
}
