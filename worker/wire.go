// Package worker is where the parts are put together: it opens the stores and
// surfaces of a configuration, makes the steps that use them, and runs them.
package worker

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	surfaces "github.com/lifeboat-dr/lifeboat/internal/surface/all"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// Parts are what a configuration names, opened.
type Parts struct {
	Config   *config.Config
	Stores   map[string]store.Store
	Surfaces map[string]surface.Surface
	// Managed are the services that run the recovery of surfaces, by the surface's name.
	Managed     map[string]managed.Service
	Keys        *seal.Keyring
	Catalog     *catalog.Catalog
	Environment *local.Environment
	// Places are where the points of surfaces are restored into that need no
	// server on a host, by the surface's name.
	Places map[string]environment.Place
	Fence  *fence.Fence
	// Ledger and Drills are opened by Evidence, and nil where there can be no
	// evidence; NoLedger says why.
	Ledger   *evidence.Ledger
	Drills   *drills.Archive
	NoLedger string
	// Version of this program.
	Version string
	// opened are the stores without the fence.
	opened map[string]store.Store
	// converter reads what is in Temporal's histories.
	converter converter.DataConverter
}

// Open opens the parts. It connects to nothing yet.
func Open(ctx context.Context, c *config.Config, version string) (*Parts, error) {
	p := &Parts{
		Version: version, Fence: fence.New(c.DataDir), Config: c, Stores: map[string]store.Store{}, Surfaces: map[string]surface.Surface{},
		Managed: map[string]managed.Service{}, Environment: local.New(c.DataDir),
	}
	if err := c.CheckTargets(clients.Same); err != nil {
		return nil, err
	}
	var err error
	if p.Keys, err = seal.NewKeyring(c.Encryption); err != nil {
		return nil, fault.While(err, "encryption")
	}
	t := temporalclient.Options{CodecKey: c.Temporal.CodecKey, OldCodecKeys: c.Temporal.OldCodecKeys}
	if p.converter, err = t.Converter(); err != nil {
		return nil, fault.While(err, "temporal.codecKey")
	}
	opened := map[string]store.Store{}
	for name, sc := range c.Stores {
		if opened[name], err = stores.Open(ctx, sc); err != nil {
			return nil, fault.While(err, "store %s", name)
		}
		p.Stores[name] = fence.WrapStore(name, opened[name], p.Fence)
	}
	for name, sc := range c.Surfaces {
		if p.Surfaces[name], err = surfaces.Open(name, sc.Config); err != nil {
			return nil, fault.While(err, "surface %s", name)
		}
		if sc.Managed == nil {
			continue
		}
		if p.Managed[name], err = openManaged(ctx, sc); err != nil {
			return nil, fault.While(err, "provider of surface %s", name)
		}
	}
	if p.Places, err = Places(c); err != nil {
		return nil, err
	}
	p.Catalog = catalog.New(named(c, p.Stores))
	p.opened = opened
	return p, nil
}

// named lists the stores in the order of trust: those that policies write to
// before those that they copy to, each by name.
func named(c *config.Config, opened map[string]store.Store) []catalog.Named {
	first := map[string]bool{}
	for _, policy := range c.Policies {
		first[policy.Store] = true
	}
	out := make([]catalog.Named, 0, len(opened))
	for name, st := range opened {
		out = append(out, catalog.Named{Name: name, Store: st, Prefix: c.PointsPrefix})
	}
	slices.SortFunc(out, func(a, b catalog.Named) int {
		if first[a.Name] != first[b.Name] {
			if first[a.Name] {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// Activities are the steps on these parts.
func (p *Parts) Activities(c client.Client) *activities.Activities {
	return &activities.Activities{
		Config: p.Config, Stores: p.Stores, Surfaces: p.Surfaces, Managed: p.Managed, Keys: p.Keys, Catalog: p.Catalog,
		Environment: p.Environment, Places: p.Places, Client: c, Host: Host(p.Config.DataDir), Version: p.Version,
		Ledger: p.Ledger, Drills: p.Drills, NoLedger: p.NoLedger, Fence: p.Fence,
		Slots: activities.NewSlots(p.Config.Parallel), Watch: p.watch(c),
	}
}

// Host names this host and data folder: the place where restored servers live.
// It is the same after a restart, so that their steps find them again.
func Host(dataDir string) string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	digest := seal.DigestOf([]byte(dataDir))
	return name + "-" + digest[len(digest)-8:]
}
