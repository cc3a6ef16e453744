package store

import "context"

// Versioner is a Store that can look at one version of an object, whether it
// is the current one or not. Stores without versions don't implement it.
type Versioner interface {
	// StatVersion describes one version of an object, as Object.Version names
	// it. It answers fault.Missing when there is no such version, be it that
	// it never was, that it was deleted for good, that it is a delete marker
	// or that the place keeps no versions. The version must not be empty.
	StatVersion(ctx context.Context, key, version string) (Object, error)
}
