package worker

import (
	"cmp"
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	services "github.com/lifeboat-dr/lifeboat/internal/managed/all"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// openManaged prepares the service that runs a surface's recovery.
func openManaged(ctx context.Context, sc config.Surface) (managed.Service, error) {
	u, err := connection(sc)
	if err != nil {
		return nil, err
	}
	c := *sc.Managed
	c.URL = u
	if c.Kind == managed.KindCNPG {
		// Its kubeconfig may be away, as it is where the cluster is lost.
		return &lazyService{lazily[managed.Service]{open: func() (managed.Service, error) { return services.Open(ctx, c, sc.URL) }}}, nil
	}
	return services.Open(ctx, c, sc.URL)
}

// connection is the URL that those of restored instances are made of: the
// service's or else the surface's, with the surface's TLS files.
func connection(sc config.Surface) (secret.String, error) {
	return postgres.WithFiles(cmp.Or(sc.Managed.URL, sc.URL), sc.Config)
}

// managedURL is the URL of an instance that a provider restored, with its
// password, which is that of the source. It is Missing where the provider is no
// longer in the configuration.
func (p *Parts) managedURL(r workflows.RecoverResult) (string, error) {
	sc, service := p.Config.Surfaces[r.Surface], p.Managed[r.Surface]
	if sc.Managed == nil || service == nil {
		return "", fault.New(fault.Missing, "surface %s has no provider of recovery in the configuration any more", r.Surface)
	}
	if sc.Managed.Kind == managed.KindCNPG {
		// Its instances may have credentials of their own, which are on the cluster.
		ctx, cancel := context.WithTimeout(context.Background(), placeWithin)
		defer cancel()
		u, err := service.Connect(ctx, r.Instance)
		return u.Reveal(), err
	}
	u, err := connection(sc)
	if err != nil {
		return "", err
	}
	u, err = managed.At(u, r.Address)
	return u.Reveal(), err
}
