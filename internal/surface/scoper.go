package surface

// Scoper is a surface that can say which entries of a fingerprint a partial
// restore is answerable for. A surface without it restores everything or nothing.
type Scoper interface {
	// Scope returns the entries that a target with this selection must show.
	// For the zero Selection that is all of them.
	Scope(f Fingerprint, s Selection) Fingerprint
}
