package storetest

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Versions checks store.Versioner on an empty store that keeps versions.
func Versions(t *testing.T, s store.Store) {
	v := versioner(t, s)
	first := put(t, s, "dir/key", 1, 10)
	second := put(t, s, "dir/key", 2, 20)
	other := put(t, s, "other", 3, 30)
	if first.Version == "" || first.Version == second.Version {
		t.Fatalf("the versions of two writes are %q and %q", first.Version, second.Version)
	}
	expectVersion(t, v, "dir/key", first.Version, 10)
	expectVersion(t, v, "dir/key", second.Version, 20)
	if o, err := s.Stat(t.Context(), "dir/key"); err != nil || o.Version != second.Version {
		t.Errorf("stat: got version %q, %v, want %q", o.Version, err, second.Version)
	}
	if err := s.Delete(t.Context(), "dir/key"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	expectVersion(t, v, "dir/key", first.Version, 10)
	expectVersion(t, v, "dir/key", second.Version, 20)
	expectNoVersion(t, v, "other", first.Version)
	expectNoVersion(t, v, "never there", other.Version)
	for _, version := range []string{"no such version", "1", "2026-01-02T03:04:05.0000000Z", "../x", "%2e?&="} {
		expectNoVersion(t, v, "other", version)
	}
	_, err := v.StatVersion(t.Context(), "other", "")
	expectKind(t, err, fault.Invalid, "stat no version")
	_, err = v.StatVersion(t.Context(), "/other", other.Version)
	expectKind(t, err, fault.Invalid, "stat a version of an invalid key")
}

// NoVersions checks store.Versioner on an empty store that keeps none: what is
// there now is never taken for another version.
func NoVersions(t *testing.T, s store.Store) {
	v := versioner(t, s)
	first := put(t, s, "key", 1, 10)
	put(t, s, "key", 2, 20)
	for _, version := range []string{first.Version, "no such version", "1", "2026-01-02T03:04:05.0000000Z"} {
		if version != "" {
			expectNoVersion(t, v, "key", version)
		}
	}
}

// UnusableVersions checks that a store that can't be used says so.
func UnusableVersions(t *testing.T, s store.Store, version string, kind fault.Kind) {
	_, err := versioner(t, s).StatVersion(t.Context(), "key", version)
	expectKind(t, err, kind, "stat a version")
}

func versioner(t *testing.T, s store.Store) store.Versioner {
	t.Helper()
	v, ok := s.(store.Versioner)
	if !ok {
		t.Fatalf("a %T can't look at versions", s)
	}
	return v
}

func expectVersion(t *testing.T, v store.Versioner, key, version string, size int64) {
	t.Helper()
	o, err := v.StatVersion(t.Context(), key, version)
	if err != nil {
		t.Errorf("stat version %s of %q: %v", version, key, err)
		return
	}
	if o.Key != key || o.Version != version || o.Size != size || o.Modified.IsZero() {
		t.Errorf("stat version %s of %q: got %+v, want size %d and a time", version, key, o, size)
	}
}

func expectNoVersion(t *testing.T, v store.Versioner, key, version string) {
	t.Helper()
	o, err := v.StatVersion(t.Context(), key, version)
	if err == nil {
		t.Errorf("stat version %q of %q: got %+v", version, key, o)
		return
	}
	expectKind(t, err, fault.Missing, "stat a version that is not there")
}
