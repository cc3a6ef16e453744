package catalog

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The states of a point.
const (
	// StateSealed: the manifest was written.
	StateSealed = "sealed"
	// StateVerified: every byte was read back and was right.
	StateVerified = "verified"
	// StateProven: it was restored and what came out was compared.
	StateProven = "proven"
	// StateCorrupt: the manifest can't be read, or not by this version.
	StateCorrupt = "corrupt"
)

// Point is a recovery point as the catalog shows it.
type Point struct {
	ID          string `json:"id"`
	Surface     string `json:"surface"`
	SurfaceKind string `json:"surfaceKind"`
	Kind        string `json:"kind"`
	State       string `json:"state"`
	// URI is the point's folder with a slash before it.
	URI string `json:"uri"`
	// Store is the first store that has it, Dir its folder there.
	Store      string     `json:"store"`
	Dir        string     `json:"-"`
	CreatedAt  time.Time  `json:"createdAt"`
	VerifiedAt *time.Time `json:"verifiedAt,omitempty"`
	ProvenAt   *time.Time `json:"provenAt,omitempty"`
	// ProvenOn is the store whose copy was proven, where that is not Store.
	ProvenOn string `json:"provenOn,omitempty"`
	// ProvenConfig is the fingerprint of the configuration it was proven under.
	ProvenConfig string `json:"provenConfig,omitempty"`
	// Bytes are as stored, PlainBytes before compression.
	Bytes      int64  `json:"bytes"`
	PlainBytes int64  `json:"plainBytes"`
	Parts      int    `json:"parts"`
	WorkflowID string `json:"workflowId,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// LockedUntil is until when its objects can't be changed; zero without a lock.
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
	// Missing names what could not be read of the source when it was made, and
	// why: such a point is partial.
	Missing []string `json:"missing,omitempty"`
	// Copies are the other stores that have it.
	Copies []string `json:"copies,omitempty"`
	// Error says what is wrong with it, or with a mark or a copy of it.
	Error string `json:"error,omitempty"`
}

// readGroup reads a point from the first store that has it whole, and looks
// for it on the others, for a proof of it there, too, as long as none was found:
// one small request more for a copy, and none for a point that is proven at its
// first store. It returns nil when none has a manifest.
func (c *Catalog) readGroup(ctx context.Context, g group, failed *failure) *Point {
	var found, damaged *Point
	for _, f := range g {
		n := c.stores[f.store]
		if found != nil {
			_, err := n.Store.Stat(ctx, path.Join(f.dir, archive.ManifestName))
			if err == nil {
				found.Copies = append(found.Copies, n.Name)
				err = found.readProofOf(ctx, n, f)
			}
			if err != nil && !fault.Is(err, fault.Missing) {
				failed.note(n.Name, err)
			}
			continue
		}
		p, err := readPoint(ctx, n, f)
		switch fault.KindOf(err) {
		case fault.Missing:
		case fault.Corrupt, fault.Unsupported:
			damaged = corrupt(n, f, err)
		default:
			if err != nil {
				failed.note(n.Name, err)
				continue
			}
			found = &p
		}
	}
	if found == nil {
		return damaged
	}
	if damaged != nil {
		found.Error = fmt.Sprintf("on store %q: %s", damaged.Store, damaged.Error)
	}
	return found
}

func readPoint(ctx context.Context, n Named, f candidate) (Point, error) {
	m, err := archive.ReadManifest(ctx, n.Store, f.dir)
	if err != nil {
		return Point{}, err
	}
	p := Point{
		ID: m.ID, Surface: m.Surface, SurfaceKind: m.SurfaceKind, Kind: m.Kind, State: StateSealed,
		URI: "/" + f.dir, Store: n.Name, Dir: f.dir, CreatedAt: m.CreatedAt, Bytes: m.Bytes, PlainBytes: m.PlainBytes,
		Parts: len(m.Parts), WorkflowID: m.WorkflowID, Policy: m.Policy, Reason: m.Reason, LockedUntil: m.LockedUntil,
		Missing: m.Missing,
	}
	err = p.readMarks(ctx, n.Store)
	return p, err
}

// corrupt is what can be said of a point whose manifest can't be read.
func corrupt(n Named, f candidate, err error) *Point {
	p := Point{ID: f.id, Surface: f.surface, State: StateCorrupt, URI: "/" + f.dir, Store: n.Name, Dir: f.dir, Error: err.Error()}
	if at, err := archive.ParseID(f.id); err == nil {
		p.CreatedAt = at
	}
	return &p
}
