package objects

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

// incident is a bucket, a point of it, and what went wrong afterwards.
type incident struct {
	s      *Surface
	point  *surfacetest.Point
	moment time.Time
	// want are the objects of the point, now the current ones.
	want, now map[string]string
}

func newIncident(t *testing.T, on service, change func(*surface.Bucket)) incident {
	t.Helper()
	c := on.bucket(t)
	c.Prefix = "app"
	if change != nil {
		change(&c)
	}
	i := incident{
		s:    open(t, c),
		want: map[string]string{"app/a/1": "one", "app/a/2": "two", "app/b/lost+found &.txt": "three", "app/root": "four"},
		now:  map[string]string{"app/a/1": "overwritten", "app/b/lost+found &.txt": "", "app/a/2": "two", "app/c/new": "new", "app/root": "ruin"},
	}
	live := i.s.live
	put(t, live, "app/a/1", "zero", "app/a/1", "one", "app/a/2", "two", "app/b/lost+found &.txt", "three", "app/root", "four")
	put(t, live, "app/z", "deleted before", "beside/x", "not ours")
	must(t, live.Hide(t.Context(), "app/z"))
	view, err := i.s.Hold(t.Context())
	must(t, err)
	i.moment = view.(surface.Dated).Moment()
	i.point = surfacetest.Dump(t, i.s, view)
	must(t, view.Close())

	put(t, live, "app/a/1", "overwritten", "app/c/new", "new", "app/root", "ruin")
	must(t, live.Hide(t.Context(), "app/b/lost+found &.txt"))
	return i
}

// restored makes an isolated copy of the point.
func (i incident) restore(t *testing.T, id string) (surface.Target, error) {
	t.Helper()
	places := i.s.Places()
	made, err := places.Make(t.Context(), id, environment.Origin{Surface: "files", Point: "p"})
	must(t, err)
	target := surface.Target{URL: made.URL, Throwaway: true}
	must(t, i.s.Begin(t.Context(), target, i.point))
	if err := surfacetest.Load(t.Context(), i.s, target, i.point); err != nil {
		return target, err
	}
	must(t, i.s.Finish(t.Context(), target, i.point))
	surfacetest.RequireSame(t, i.s, target, i.point)
	return target, nil
}

// requireObjects compares the current objects under a prefix; an empty text stands for none.
func requireObjects(t *testing.T, b bucket.Bucket, strip, prefix string, want map[string]string) {
	t.Helper()
	var keys []string
	for key, contents := range want {
		key = prefix + strings.TrimPrefix(key, strip)
		if contents == "" {
			if _, err := b.Get(t.Context(), key); !fault.Is(err, fault.Missing) {
				t.Errorf("%s is there: %v", key, err)
			}
			continue
		}
		keys = append(keys, key)
		buckettest.RequireContents(t, b, key, contents)
	}
	slices.Sort(keys)
	var listed []string
	for v, err := range at(b.Versions(t.Context(), prefix), time.Time{}, nil) {
		must(t, err)
		listed = append(listed, v.Key)
	}
	if !slices.Equal(listed, keys) {
		t.Errorf("under %s there are %q, not %q", prefix, listed, keys)
	}
}

func TestRestores(t *testing.T) {
	t.Parallel()
	for name, on := range services(t) {
		for what, test := range map[string]func(*testing.T, service){
			"Isolated": isolated, "Elsewhere": elsewhere, "VerifyOnly": verifyOnly, "Gone": gone, "OverWhatIsLive": overLive,
			"Skip": skip, "AsOf": asOf, "Undelete": undelete,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				test(t, on)
			})
		}
	}
}

func isolated(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	target, err := i.restore(t, "drill-1")
	must(t, err)
	copies := ".lifeboat-restores/copies/drill-1/"
	requireObjects(t, i.s.live, "app/", copies, i.want)
	requireObjects(t, i.s.live, "app/", "app/", i.now)

	before := buckettest.List(t, i.s.live, copies)
	must(t, surfacetest.Load(t.Context(), i.s, target, i.point))
	if after := buckettest.List(t, i.s.live, copies); len(after) != len(before) {
		t.Errorf("a repeated load has made %d versions of %d", len(after), len(before))
	}
	if again := surfacetest.Take(t, i.s); len(again.Fingerprint()) == 0 || strings.Contains(string(again.Data[partName]), "lifeboat-restores") {
		t.Error("the next point has the copy")
	}
	must(t, i.s.Places().Remove(t.Context(), "drill-1"))
	if left := buckettest.List(t, i.s.live, ".lifeboat-restores/"); slices.ContainsFunc(left, func(v bucket.Version) bool { return v.ID != "" }) {
		t.Errorf("left: %v", left)
	}
	if err := i.s.Begin(t.Context(), target, i.point); !fault.Is(err, fault.Missing) {
		t.Errorf("begin in a place that was removed: %v", err)
	}
}

func elsewhere(t *testing.T, on service) {
	other := on.bucket(t)
	i := newIncident(t, on, func(c *surface.Bucket) { c.RestoreTo = surface.RestoreTo{Bucket: other.Holder(), Prefix: "rehearsals"} })
	_, err := i.restore(t, "drill")
	must(t, err)
	requireObjects(t, i.s.live.In(other.Holder()), "app/", "rehearsals/copies/drill/", i.want)
	if len(buckettest.List(t, i.s.live, ".lifeboat-restores/")) > 0 {
		t.Error("something is in the live bucket")
	}
	must(t, i.s.Places().Remove(t.Context(), "drill"))
}

func verifyOnly(t *testing.T, on service) {
	i := newIncident(t, on, func(c *surface.Bucket) { c.VerifyOnly = true })
	_, err := i.restore(t, "drill")
	must(t, err)
	if copies := buckettest.List(t, i.s.live, ".lifeboat-restores/copies/"); len(copies) > 0 {
		t.Errorf("copied: %v", copies)
	}
	i.destroy(t, "app/a/1")
	target, err := i.restore(t, "drill-2")
	i.requireOneGone(t, err)
	found, err := i.s.Fingerprint(t.Context(), target)
	must(t, err)
	if len(i.point.Fingerprint().Compare(found)) == 0 {
		t.Error("the fingerprint doesn't show what is gone")
	}
	must(t, i.s.Places().Remove(t.Context(), "drill"))
	must(t, i.s.Places().Remove(t.Context(), "drill-2"))
}

// destroy removes the version that the point has of a key.
func (i incident) destroy(t *testing.T, key string) {
	t.Helper()
	for v, err := range at(i.s.live.Versions(t.Context(), key), i.moment, nil) {
		must(t, err)
		if v.Key == key {
			must(t, i.s.live.Destroy(t.Context(), v))
			return
		}
	}
	t.Fatalf("the point has no %s", key)
}

func (i incident) requireOneGone(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "1 of 4 objects are not there at the version of the point, such as app/a/1 version ") {
		t.Fatalf("a version is gone: %v", err)
	}
}

func gone(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	i.destroy(t, "app/a/1")
	target, err := i.restore(t, "drill")
	i.requireOneGone(t, err)
	want := i.want
	want["app/a/1"] = ""
	requireObjects(t, i.s.live, "app/", ".lifeboat-restores/copies/drill/", want)
	found, err := i.s.Fingerprint(t.Context(), target)
	must(t, err)
	if len(i.point.Fingerprint().Compare(found)) == 0 {
		t.Error("the fingerprint doesn't show what is gone")
	}
}

func overLive(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	target := surface.Target{URL: i.s.LiveURL()}
	if err := i.s.Begin(t.Context(), target, i.point); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "3 objects") {
		t.Errorf("begin without leave to replace: %v", err)
	}
	requireObjects(t, i.s.live, "app/", "app/", i.now)
	before := len(buckettest.List(t, i.s.live, "app/"))

	target.Replace = true
	surfacetest.Restore(t, i.s, target, i.point)
	requireObjects(t, i.s.live, "app/", "app/", i.want)
	buckettest.RequireContents(t, i.s.live, "beside/x", "not ours")
	if after := len(buckettest.List(t, i.s.live, "app/")); after < before {
		t.Errorf("%d versions are left of %d: a restore destroys none", after, before)
	}
	after := len(buckettest.List(t, i.s.live, "app/"))
	surfacetest.Restore(t, i.s, target, i.point)
	if again := len(buckettest.List(t, i.s.live, "app/")); again != after {
		t.Errorf("a repeated restore has made %d versions of %d", again, after)
	}
	// What was hidden can be had back.
	for v, err := range i.s.live.Versions(t.Context(), "app/c/new") {
		must(t, err)
		if !v.Deleted {
			_, err := i.s.live.CopyFrom(t.Context(), i.s.config.Holder(), v, v.Key)
			must(t, err)
			buckettest.RequireContents(t, i.s.live, "app/c/new", "new")
			break
		}
	}
}

func skip(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	target := surface.Target{URL: i.s.LiveURL(), Conflict: surface.ConflictSkip}
	must(t, i.s.Begin(t.Context(), target, i.point))
	must(t, surfacetest.Load(t.Context(), i.s, target, i.point))
	must(t, i.s.Finish(t.Context(), target, i.point))
	want := i.now
	want["app/b/lost+found &.txt"] = "three"
	requireObjects(t, i.s.live, "app/", "app/", want)
}

func asOf(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	c := on.bucket(t)
	other := c.Holder()
	out, err := i.s.RestoreAsOf(t.Context(), i.moment, "app/a/", surface.Destination{Bucket: other, Prefix: "then/"})
	must(t, err)
	if out.Objects != 2 || out.Copied != 2 || out.Bytes != 6 {
		t.Errorf("%+v", out)
	}
	requireObjects(t, i.s.live.In(other), "app/a/", "then/", map[string]string{"app/a/1": "one", "app/a/2": "two"})
	out, err = i.s.RestoreAsOf(t.Context(), i.moment, "app/a/", surface.Destination{Bucket: other, Prefix: "then/"})
	if err != nil || out.Copied != 0 || out.Left != 2 {
		t.Errorf("again: %+v, %v", out, err)
	}
	put(t, i.s.live.In(other), "then/1", "in the way")
	if _, err = i.s.RestoreAsOf(t.Context(), i.moment, "app/a/", surface.Destination{Bucket: other, Prefix: "then/"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("something in the way: %v", err)
	}
	for name, refused := range map[string]struct {
		moment time.Time
		prefix string
		to     surface.Destination
		want   fault.Kind
	}{
		"to come":               {time.Now().Add(time.Hour), "", surface.Destination{Bucket: other}, fault.Invalid},
		"not the surface's":     {i.moment, "beside/", surface.Destination{Bucket: other}, fault.Invalid},
		"among what is live":    {i.moment, "app/a/", surface.Destination{Prefix: "app/elsewhere/"}, fault.Invalid},
		"no such conflict":      {i.moment, "app/a/", surface.Destination{Bucket: other, Conflict: "x"}, fault.Invalid},
		"no such bucket":        {i.moment, "app/a/", surface.Destination{Bucket: "no-such-bucket"}, fault.Missing},
		"over what has changed": {i.moment, "app/a/", surface.Destination{Prefix: "app/a/"}, fault.Conflict},
		"before everything":     {time.Time{}.Add(time.Hour), "app/a/", surface.Destination{Bucket: other, Prefix: "none/"}, ""},
	} {
		out, err := i.s.RestoreAsOf(t.Context(), refused.moment, refused.prefix, refused.to)
		if refused.want == "" && (err != nil || out.Objects != 0) || refused.want != "" && !fault.Is(err, refused.want) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

// undelete puts a prefix back in its own place, and leaves what is newer.
func undelete(t *testing.T, on service) {
	i := newIncident(t, on, nil)
	out, err := i.s.RestoreAsOf(t.Context(), i.moment, "", surface.Destination{Prefix: "app/", Conflict: surface.ConflictUpdate})
	must(t, err)
	want := map[string]string{"app/c/new": "new"}
	maps.Copy(want, i.want)
	untold := i.s.live.Traits().DeletesUntold
	if untold {
		// Nobody knows whether it was deleted before the moment or after.
		want["app/z"] = "deleted before"
	}
	requireObjects(t, i.s.live, "app/", "app/", want)
	said := slices.ContainsFunc(out.Gaps, func(line string) bool { return strings.Contains(line, "deleted") && strings.Contains(line, "app/z") })
	if said != untold {
		t.Errorf("gaps: %q", out.Gaps)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	server := services(t)["GCS"]
	i := newIncident(t, server, nil)
	live := i.s.live.String()[len("gs://"):]
	for name, target := range map[string]surface.Target{
		"no URL":                   {},
		"another scheme":           {URL: "redis://localhost"},
		"no bucket":                {URL: "objects:///"},
		"an unknown setting":       {URL: "objects:///b/p/?x=y"},
		"a copy in another place":  {URL: "objects:///b/p/?id=x"},
		"below what is live":       {URL: location{Bucket: live, Prefix: "app/a/"}.url()},
		"above what is live":       {URL: location{Bucket: live}.url()},
		"among the copies":         {URL: location{Bucket: live, Prefix: ".lifeboat-restores/copies/x/"}.url()},
		"verifying what is live":   {URL: location{Bucket: live, Prefix: "app/", VerifyOnly: true}.url()},
		"a password":               {URL: "objects://user:hunter2@/b/p/"},
		"a prefix without a slash": {URL: "objects:///b/p"},
	} {
		for what, err := range map[string]error{
			"begin":  i.s.Begin(t.Context(), target, i.point),
			"load":   surfacetest.Load(t.Context(), i.s, target, i.point),
			"finish": i.s.Finish(t.Context(), target, i.point),
		} {
			if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	part := surface.Target{URL: i.s.LiveURL(), Selection: surface.Selection{Names: []string{"x"}}}
	if err := i.s.Begin(t.Context(), part, i.point); !fault.Is(err, fault.Unsupported) {
		t.Errorf("a part of a point: %v", err)
	}
	foreign := strings.Replace(string(i.point.Data[partName]), `"service":"gcs"`, `"service":"s3"`, 1)
	err := i.s.Load(t.Context(), surface.Target{URL: i.s.LiveURL()}, i.point.Parts()[0], strings.NewReader(foreign))
	if !fault.Is(err, fault.Unsupported) {
		t.Errorf("a point of another service: %v", err)
	}
	broken := bytes.NewReader(i.point.Data[partName][:len(i.point.Data[partName])-20])
	if err := i.s.Load(t.Context(), surface.Target{URL: i.s.LiveURL(), Replace: true}, i.point.Parts()[0], broken); !fault.Is(err, fault.Corrupt) {
		t.Errorf("an inventory that is cut off: %v", err)
	}
	for _, id := range []string{"", "..", "a/b", "a b", strings.Repeat("x", 81)} {
		if _, err := i.s.Places().Make(t.Context(), id, environment.Origin{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("the ID %q: %v", id, err)
		}
	}
}

// TestOpenBucket has a bucket that lets everybody in.
func TestOpenBucket(t *testing.T) {
	t.Parallel()
	s := open(t, services(t)["GCS"].bucket(t))
	_, err := s.Places().Make(t.Context(), "open", environment.Origin{})
	must(t, err)
	attempts, err := s.Places().TryIsolation(t.Context(), "open")
	must(t, err)
	var results []string
	for _, a := range attempts {
		results = append(results, a.Result+": "+a.Observed)
	}
	if !slices.Equal(results, []string{"pass: nothing of them", "fail: HTTP 200", "pass: nothing"}) {
		t.Errorf("%q", results)
	}
}

func TestWithoutVersions(t *testing.T) {
	t.Parallel()
	account := buckettest.AzureAccount(t)
	account.Unversioned = true
	s := open(t, account.Container("plain"))
	put(t, s.live, "key", "x")
	if server, err := s.Probe(t.Context()); err != nil || !strings.Contains(server.Version, "versions off") {
		t.Errorf("probe: %+v, %v", server, err)
	}
	if _, err := s.Hold(t.Context()); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "--enable-versioning") {
		t.Errorf("hold: %v", err)
	}
	if _, err := s.RestoreAsOf(t.Context(), time.Now(), "", surface.Destination{}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("restore: %v", err)
	}
	if err := s.Begin(t.Context(), surface.Target{URL: s.LiveURL(), Replace: true}, nil); !fault.Is(err, fault.Unsupported) {
		t.Errorf("begin: %v", err)
	}
}

// TestInterrupted has a restore that is cancelled, and goes on.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	on := services(t)["S3"]
	s := open(t, on.bucket(t))
	for n := range 60 {
		put(t, s.live, fmt.Sprintf("key-%02d", n), "x")
	}
	point := surfacetest.Take(t, s)
	made, err := s.Places().Make(t.Context(), "drill", environment.Origin{})
	must(t, err)
	target := surface.Target{URL: made.URL, Throwaway: true}
	ctx, cancel := context.WithCancel(t.Context())
	lines := bytes.SplitAfter(point.Data[partName], []byte("\n"))
	half := bytes.Join(lines[:len(lines)/2], nil)
	r := &cancelling{Reader: bytes.NewReader(half), cancel: cancel}
	if err := s.Load(ctx, target, point.Parts()[0], r); err == nil {
		t.Fatal("a cancelled load succeeded")
	}
	surfacetest.Restore(t, s, target, point)
}

type cancelling struct {
	*bytes.Reader
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil {
		c.cancel()
	}
	return n, err
}
