package redis

import (
	"context"
	"sync/atomic"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// view plans one part. It keeps nothing open.
type view struct {
	source address
	server surface.Server
	part   surface.Part
	closed atomic.Bool
}

// Token implements surface.View. Whoever can reach the server can dump it.
func (v *view) Token() string { return "" }

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return []surface.Part{v.part} }

// Fingerprint implements surface.View.
func (v *view) Fingerprint() surface.Fingerprint { return nil }

// Check implements surface.View.
func (v *view) Check(ctx context.Context) error {
	if v.closed.Load() {
		return fault.New(fault.Lost, "the view of %s was closed", v.source)
	}
	c := v.source.open(ctx, 0)
	defer c.Close()
	return v.source.failure(c.Ping(ctx).Err(), "ping")
}

// Close implements surface.View.
func (v *view) Close() error {
	v.closed.Store(true)
	return nil
}
