package activities

import (
	"context"
	"slices"
	"sync"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

// heldBases are base backups whose manifests were read: they never change.
type heldBases struct {
	a *Activities

	mu sync.Mutex
	// known are those of each surface, by store and folder.
	known map[string]map[string]pitr.Base
}

func newHeldBases(a *Activities) *heldBases {
	return &heldBases{a: a, known: map[string]map[string]pitr.Base{}}
}

// status is PITRStatus for base backups that are known from the catalog: to ask
// it again reads no manifest twice.
func (h *heldBases) status(ctx context.Context, surfaceName string, points []catalog.Point) (pitr.Status, error) {
	return h.a.pitrStatus(ctx, PITRStatusInput{Surface: surfaceName}, func(ctx context.Context, surfaceName, storeName string) ([]pitr.Base, error) {
		return h.on(ctx, surfaceName, storeName, points)
	})
}

// on are the base backups that a store has.
func (h *heldBases) on(ctx context.Context, surfaceName, storeName string, points []catalog.Point) ([]pitr.Base, error) {
	h.mu.Lock()
	before := h.known[surfaceName]
	h.mu.Unlock()
	now := map[string]pitr.Base{}
	var out []pitr.Base
	for _, p := range points {
		if p.Store != storeName && !slices.Contains(p.Copies, storeName) {
			continue
		}
		key := storeName + ":" + p.Dir
		base, known := before[key]
		if !known {
			m, err := archive.ReadManifest(ctx, h.a.Stores[storeName], p.Dir)
			if fault.Is(err, fault.Missing) {
				// Retention has removed it since it was listed.
				continue
			}
			if err != nil {
				return nil, fault.While(err, "read the manifest of %s", p.ID)
			}
			base = baseOf(m, storeName, p.Dir, pitr.Marks{})
		}
		now[key] = base
		base.Marks = pitr.Marks{Verified: p.VerifiedAt != nil, Proven: p.ProvenAt != nil}
		out = append(out, base)
	}
	h.mu.Lock()
	h.known[surfaceName] = now
	h.mu.Unlock()
	return out, nil
}
