// Package all is the one list of the kinds of surface.
package all

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/gitconfig"
	"github.com/lifeboat-dr/lifeboat/internal/surface/kubernetes"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/redis"
	"github.com/lifeboat-dr/lifeboat/internal/surface/telemetry"
	"github.com/lifeboat-dr/lifeboat/internal/surface/velero"
)

// Open makes a surface from its configuration. It connects to nothing; it fails
// with fault.Invalid when the configuration makes no sense.
func Open(name string, c surface.Config) (surface.Surface, error) {
	switch c.Kind {
	case postgres.Kind:
		return postgres.New(name, c)
	case redis.Kind:
		return redis.New(name, c)
	case surface.KindKubernetes:
		return kubernetes.New(name, c)
	case surface.KindVelero:
		return velero.New(name, c)
	case surface.KindObjects:
		return objects.New(name, c)
	case surface.KindTelemetry:
		return telemetry.New(name, c)
	case surface.KindGit:
		return gitconfig.New(name, c)
	default:
		return nil, fault.New(fault.Invalid, "kind %q is none of %s", c.Kind, strings.Join(surface.Kinds, ", "))
	}
}
