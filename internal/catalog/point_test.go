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
