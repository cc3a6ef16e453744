package catalog

import (
	"context"
	"path"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Objects returns all that a recovery point is made of on the store that Find
// says has it: the objects of its parts and its key, its marks, and its manifest,
// which comes last, as it does when a point is made. The store is where they are
// read from. A part that is not there, or not as large as the manifest says, is
// fault.Corrupt.
func (c *Catalog) Objects(ctx context.Context, p Point) (store.Store, []store.Object, error) {
	var from store.Store
	for _, n := range c.stores {
		if n.Name == p.Store {
			from = n.Store
		}
	}
	if from == nil {
		return nil, nil, fault.New(fault.Missing, "store %q is not in the configuration", p.Store)
	}
	m, err := archive.ReadManifest(ctx, from, p.Dir)
	if err != nil {
		return nil, nil, err
	}
	there := map[string]store.Object{}
	for e, err := range from.List(ctx, store.ListOptions{Prefix: p.Dir + "/", Shallow: true}) {
		if err != nil {
			return nil, nil, fault.While(err, "list the objects of %s", p.ID)
		}
		there[path.Base(e.Key)] = e.Object
	}
	var objects []store.Object
	for _, part := range m.Parts {
		found, ok := there[part.Object]
		if !ok || found.Size != part.Bytes {
			return nil, nil, fault.New(fault.Corrupt, "the part %s of %s is not on store %s as its manifest says: restore from a copy", part.Name, p.ID, p.Store)
		}
		objects = append(objects, found)
	}
	if name := m.Encryption.IdentityFile; name != "" {
		found, ok := there[name]
		if !ok {
			return nil, nil, fault.New(fault.Corrupt, "the identity file of %s is not on store %s", p.ID, p.Store)
		}
		objects = append(objects, found)
	}
	for _, name := range []string{VerifiedName, ProvenName, archive.ManifestName} {
		if found, ok := there[name]; ok {
			objects = append(objects, found)
		}
	}
	return from, objects, nil
}
