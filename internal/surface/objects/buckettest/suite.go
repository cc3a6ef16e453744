// Package buckettest is the one suite that every bucket passes, against servers
// that keep versions.
package buckettest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Harness is a service with buckets on it, all of them empty.
type Harness struct {
	// Bucket keeps versions; Other is a bucket for copies, with or without; Plain keeps none.
	Bucket, Other, Plain bucket.Bucket
	// Refused says that who has no credentials is refused.
	Refused bool
	// Marks says that a deletion shows however soon the object is written again.
	Marks bool
	// Many is how many objects make more than one page of a listing.
	Many int
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Run("Posture", h.posture)
	t.Run("Versions", h.versions)
	t.Run("Stat", h.stat)
	t.Run("Copy", h.copies)
	t.Run("CopyElsewhere", h.elsewhere)
	t.Run("CopyOfNothing", h.copyOfNothing)
	t.Run("PutBack", h.putBack)
	t.Run("Keys", h.keys)
	t.Run("Destroy", h.destroy)
	t.Run("Pages", h.pages)
	t.Run("Strangers", h.strangers)
	t.Run("Cancelled", h.cancelled)
	t.Run("NoBucket", h.noBucket)
}

func (h Harness) posture(t *testing.T) {
	must(t, h.Bucket.Put(t.Context(), "posture/key", []byte("x")))
	p, err := h.Bucket.Posture(t.Context(), "")
	must(t, err)
	if !p.Versions {
		t.Errorf("a bucket with versions: %+v", p)
	}
	if away := time.Since(p.Now).Abs(); away > time.Minute {
		t.Errorf("the service's clock says %v, %v away from here", p.Now, away)
	}
	must(t, h.Plain.Put(t.Context(), "posture/key", []byte("x")))
	if p, err = h.Plain.Posture(t.Context(), ""); err != nil || p.Versions {
		t.Errorf("a bucket without versions: %+v, %v", p, err)
	}
	if traits := h.Bucket.Traits(); traits.Product == "" || traits.API == "" || traits.EnableVersions == "" {
		t.Errorf("traits: %+v", traits)
	}
}

// versions writes, overwrites, deletes and writes again.
func (h Harness) versions(t *testing.T) {
	b := h.Bucket
	must(t, b.Put(t.Context(), "versions/a", []byte("one")))
	must(t, b.Put(t.Context(), "versions/a", []byte("second")))
	must(t, b.Put(t.Context(), "versions/b", []byte("b")))
	must(t, b.Hide(t.Context(), "versions/b", "versions/never"))
	must(t, b.Put(t.Context(), "versions/c", []byte("c")))
	must(t, b.Hide(t.Context(), "versions/c"))
	must(t, b.Put(t.Context(), "versions/c", []byte("c again")))
	must(t, b.Put(t.Context(), "versions-not", []byte("x")))

	all := List(t, b, "versions/")
	of := func(key string) (sizes []int64, deleted []bool) {
		for _, v := range all {
			if v.Key == key {
				sizes, deleted = append(sizes, v.Size), append(deleted, v.Deleted)
			}
		}
		return sizes, deleted
	}
	if sizes, deleted := of("versions/a"); !slices.Equal(sizes, []int64{6, 3}) || slices.Contains(deleted, true) {
		t.Errorf("versions of a: %v %v", sizes, deleted)
	}
	if sizes, deleted := of("versions/b"); !slices.Equal(sizes, []int64{0, 1}) || !slices.Equal(deleted, []bool{true, false}) {
		t.Errorf("versions of b, which was deleted: %v %v", sizes, deleted)
	}
	sizes, deleted := of("versions/c")
	if slices.Contains(deleted, true) {
		sizes, deleted = slices.Delete(sizes, 1, 2), slices.Delete(deleted, 1, 2)
	} else if h.Marks {
		t.Errorf("c was deleted in between, and nothing says so: %v", all)
	}
	if !slices.Equal(sizes, []int64{7, 1}) || slices.Contains(deleted, true) {
		t.Errorf("versions of c, which was deleted and written again: %v %v", sizes, deleted)
	}
	for i, v := range all {
		if !strings.HasPrefix(v.Key, "versions/") || strings.HasSuffix(v.Key, "never") && !v.Deleted {
			t.Errorf("listed %+v", v)
		}
		newest := i == 0 || all[i-1].Key != v.Key
		if v.Current && !newest || !v.Deleted && (v.ID == "" || v.ETag == "" || v.Modified.IsZero()) {
			t.Errorf("a version that says too little or too much: %+v", v)
		}
	}
}

func (h Harness) stat(t *testing.T) {
	b := h.Bucket
	must(t, b.Put(t.Context(), "stat/a", []byte("one")))
	must(t, b.Put(t.Context(), "stat/a", []byte("second")))
	for _, want := range List(t, b, "stat/a") {
		got, err := b.Stat(t.Context(), "stat/a", want.ID)
		if err != nil || got.Size != want.Size || got.ID != want.ID || got.ETag != want.ETag {
			t.Errorf("stat of %+v: %+v, %v", want, got, err)
		}
	}
	if got, err := b.Stat(t.Context(), "stat/a", ""); err != nil || got.Size != 6 {
		t.Errorf("stat of the current version: %+v, %v", got, err)
	}
	old := List(t, b, "stat/a")[1]
	must(t, b.Destroy(t.Context(), old))
	if _, err := b.Stat(t.Context(), "stat/a", old.ID); !fault.Is(err, fault.Missing) {
		t.Errorf("stat of a version that was destroyed: %v", err)
	}
	must(t, b.Hide(t.Context(), "stat/a"))
	if _, err := b.Stat(t.Context(), "stat/a", ""); !fault.Is(err, fault.Missing) {
		t.Errorf("stat of what was deleted: %v", err)
	}
	if _, err := b.Get(t.Context(), "stat/a"); !fault.Is(err, fault.Missing) {
		t.Errorf("get of what was deleted: %v", err)
	}
}

func (h Harness) copies(t *testing.T) {
	b := h.Bucket
	must(t, b.Put(t.Context(), "copies/from", []byte("the old contents")))
	must(t, b.Put(t.Context(), "copies/from", []byte("new")))
	must(t, b.Hide(t.Context(), "copies/from"))
	old := oldest(t, b, "copies/from")
	made, err := b.CopyFrom(t.Context(), name(b), old, "copies/to")
	must(t, err)
	if made.Size != old.Size || made.Key != "copies/to" {
		t.Errorf("made %+v of %+v", made, old)
	}
	RequireContents(t, b, "copies/to", "the old contents")
	listed := List(t, b, "copies/to")
	if len(listed) != 1 || listed[0].ETag != made.ETag || !listed[0].Current {
		t.Errorf("listed %+v, made %+v", listed, made)
	}
	if digest := b.Traits().Digest; digest != "" && (listed[0].Digest != old.Digest || !strings.HasPrefix(old.Digest, digest+":")) {
		t.Errorf("the digest of the copy is %q, that of its source %q", listed[0].Digest, old.Digest)
	}
}

func (h Harness) elsewhere(t *testing.T) {
	must(t, h.Bucket.Put(t.Context(), "elsewhere", []byte("contents")))
	v := oldest(t, h.Bucket, "elsewhere")
	_, err := h.Other.CopyFrom(t.Context(), name(h.Bucket), v, "in/another/bucket")
	must(t, err)
	RequireContents(t, h.Other, "in/another/bucket", "contents")
	RequireContents(t, h.Bucket.In(name(h.Other)), "in/another/bucket", "contents")
}

func (h Harness) copyOfNothing(t *testing.T) {
	b := h.Bucket
	must(t, b.Put(t.Context(), "nothing/a", []byte("one")))
	must(t, b.Put(t.Context(), "nothing/a", []byte("second")))
	gone := oldest(t, b, "nothing/a")
	must(t, b.Destroy(t.Context(), gone))
	for _, v := range []bucket.Version{gone, {Key: "nothing/never", ID: gone.ID, Size: 3}} {
		if _, err := b.CopyFrom(t.Context(), name(b), v, "nothing/to"); !fault.Is(err, fault.Missing) {
			t.Errorf("copy of %+v: %v", v, err)
		}
	}
	if listed := List(t, b, "nothing/to"); len(listed) > 0 {
		t.Errorf("a copy of nothing made %+v", listed)
	}
}

// putBack copies an old version over the current one, and undeletes.
func (h Harness) putBack(t *testing.T) {
	b := h.Bucket
	must(t, b.Put(t.Context(), "back/a", []byte("good")))
	good := oldest(t, b, "back/a")
	must(t, b.Put(t.Context(), "back/a", []byte("overwritten")))
	_, err := b.CopyFrom(t.Context(), name(b), good, "back/a")
	must(t, err)
	RequireContents(t, b, "back/a", "good")
	must(t, b.Hide(t.Context(), "back/a"))
	_, err = b.CopyFrom(t.Context(), name(b), good, "back/a")
	must(t, err)
	RequireContents(t, b, "back/a", "good")
	if kept := oldest(t, b, "back/a"); kept.ID != good.ID {
		t.Errorf("the oldest version is %s now, not %s", kept.ID, good.ID)
	}
}

// keys has keys that are spelled otherwise in URLs, headers and XML.
func (h Harness) keys(t *testing.T) {
	b := h.Bucket
	names := []string{"keys/a b", "keys/a%20b", "keys/a&b=c?d#e", "keys/a+b", "keys/deep/er/key.txt", "keys/é €𝄞", "keys/~!'()*"}
	for _, key := range names {
		must(t, b.Put(t.Context(), key, []byte(key)))
	}
	slices.Sort(names)
	var listed []string
	for _, v := range List(t, b, "keys/") {
		listed = append(listed, v.Key)
	}
	if !slices.Equal(listed, names) {
		t.Errorf("listed %q, not %q", listed, names)
	}
	for _, key := range names {
		_, err := b.CopyFrom(t.Context(), name(b), oldest(t, b, key), "copied-"+key)
		must(t, err)
		RequireContents(t, b, "copied-"+key, key)
	}
}

func (h Harness) destroy(t *testing.T) {
	b := h.Bucket
	for _, key := range []string{"destroy/a", "destroy/a", "destroy/b"} {
		must(t, b.Put(t.Context(), key, []byte("x")))
	}
	must(t, b.Hide(t.Context(), "destroy/b"))
	all := List(t, b, "destroy/")
	for range 2 {
		must(t, b.Destroy(t.Context(), all...))
		if left := List(t, b, "destroy/"); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	}
}

func (h Harness) pages(t *testing.T) {
	b := h.Bucket
	var group errgroup.Group
	group.SetLimit(bucket.AtOnce)
	for i := range h.Many {
		group.Go(func() error { return b.Put(t.Context(), fmt.Sprintf("pages/%06d", i), []byte("x")) })
	}
	must(t, group.Wait())
	next := 0
	for v, err := range b.Versions(t.Context(), "pages/") {
		must(t, err)
		if want := fmt.Sprintf("pages/%06d", next); v.Key != want {
			t.Fatalf("listed %s, not %s", v.Key, want)
		}
		next++
	}
	if next != h.Many {
		t.Errorf("listed %d versions, not %d", next, h.Many)
	}
}
