package activities

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/walarchive"
)

// heldBases are base backups whose manifests were read: they never change; and
// the WAL that was listed beside them.
type heldBases struct {
	a *Activities

	mu sync.Mutex
	// known are those of each surface, by store and folder.
	known map[string]map[string]pitr.Base
	// archives are those whose WAL was listed whole, by surface.
	archives map[string]listedWAL
}

// listedWAL is an archive whose WAL was listed whole at a moment, when the
// surface had such base backups.
type listedWAL struct {
	archive *walarchive.Archive
	at      time.Time
	bases   []string
}

// listWhole is after how long WAL is listed whole again; until then what has
// come since is.
const listWhole = time.Hour

func newHeldBases(a *Activities) *heldBases {
	return &heldBases{a: a, known: map[string]map[string]pitr.Base{}, archives: map[string]listedWAL{}}
}

// status is PITRStatus for base backups that are known from the catalog: to ask
// it again reads no manifest twice, and lists no WAL that was listed before.
func (h *heldBases) status(ctx context.Context, surfaceName string, points []catalog.Point) (pitr.Status, error) {
	return h.a.pitrStatus(ctx, PITRStatusInput{Surface: surfaceName}, means{
		wal: func(ctx context.Context, surfaceName, storeName string) (*walarchive.Archive, pitr.Holdings, error) {
			return h.wal(ctx, surfaceName, storeName, points)
		},
		bases: func(ctx context.Context, surfaceName, storeName string) ([]pitr.Base, error) {
			return h.on(ctx, surfaceName, storeName, points)
		},
	})
}

// wal lists WAL: all of it once an hour, and when base backups have come or gone,
// as retention removes WAL with them; otherwise what has come since.
func (h *heldBases) wal(ctx context.Context, surfaceName, storeName string, points []catalog.Point) (*walarchive.Archive, pitr.Holdings, error) {
	var bases []string
	for _, p := range points {
		bases = append(bases, p.ID)
	}
	h.mu.Lock()
	listed, known := h.archives[surfaceName]
	h.mu.Unlock()
	if known && time.Since(listed.at) < listWhole && slices.Equal(bases, listed.bases) {
		found, err := listed.archive.HoldingsSince(ctx)
		return listed.archive, found, fault.While(err, "list the new WAL of %s on %s", surfaceName, storeName)
	}
	at := time.Now()
	archived, found, err := h.a.walHoldings(ctx, surfaceName, storeName)
	if err == nil {
		h.mu.Lock()
		h.archives[surfaceName] = listedWAL{archived, at, bases}
		h.mu.Unlock()
	}
	return archived, found, err
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
