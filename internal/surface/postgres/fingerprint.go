package postgres

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// fingerprintSessions is how many tables are read at once.
const fingerprintSessions = 2

// Fingerprint implements surface.Surface. It is taken as the source's was: one
// snapshot, and every part of it dumped, to nowhere.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	at, err := s.target(t.URL)
	if err != nil {
		return nil, err
	}
	v, err := s.hold(ctx, at, s.limits.as(t.Expected))
	if err != nil {
		return nil, err
	}
	defer v.Close()
	var mu sync.Mutex
	pieces := []surface.Fingerprint{v.fingerprint}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fingerprintSessions)
	for _, part := range v.parts {
		if part.Role != surface.RoleData {
			continue
		}
		group.Go(func() error {
			piece, err := s.read(ctx, at, v.token, part)
			mu.Lock()
			defer mu.Unlock()
			pieces = append(pieces, piece)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s.Scope(surface.Merge(pieces...), t.Selection), nil
}

// read takes the fingerprint of a part without its bytes.
func (s *Surface) read(ctx context.Context, at *address, t token, part surface.Part) (surface.Fingerprint, error) {
	if part.Name != partLargeObjects {
		piece, err := s.dump(ctx, at, t, part, io.Discard)
		return piece, classify(err, "read part "+part.Name)
	}
	conn, err := s.join(ctx, at, t, "")
	if err != nil {
		return nil, err
	}
	defer goodbye(conn)
	return largeObjectFingerprint(ctx, conn)
}

// as is the rule for what is read in binary so that digests can be compared
// with expected ones. Without any it is the rule for dumping.
func (l limits) as(expected surface.Fingerprint) func(table) bool {
	if len(expected) == 0 {
		return l.binaryAlone
	}
	binary := map[string]bool{}
	for _, e := range expected {
		if e.Kind == entryTable {
			binary[e.Name] = strings.HasPrefix(e.Digest, binarySum+":")
		}
	}
	return func(t table) bool {
		wanted, known := binary[t.name]
		return known && wanted && t.builtin && !t.extension || !known && l.binaryAlone(t)
	}
}

// Scope implements surface.Scoper. A partial restore answers for the rows of
// the tables that were selected, by themselves, by their schema, or as
// partitions of a selected table.
func (s *Surface) Scope(f surface.Fingerprint, sel surface.Selection) surface.Fingerprint {
	if sel.All() {
		return f
	}
	parent := map[string]string{}
	for _, e := range f {
		if e.Kind == entryPartition {
			parent[e.Name] = e.Digest
		}
	}
	var out surface.Fingerprint
	for _, e := range f {
		if e.Kind == entryTable && (inSelection(sel, e.Name) || inSelection(sel, ancestors(parent, e.Name)...)) {
			out = append(out, e)
		}
	}
	return out
}

func ancestors(parent map[string]string, name string) []string {
	var list []string
	for up, ok := parent[name]; ok && !slices.Contains(list, up); up, ok = parent[up] {
		list = append(list, up)
	}
	return list
}

// inSelection reports whether one of the qualified, quoted names is selected.
func inSelection(sel surface.Selection, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		c, ok := parseCopy("COPY " + name + " FROM stdin")
		return ok && (slices.Contains(sel.Schemas, c.schema) || slices.Contains(sel.Tables, c.schema+"."+c.table))
	})
}
