package walarchive

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Cluster says whose WAL an archive has. It is stored once, as cluster.json.
type Cluster struct {
	// SystemID is the cluster's database system identifier.
	SystemID uint64 `json:"systemId,string"`
	// SegmentSize is in bytes; a cluster keeps it for its life.
	SegmentSize int64 `json:"segmentSize"`
}

type clusterFile struct {
	Format int `json:"format"`
	Cluster
}

func (c *clusterFile) valid() error {
	switch {
	case c.SystemID == 0:
		return fault.New(fault.Corrupt, "it has no system identifier")
	case !wal.ValidSegmentSize(c.SegmentSize):
		return fault.New(fault.Corrupt, "%d bytes is no size of a WAL segment", c.SegmentSize)
	}
	return nil
}

// Cluster returns whose WAL is stored; fault.Missing when none is.
func (a *Archive) Cluster(ctx context.Context) (Cluster, error) {
	a.mu.Lock()
	known := a.cluster
	a.mu.Unlock()
	if known.SystemID != 0 {
		return known, nil
	}
	var c clusterFile
	err := a.readJSON(ctx, a.key(clusterName), &c)
	if fault.Is(err, fault.Missing) {
		return Cluster{}, fault.New(fault.Missing, "the store has no WAL of %s", a.surface)
	} else if err != nil {
		return Cluster{}, err
	}
	a.mu.Lock()
	a.cluster = c.Cluster
	a.mu.Unlock()
	return c.Cluster, nil
}

// join makes the archive that of a cluster, or checks that it is: two clusters'
// WAL has the same names, and must not meet in one place.
func (a *Archive) join(ctx context.Context, c Cluster) error {
	file := clusterFile{Format: FormatVersion, Cluster: c}
	if err := file.valid(); err != nil {
		return fault.Wrap(fault.Invalid, err, "the cluster of %s", a.surface)
	}
	err := a.belongs(ctx, c)
	if !fault.Is(err, fault.Missing) {
		return err
	}
	if err := a.writeJSON(ctx, a.key(clusterName), file, true); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	return a.belongs(ctx, c)
}

// belongs is fault.Missing as long as the archive is nobody's.
func (a *Archive) belongs(ctx context.Context, c Cluster) error {
	stored, err := a.Cluster(ctx)
	switch {
	case err != nil:
		return err
	case stored.SystemID != c.SystemID:
		return fault.New(fault.Conflict, "the store has WAL of another cluster for %s: system identifier %d, the server's is %d; "+
			"give the new cluster a surface of its own, or move %s away", a.surface, stored.SystemID, c.SystemID, a.key())
	case stored.SegmentSize != c.SegmentSize:
		return fault.New(fault.Conflict, "the store has WAL segments of %d bytes for %s, the server's have %d", stored.SegmentSize, a.surface, c.SegmentSize)
	}
	return nil
}
