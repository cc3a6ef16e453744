// Package catalog finds recovery points by reading the stores: there is no
// other list of them.
package catalog

import (
	"context"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Named is a store with its name in the configuration.
type Named struct {
	Name  string
	Store store.Store
	// Prefix is the template that points are put under; see ExpandPrefix.
	Prefix string
}

// Catalog reads points from stores.
type Catalog struct {
	stores []Named
}

// New makes a catalog. The first store that holds a point is the one that
// stands for it; others count as copies.
func New(stores []Named) *Catalog { return &Catalog{stores: stores} }

// The states of a point. Each includes the ones before.
const (
	StateSealed   = "sealed"
	StateVerified = "verified"
	StateProven   = "proven"
	// StateCorrupt is a point whose manifest can't be read; Error says why.
	StateCorrupt = "corrupt"
)

// Point is a recovery point as its manifest and marks show it.
type Point struct {
	ID          string     `json:"id"`
	Surface     string     `json:"surface"`
	SurfaceKind string     `json:"surfaceKind"`
	Kind        string     `json:"kind"`
	State       string     `json:"state"`
	URI         string     `json:"uri"`
	Store       string     `json:"store"`
	Dir         string     `json:"-"`
	CreatedAt   time.Time  `json:"createdAt"`
	VerifiedAt  *time.Time `json:"verifiedAt,omitempty"`
	ProvenAt    *time.Time `json:"provenAt,omitempty"`
	Bytes       int64      `json:"bytes"`
	PlainBytes  int64      `json:"plainBytes"`
	// Parts is how many objects with contents it has.
	Parts      int    `json:"parts"`
	WorkflowID string `json:"workflowId,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Copies name the other stores that hold it too.
	Copies []string `json:"copies,omitempty"`
	// Error says why a corrupt point can't be read.
	Error string `json:"error,omitempty"`
}

// Query chooses points.
type Query struct {
	// Surface and Store limit the list to one of them; empty means all.
	Surface, Store string
	// Limit is how many points are wanted at most; 0 means all.
	Limit int
	// Before leaves out this ID and all later ones.
	Before string
}

// read describes the point in dir. A point that is not there is Missing, and one
// that can't be read is described as corrupt.
func read(ctx context.Context, in Named, dir string) (Point, error) {
	surface, id, err := archive.ParseDir(dir)
	if err != nil {
		return Point{}, err
	}
	p := Point{ID: id, Surface: surface, Store: in.Name, Dir: dir, URI: "/" + dir}
	m, err := archive.ReadManifest(ctx, in.Store, dir)
	switch {
	case fault.Is(err, fault.Missing), fault.Is(err, fault.Unavailable), fault.Is(err, fault.Denied), ctx.Err() != nil:
		return p, err
	case err != nil:
		p.State, p.Error = StateCorrupt, err.Error()
		p.CreatedAt, _ = archive.ParseID(id)
		return p, nil
	}
	p.SurfaceKind, p.Kind, p.CreatedAt = m.SurfaceKind, m.Kind, m.CreatedAt
	p.Bytes, p.PlainBytes, p.Parts = m.Bytes, m.PlainBytes, len(m.Parts)
	p.WorkflowID, p.Policy, p.Reason = m.WorkflowID, m.Policy, m.Reason
	return p, p.readMarks(ctx, in.Store)
}

// Find returns one point by its ID, or by its URI: the folder's path, with or
// without the leading slash, with "store:" before it where one store is meant.
func (c *Catalog) Find(ctx context.Context, idOrURI string) (Point, error) {
	where, path := "", strings.Trim(idOrURI, "/")
	if name, rest, ok := strings.Cut(idOrURI, ":"); ok && c.has(name) {
		where, path = name, strings.Trim(rest, "/")
	}
	var found *Point
	for _, st := range c.stores {
		if where != "" && st.Name != where {
			continue
		}
		p, err := find(ctx, st, path)
		switch {
		case fault.Is(err, fault.Missing):
		case err != nil && found == nil:
			return Point{}, fault.While(err, "look on store %s", st.Name)
		case err == nil && found == nil:
			found = &p
		case err == nil:
			found.Copies = append(found.Copies, st.Name)
		}
	}
	if found == nil {
		return Point{}, fault.New(fault.Missing, "no recovery point %q on any store: see `lifeboat snapshot list`", idOrURI)
	}
	return *found, nil
}

func (c *Catalog) has(name string) bool {
	for _, st := range c.stores {
		if st.Name == name {
			return true
		}
	}
	return false
}

// find looks for a point by its folder, or by its ID below the store's prefix.
func find(ctx context.Context, in Named, path string) (Point, error) {
	if _, _, err := archive.ParseDir(path); err == nil {
		return read(ctx, in, path)
	}
	at, err := archive.ParseID(path)
	if err != nil {
		return Point{}, fault.New(fault.Missing, "%q is neither an ID nor the URI of a recovery point", path)
	}
	prefix, err := ExpandPrefix(in.Prefix, at)
	if err != nil {
		return Point{}, err
	}
	// The ID tells the time, so only the surface's folder has to be looked for.
	for entry, err := range in.Store.List(ctx, store.ListOptions{Prefix: prefix + "/", Shallow: true}) {
		if err != nil {
			return Point{}, err
		}
		if !entry.Dir {
			continue
		}
		p, err := read(ctx, in, entry.Key+path)
		if !fault.Is(err, fault.Missing) {
			return p, err
		}
	}
	return Point{}, fault.New(fault.Missing, "no point %s", path)
}
