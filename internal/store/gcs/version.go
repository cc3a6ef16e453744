package gcs

import (
	"context"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// StatVersion implements store.Versioner. A version is a generation, in decimal.
func (s *Store) StatVersion(ctx context.Context, key, version string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	if version == "" {
		return store.Object{}, fault.New(fault.Invalid, "stat a version of %s: no version is given", s.at(key))
	}
	generation, err := strconv.ParseInt(version, 10, 64)
	if err != nil || generation <= 0 {
		return store.Object{}, fault.New(fault.Missing, "%s has no version %s: the service's generations are numbers", s.at(key), version)
	}
	attrs, err := s.bucket.Object(name).Generation(generation).Attrs(ctx)
	if err != nil {
		return store.Object{}, s.fault(err, "stat version "+version+" of", key)
	}
	if attrs.Generation != generation {
		return store.Object{}, fault.New(fault.Missing, "%s has no version %s", s.at(key), version)
	}
	return object(key, attrs), nil
}
