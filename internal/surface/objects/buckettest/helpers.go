package buckettest

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// List is everything under a prefix.
func List(t testing.TB, b bucket.Bucket, prefix string) []bucket.Version {
	t.Helper()
	var all []bucket.Version
	for v, err := range b.Versions(t.Context(), prefix) {
		must(t, err)
		all = append(all, v)
	}
	return all
}

// RequireContents fails the test where the current object is not as wanted.
func RequireContents(t testing.TB, b bucket.Bucket, key, want string) {
	t.Helper()
	got, err := b.Get(t.Context(), key)
	if err != nil || string(got) != want {
		t.Fatalf("%s is %q, %v, not %q", key, got, err, want)
	}
}

// oldest is the oldest version of a key.
func oldest(t testing.TB, b bucket.Bucket, key string) bucket.Version {
	t.Helper()
	all := List(t, b, key)
	all = slices.DeleteFunc(all, func(v bucket.Version) bool { return v.Key != key || v.Deleted })
	if len(all) == 0 {
		t.Fatalf("there is no version of %s", key)
	}
	return all[len(all)-1]
}

// name is that of a bucket within its service.
func name(b bucket.Bucket) string {
	text := b.String()
	return text[strings.LastIndexByte(text, '/')+1:]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
