package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
)

func TestListShowsWhatManifestsAndMarksSay(t *testing.T) {
	t.Parallel()
	s, m := newSpy(t), model(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := func(minutes int) string { return archive.NewID(now.Add(-time.Duration(minutes) * time.Minute)) }
	dirs := make([]string, 8)
	for i := range dirs {
		dirs[i] = s.add(t, m, "points", "main", id(i))
	}
	mark := Mark{At: now, Bytes: 10, Config: "blake3:00", By: "verify-main", Tool: "test"}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(MarkVerified(t.Context(), s, dirs[1], Mark{At: now.Add(-time.Hour)}))
	check(MarkVerified(t.Context(), s, dirs[1], mark))
	check(MarkProven(t.Context(), s, dirs[2], mark))
	check(MarkVerified(t.Context(), s, dirs[3], mark))
	check(MarkProven(t.Context(), s, dirs[3], mark))
	s.write(t, dirs[4]+"/"+VerifiedName, []byte("{"))
	s.write(t, dirs[5]+"/"+archive.ManifestName, []byte("PGDMP"))
	s.write(t, dirs[6]+"/"+archive.ManifestName, []byte(`{"format":2}`))
	s.write(t, dirs[7]+"/"+archive.ManifestName, manifestOf(t, m, dirs[0]))
	points, err := New([]Named{{"s", s, "points"}}).List(t.Context(), Query{})
	check(err)
	type row struct {
		state            string
		verified, proven bool
		config, problem  string
	}
	want := []row{
		{state: StateSealed}, {state: StateVerified, verified: true}, {state: StateProven, proven: true, config: "blake3:00"},
		{state: StateProven, verified: true, proven: true, config: "blake3:00"}, {state: StateSealed, problem: "verified.json is damaged"},
		{state: StateCorrupt, problem: "not a manifest"}, {state: StateCorrupt, problem: "newer Lifeboat (format 2)"}, {state: StateCorrupt, problem: "a manifest of another point"},
	}
	if len(points) != len(want) {
		t.Fatalf("%d points, want %d", len(points), len(want))
	}
	for i, p := range points {
		w := want[i]
		if p.State != w.state || (p.VerifiedAt != nil) != w.verified || (p.ProvenAt != nil) != w.proven || p.ProvenConfig != w.config || !strings.Contains(p.Error, w.problem) || (p.Error == "") != (w.problem == "") {
			t.Errorf("point %d is %+v, want %+v", i, p, w)
		}
		if p.VerifiedAt != nil && !p.VerifiedAt.Equal(now) {
			t.Errorf("point %d: verified at %v, the last mark says %v", i, p.VerifiedAt, now)
		}
		if p.URI != "/"+dirs[i] || p.Dir != dirs[i] || p.Surface != "main" || !p.CreatedAt.Equal(now.Add(-time.Duration(i)*time.Minute)) {
			t.Errorf("point %d is at %s, %s of %v", i, p.URI, p.Surface, p.CreatedAt)
		}
		if p.State != StateCorrupt && (p.Parts != 2 || p.PlainBytes < 4000 || p.Bytes < 10 || p.Policy != "main-daily" || p.WorkflowID != "snapshot-main" || p.SurfaceKind != "postgres" || p.Kind != "snapshot") {
			t.Errorf("point %d: %+v", i, p)
		}
	}
}

// A proof counts for the point on whichever store it was made, and is looked
// for on copies only where the first store has none.
func TestListShowsTheProofOfACopy(t *testing.T) {
	t.Parallel()
	m, first, second := model(t), newSpy(t), newSpy(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	var dirs []string
	for i := range 3 {
		id := archive.NewID(now.Add(-time.Duration(i) * time.Minute))
		dirs = append(dirs, first.add(t, m, "points", "main", id))
		second.add(t, m, "points", "main", id)
	}
	for dir, on := range map[string]*spy{dirs[0]: second, dirs[1]: first} {
		if err := MarkProven(t.Context(), on, dir, Mark{At: now, Config: "blake3:00"}); err != nil {
			t.Fatal(err)
		}
	}
	first.reset()
	second.reset()
	points, err := New([]Named{{"s", first, "points"}, {"copy", second, "points"}}).List(t.Context(), Query{})
	if err != nil || len(points) != 3 {
		t.Fatal(points, err)
	}
	for i, want := range []struct{ state, on string }{{StateProven, "copy"}, {StateProven, ""}, {StateSealed, ""}} {
		p := points[i]
		if p.Store != "s" || p.State != want.state || p.ProvenOn != want.on || (p.ProvenAt != nil) != (want.state == StateProven) || len(p.Copies) != 1 {
			t.Errorf("point %d is %+v, want %+v", i, p, want)
		}
	}
	// A manifest and two marks of each point, and one mark of a copy of those that are not proven.
	if a, b := first.opened.Load(), second.opened.Load(); a != 9 || b != 2 {
		t.Errorf("%d and %d objects were read", a, b)
	}
}

// A damaged copy doesn't hide a whole one, wherever it stands.
func TestListPrefersTheWholeCopy(t *testing.T) {
	t.Parallel()
	m, id := model(t), archive.NewID(time.Now())
	whole, damaged := newSpy(t), newSpy(t)
	dir := whole.add(t, m, "points", "main", id)
	damaged.write(t, dir+"/"+archive.ManifestName, []byte("x"))
	got, err := New([]Named{{"damaged", damaged, "points"}, {"whole", whole, "points"}}).List(t.Context(), Query{})
	if err != nil || len(got) != 1 || got[0].Store != "whole" || got[0].State != StateSealed || !strings.Contains(got[0].Error, `on store "damaged": `) {
		t.Errorf("%+v, %v", got, err)
	}
}
