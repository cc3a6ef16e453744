package keyspace

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

func TestPrefixStandsBeforeEveryKey(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"": "a/b", "p": "p/a/b", "p/": "p/a/b", "p/q": "p/q/a/b"} {
		k, err := New(prefix)
		if err != nil {
			t.Fatalf("%q: %v", prefix, err)
		}
		if got, err := k.Key("a/b"); err != nil || got != want {
			t.Errorf("under %q: %q, %v", prefix, got, err)
		}
	}
}

func TestBadPrefixesAreRefused(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/", "//", "/p", "p//", "..", "p/../q", "p\\q", "\xff", strings.Repeat("p", 901)} {
		if _, err := New(prefix); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestKeyAndPrefixTogetherHaveALimit(t *testing.T) {
	t.Parallel()
	k, err := New(strings.Repeat("p", 500))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Key(strings.Repeat("k", 399)); err != nil {
		t.Errorf("900 bytes: %v", err)
	}
	if _, err := k.Key(strings.Repeat("k", 400)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("901 bytes: %v", err)
	}
}

func TestListingNeverStartsBehindWhatIsWanted(t *testing.T) {
	t.Parallel()
	k, err := New("p")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		opts    store.ListOptions
		before  string
		skipped string
	}{
		{opts: store.ListOptions{After: "a/"}, before: "p/a/b"},
		{opts: store.ListOptions{After: "a/", Prefix: "a/", Shallow: true}, before: "p/a/b"},
		{opts: store.ListOptions{After: "a/", Prefix: "a/b/", Shallow: true}, before: "p/a/b/c"},
		{opts: store.ListOptions{After: "a/", Shallow: true}, skipped: "p/a/b", before: "p/a0"},
		{opts: store.ListOptions{After: "a/b/", Prefix: "a/", Shallow: true}, skipped: "p/a/b/c", before: "p/a/b0"},
		{opts: store.ListOptions{After: "a/b/c/", Prefix: "a/", Shallow: true}, before: "p/a/b0"},
	} {
		start := k.After(c.opts)
		if start >= c.before {
			t.Errorf("%+v starts at %q, behind %q", c.opts, start, c.before)
		}
		if c.skipped != "" && start < c.skipped {
			t.Errorf("%+v starts at %q, before %q", c.opts, start, c.skipped)
		}
	}
	if start := k.After(store.ListOptions{}); start != "" {
		t.Errorf("a listing of everything starts at %q", start)
	}
}
