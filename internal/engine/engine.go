// Package engine runs Temporal inside this process, on one SQLite file, so that
// `lifeboat up` needs no other service. Only this package may import the
// server: with the build tag slim it is left out of the binary, and Start says so.
package engine

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/temporal"
)

// DefaultNamespace is the namespace that an engine has unless told otherwise.
const DefaultNamespace = "default"

// DefaultRetention is how long the history of a finished run is kept.
const DefaultRetention = 90 * 24 * time.Hour

// Options say where an engine keeps its file and where it listens.
type Options struct {
	// Dir holds the database, the lock and the record of the running engine. It
	// is made, readable for its owner alone, when it is missing.
	Dir string
	// FrontendPort is where clients and workers connect, on 127.0.0.1: nothing
	// authenticates them. 0 takes the last one, or a free port; a taken one fails with fault.Conflict.
	FrontendPort int
	// UIPort is where the Web UI listens. 0 takes a free port; in place of a
	// taken one a free one is used, with a warning: a page is no reason not to run.
	UIPort int
	// UIHost is the address that the Web UI listens on, 127.0.0.1 when empty.
	// Whoever reaches it can do what the engine can do.
	UIHost string
	// Namespace is DefaultNamespace when empty.
	Namespace string
	// Retention is DefaultRetention when 0. It applies to an existing namespace too.
	Retention time.Duration
	// SearchAttributes are known to the namespace before Start returns.
	SearchAttributes []temporal.SearchAttributeKey
	// Logger gets what the engine warns about; nil discards it.
	Logger *slog.Logger
}

// withDefaults fills in what was left empty.
func (o Options) withDefaults() Options {
	if o.UIHost == "" {
		o.UIHost = loopback
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// loopback is the only address on which the engine's own services listen.
const loopback = "127.0.0.1"

// Engine is a running Temporal.
type Engine struct {
	record    Record
	namespace string
	failed    <-chan error
	stop      func(context.Context) error
}

// Address is the host:port that clients and workers dial.
func (e *Engine) Address() string { return e.record.Address }

// UIURL is where a browser finds the Web UI.
func (e *Engine) UIURL() string { return e.record.UIURL }

// Namespace is the namespace that Start made ready.
func (e *Engine) Namespace() string { return e.namespace }

// Failed yields one error when the engine can no longer work. Its file is safe:
// end the process and start again.
func (e *Engine) Failed() <-chan error { return e.failed }

// Stop ends the engine within five seconds, or sooner when ctx ends. Close the
// clients and workers first. A second call does nothing. What runs is on file
// and goes on with the next Start.
func (e *Engine) Stop(ctx context.Context) error { return e.stop(ctx) }
