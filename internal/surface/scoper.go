package surface

import "context"

// Scoper is a surface that can say which entries of a fingerprint a partial
// restore is answerable for. A surface without it restores everything or nothing.
type Scoper interface {
	// Scope returns the entries that a target with this selection must show.
	// For the zero Selection that is all of them.
	Scope(f Fingerprint, s Selection) Fingerprint
}

// TargetScoper is a surface some of whose targets take less than the point has,
// whatever is selected.
type TargetScoper interface {
	// ScopeOf returns the entries that this very target must show, of those that
	// its selection leaves.
	ScopeOf(ctx context.Context, f Fingerprint, t Target) (Fingerprint, error)
}
