package worker

import (
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/kubernetes"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/gitconfig"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects"
)

// Places are where the points of surfaces are restored into that need no server
// on a host, by the surface's name. It connects to nothing.
func Places(c *config.Config) (map[string]environment.Place, error) {
	out := map[string]environment.Place{}
	for name, sc := range c.Surfaces {
		place, err := placeOf(c, name, sc)
		if err != nil {
			return nil, fault.While(err, "where surface %s is restored into", name)
		}
		if place != nil {
			out[name] = place
		}
	}
	return out, nil
}

// placeOf is nil for a surface that is restored into a server on a host.
func placeOf(c *config.Config, name string, sc config.Surface) (environment.Place, error) {
	switch sc.Kind {
	case surface.KindKubernetes, surface.KindVelero:
		// Without an environment it is namespaces of their own on the same cluster.
		on := environment.Cluster{Config: sc.Cluster.Config}
		if named, ok := c.Environments[sc.Environment]; ok {
			on = named.Cluster
		}
		return &lazyPlace{lazily[environment.Place]{open: func() (environment.Place, error) { return kubernetes.New(on) }}}, nil
	case surface.KindObjects:
		s, err := objects.New(name, sc.Config)
		if err != nil {
			return nil, err
		}
		return s.Places(), nil
	case surface.KindGit:
		return gitconfig.NewPlaces(c.DataDir), nil
	default:
		return nil, nil
	}
}
