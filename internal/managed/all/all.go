// Package all is the one list of the services that run managed recovery.
package all

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/azure"
	"github.com/lifeboat-dr/lifeboat/internal/managed/cnpg"
	"github.com/lifeboat-dr/lifeboat/internal/managed/rds"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Open prepares the service that c names; nothing is sent to it yet. The
// surface's own URL is what connections to restored instances are made of, where
// c has none. Errors are of kind fault.Invalid.
func Open(ctx context.Context, c managed.Config, surface secret.String) (managed.Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.URL == "" {
		c.URL = surface
	}
	switch c.Kind {
	case managed.KindAzure:
		return azure.Open(ctx, c)
	case managed.KindCNPG:
		return cnpg.Open(ctx, c)
	default:
		return rds.Open(ctx, c)
	}
}
