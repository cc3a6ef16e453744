// Package all is the one list of the kinds of surface.
package all

import (
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/redis"
)

// Open makes a surface from its configuration. It connects to nothing; it fails
// with fault.Invalid when the configuration makes no sense.
func Open(name string, c surface.Config) (surface.Surface, error) {
	switch c.Kind {
	case postgres.Kind:
		return postgres.New(name, c)
	case redis.Kind:
		return redis.New(name, c)
	default:
		return nil, fault.New(fault.Invalid, "kind %q is none of %s and %s", c.Kind, postgres.Kind, redis.Kind)
	}
}
