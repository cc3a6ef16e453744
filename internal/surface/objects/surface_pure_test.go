package objects

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

func second(s int) time.Time { return time.Date(2026, 3, 4, 5, 6, s, 0, time.UTC) }

func listed(versions ...bucket.Version) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		for _, v := range versions {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func TestAt(t *testing.T) {
	t.Parallel()
	history := []bucket.Version{
		{Key: "deleted", Modified: second(30), Deleted: true}, {Key: "deleted", ID: "1", Modified: second(10)},
		{Key: "late", ID: "1", Modified: second(40)},
		{Key: "sometime", Deleted: true}, {Key: "sometime", ID: "1", Modified: second(10)},
		{Key: "sometime-late", Deleted: true}, {Key: "sometime-late", ID: "1", Modified: second(40)},
		{Key: "twice", ID: "3", Modified: second(40)}, {Key: "twice", Modified: second(30), Deleted: true}, {Key: "twice", ID: "2", Modified: second(20)}, {Key: "twice", ID: "1", Modified: second(10)},
	}
	for name, c := range map[string]struct {
		moment time.Time
		asks   bool
		want   string
		untold string
	}{
		"before everything":       {second(5), true, "", ""},
		"in between":              {second(15), true, "deleted1 sometime1 twice1", "sometime"},
		"in between, for a point": {second(15), false, "deleted1 twice1", ""},
		"at the very time":        {second(20), true, "deleted1 sometime1 twice2", "sometime"},
		"when it was deleted":     {second(35), true, "sometime1", "sometime"},
		"now":                     {time.Time{}, false, "late1 twice3", ""},
	} {
		var got, untold []string
		var ask func(string)
		if c.asks {
			ask = func(key string) { untold = append(untold, key) }
		}
		for v, err := range at(listed(history...), c.moment, ask) {
			must(t, err)
			got = append(got, v.Key+v.ID)
		}
		if strings.Join(got, " ") != c.want || strings.Join(untold, " ") != c.untold {
			t.Errorf("%s: %q, untold %q", name, got, untold)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	none, thirty, ninety := 0, 30, 90
	for name, c := range map[string]struct {
		config  surface.Bucket
		posture bucket.Posture
		want    []string
	}{
		"as promised":     {surface.Bucket{}, bucket.Posture{NoncurrentDays: &ninety}, nil},
		"too short":       {surface.Bucket{}, bucket.Posture{NoncurrentDays: &thirty}, []string{"after 30 days, not after 90"}},
		"for ever":        {surface.Bucket{}, bucket.Posture{}, []string{"kept for ever, not for 90 days"}},
		"can't be known":  {surface.Bucket{}, bucket.Posture{LifecycleUnknown: "denied"}, []string{"is unknown: denied"}},
		"no promise":      {surface.Bucket{NoncurrentDays: &none}, bucket.Posture{}, nil},
		"locked":          {surface.Bucket{NoncurrentDays: &none, ObjectLock: true}, bucket.Posture{LockDays: 1}, nil},
		"not locked":      {surface.Bucket{NoncurrentDays: &none, ObjectLock: true}, bucket.Posture{}, []string{"not locked"}},
		"the lock is hid": {surface.Bucket{NoncurrentDays: &none, ObjectLock: true}, bucket.Posture{LockUnknown: "denied"}, []string{"locked is unknown: denied"}},
		"nothing is as said": {surface.Bucket{NoncurrentDays: &ninety, ObjectLock: true}, bucket.Posture{NoncurrentDays: &thirty},
			[]string{"after 30 days", "not locked"}},
	} {
		c.config.Kind, c.config.Name = surface.BucketS3, "b"
		got := open(t, c.config).notes(c.posture)
		if !slices.EqualFunc(got, c.want, strings.Contains) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o            Object
		v            bucket.Version
		equal, known bool
	}{
		"another size":     {Object{Size: 1, ETag: "e"}, bucket.Version{Size: 2, ETag: "e"}, false, true},
		"the same ETag":    {Object{ETag: "e-2"}, bucket.Version{ETag: "e-2"}, true, true},
		"the same digest":  {Object{ETag: "e", Digest: "md5:1"}, bucket.Version{ETag: "f", Digest: "md5:1"}, true, true},
		"another digest":   {Object{Digest: "md5:1"}, bucket.Version{Digest: "md5:2"}, false, true},
		"other algorithms": {Object{Digest: "md5:1"}, bucket.Version{Digest: "crc32c:2"}, false, false},
		"in parts":         {Object{ETag: "e-2"}, bucket.Version{ETag: "f", Digest: "md5:1"}, false, false},
		"the same version": {Object{Key: "k", Version: "1"}, bucket.Version{Key: "k", ID: "1"}, true, true},
		"of another key":   {Object{Key: "k", Version: "1"}, bucket.Version{Key: "l", ID: "1"}, false, false},
	} {
		if equal, known := same(c.o, c.v); equal != c.equal || known != c.known {
			t.Errorf("%s: %t %t", name, equal, known)
		}
	}
}

// TestNeeded has what can't be compared: it is overwritten only where that was asked for.
func TestNeeded(t *testing.T) {
	t.Parallel()
	large, other := Object{Key: "k", ETag: "e-2"}, bucket.Version{Key: "k", ETag: "f-3"}
	changed := bucket.Version{Key: "k", Size: 1}
	gcs := open(t, surface.Bucket{Kind: surface.BucketGCS, Name: "b", Endpoint: "http://localhost:1"})
	for name, c := range map[string]struct {
		work    copying
		current *bucket.Version
		needed  bool
		kind    fault.Kind
	}{
		"nothing is there":            {copying{conflict: surface.ConflictFail}, nil, true, ""},
		"unknown, in a copy":          {copying{own: true, conflict: surface.ConflictFail}, &other, false, ""},
		"unknown, to be left":         {copying{conflict: surface.ConflictFail}, &other, false, ""},
		"unknown, to be updated":      {copying{conflict: surface.ConflictUpdate}, &other, true, ""},
		"changed, in a copy":          {copying{own: true, conflict: surface.ConflictFail}, &changed, true, ""},
		"changed, to be left":         {copying{conflict: surface.ConflictSkip}, &changed, false, ""},
		"changed, to be updated":      {copying{conflict: surface.ConflictUpdate}, &changed, true, ""},
		"changed, and in the way":     {copying{conflict: surface.ConflictFail, target: gcs.live}, &changed, false, fault.Conflict},
		"changed, by an odd conflict": {copying{conflict: "?", target: gcs.live}, &changed, false, fault.Conflict},
	} {
		needed, err := c.work.needed(large, c.current)
		if needed != c.needed || c.kind == "" && err != nil || c.kind != "" && !fault.Is(err, c.kind) {
			t.Errorf("%s: %t, %v", name, needed, err)
		}
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	for _, l := range []location{
		{Bucket: "b"}, {Bucket: "b", Prefix: "a b/ü%20&?#/"}, {Bucket: "b", Prefix: ".lifeboat-restores/copies/x/", ID: "x", VerifyOnly: true},
	} {
		if got, err := parseLocation(l.url()); err != nil || got != l {
			t.Errorf("%+v became %+v, %v", l, got, err)
		}
	}
}

// TestMovedBucket has a view of a bucket that the configuration names no more.
func TestMovedBucket(t *testing.T) {
	t.Parallel()
	s := open(t, surface.Bucket{Kind: surface.BucketS3, Name: "new"})
	token := `{"service":"s3","bucket":"old","moment":"2026-03-04T05:06:07Z"}`
	if _, err := s.Dump(t.Context(), token, surface.Part{Name: partName}, nil); !fault.Is(err, fault.Lost) {
		t.Errorf("%v", err)
	}
	if _, err := s.Dump(t.Context(), "{}", surface.Part{Name: partName}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []surface.Config{{Kind: surface.KindObjects}, {Kind: surface.KindObjects, Bucket: &surface.Bucket{Kind: "s3"}}} {
		if _, err := New("files", c); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "files") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestUncompared has what is left though only its size is known to be right.
func TestUncompared(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{surface.ConflictFail, surface.ConflictSkip} {
		work := copying{conflict: policy, there: listed(
			bucket.Version{Key: "parts", ID: "2", ETag: "f-3", Size: 1, Current: true}, bucket.Version{Key: "same", ID: "2", ETag: "e", Size: 1, Current: true},
		)}
		out, err := work.run(t.Context(), func(yield func(Object, error) bool) {
			_ = yield(Object{Key: "parts", Version: "1", ETag: "e-2", Size: 1}, nil) && yield(Object{Key: "same", Version: "1", ETag: "e", Size: 1}, nil)
		})
		if err != nil || out.left != 2 || out.uncompared != 1 || out.copied != 0 {
			t.Errorf("%s: %+v, %v", policy, out, err)
		}
	}
}

// TestWhereACopyMayBe has prefixes below, above and beside what is live.
func TestWhereACopyMayBe(t *testing.T) {
	t.Parallel()
	s := open(t, surface.Bucket{Kind: surface.BucketS3, Name: "b", Prefix: "app/live", Endpoint: "http://localhost:1"})
	for prefix, allowed := range map[string]bool{
		"": false, "app": false, "app/": false, "app/live": false, "app/live/": false, "app/live/x/": false, "app/other/": true, ".lifeboat-restores/then/": true,
	} {
		if err := s.permitCopy(location{Bucket: "b", Prefix: prefix}); (err == nil) != allowed || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
	if err := s.permitCopy(location{Bucket: "other"}); err != nil {
		t.Error(err)
	}
}
