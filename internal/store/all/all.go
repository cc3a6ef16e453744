// Package all has the one list of stores.
package all

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/azure"
	"github.com/lifeboat-dr/lifeboat/internal/store/gcs"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/store/s3"
)

var kinds = map[string]func(context.Context, store.Config) (store.Store, error){
	"s3":    s3.Open,
	"azure": azure.Open,
	"gcs":   gcs.Open,
	"local": local.Open,
}

// Open opens the store that a configuration names. The error is of kind
// fault.Invalid when the configuration can't be right, and says what to change.
// Whether the store can be reached is what its Check finds out.
func Open(ctx context.Context, c store.Config) (store.Store, error) {
	open, ok := kinds[c.Kind]
	if !ok {
		return nil, fault.New(fault.Invalid, "kind of a store must be s3, azure, gcs or local; it is %q", c.Kind)
	}
	return open(ctx, c)
}
