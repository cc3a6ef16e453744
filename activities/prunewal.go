package activities

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/catalog/retention"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

// addParents fills in which base backups build on which.
func (a *Activities) addParents(ctx context.Context, storeName, surfaceName string, points []retention.Point) error {
	bases, err := a.bases(ctx, surfaceName, storeName)
	if err != nil {
		return err
	}
	parents := map[string]string{}
	for _, b := range bases {
		parents[b.ID] = b.Parent
	}
	for i := range points {
		points[i].Parent = parents[points[i].ID]
	}
	return nil
}

// pruneWAL removes the WAL that none of the base backups needs which are still
// there, whichever policy or person made them. Without any base nothing goes.
func (a *Activities) pruneWAL(ctx context.Context, surfaceName, storeName string) error {
	// A point that can't be read, such as one of a newer version, may be a base
	// backup that needs any of it.
	unreadable, err := a.unreadable(ctx, surfaceName, storeName)
	if err != nil || unreadable {
		return err
	}
	h, err := a.holdings(ctx, surfaceName, storeName)
	if fault.Is(err, fault.Missing) {
		return nil
	}
	if err != nil {
		return fault.While(err, "no WAL is deleted")
	}
	ids := make([]string, len(h.holdings.Bases))
	for i, b := range h.holdings.Bases {
		ids[i] = b.ID
	}
	surplus := pitr.Retain(h.holdings, ids)
	if err := h.wal.Delete(ctx, surplus.Segments...); err != nil {
		return fault.While(err, "delete WAL of %s that no base backup needs", surfaceName)
	}
	return fault.While(h.wal.DeleteHistories(ctx, surplus.Histories...), "delete histories of %s", surfaceName)
}

// unreadable reports whether a store has a point of the surface whose manifest can't be read.
func (a *Activities) unreadable(ctx context.Context, surfaceName, storeName string) (bool, error) {
	one := catalog.New([]catalog.Named{{Name: storeName, Store: a.Stores[storeName], Prefix: a.Config.PointsPrefix}})
	points, err := one.List(ctx, catalog.Query{Surface: surfaceName})
	return slices.ContainsFunc(points, func(p catalog.Point) bool { return p.State == catalog.StateCorrupt }), err
}
