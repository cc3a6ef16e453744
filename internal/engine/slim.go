//go:build slim

package engine

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Embedded reports whether this build has an engine to start.
const Embedded = false

// Start always fails with fault.Unsupported: the build tag slim left the engine out.
func Start(context.Context, Options) (*Engine, error) {
	return nil, fault.New(fault.Unsupported, "this build has no embedded engine: set temporal.address")
}
