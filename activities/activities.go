// Package activities holds the steps: each does one thing to the outside
// world, may be run again, and reports what it is doing while it runs.
package activities

import (
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
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
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Activities are the steps with what they work on. All fields must be set, but for those of the ledger.
type Activities struct {
	Config *config.Config
	// Stores and Surfaces are those of the configuration, by name.
	Stores   map[string]store.Store
	Surfaces map[string]surface.Surface
	// Managed are the services that run the recovery of surfaces, by the surface's name.
	Managed     map[string]managed.Service
	Keys        *seal.Keyring
	Catalog     *catalog.Catalog
	Environment *local.Environment
	// Places are where the points of surfaces are restored into that need no
	// server on a host, by the surface's name; the others have none.
	Places map[string]environment.Place
	// Ledger and Drills are nil where there can be no evidence; NoLedger says why.
	Ledger   *evidence.Ledger
	Drills   *drills.Archive
	NoLedger string
	// Fence keeps annual drills from what is live.
	Fence *fence.Fence
	// Client signals workflows from long steps.
	Client client.Client
	// Host names this worker's host; its own task queue carries the name.
	Host string
	// Version is written into manifests.
	Version string
	// Slots bound the steps that move bytes.
	Slots Slots
	// Watch is what Observe needs, and nothing else.
	Watch Watch
}

// Point is a recovery point in the making, as the steps of one snapshot pass it on.
type Point struct {
	ID      string `json:"id"`
	Surface string `json:"surface"`
	Store   string `json:"store"`
	Dir     string `json:"dir"`
	// Recipients are the public keys that its parts are encrypted for.
	Recipients   []string `json:"recipients,omitempty"`
	IdentityFile string   `json:"identityFile,omitempty"`
	// LockedUntil is until when its store is to keep it unchanged; zero for no lock.
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
}

func (a *Activities) store(name string) (store.Store, error) {
	st, ok := a.Stores[name]
	if !ok {
		return nil, fault.New(fault.Missing, "store %q is not in the configuration", name)
	}
	return st, nil
}

func (a *Activities) surface(name string) (surface.Surface, error) {
	s, ok := a.Surfaces[name]
	if !ok {
		return nil, fault.New(fault.Missing, "surface %q is not in the configuration", name)
	}
	return s, nil
}
