package surface

import "time"

// Expirer is implemented by surfaces whose data goes away by itself when its
// time has come, as keys with a TTL do. Whoever compares the fingerprint of a
// point with that of a target then first applies Unexpired to both, with one
// and the same now that is not before either was taken.
type Expirer interface {
	// Unexpired returns f without the entries of which anything may have gone
	// by itself until now. What it leaves must be equal in a right restore;
	// what it takes away can't be compared any more.
	Unexpired(f Fingerprint, now time.Time) Fingerprint
}
