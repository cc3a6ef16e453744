package catalog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, template := range templates {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			m := model(t)
			first, second := newSpy(t), newSpy(t)
			id, onlySecond, unsealed := archive.NewID(time.Now()), archive.NewID(time.Now().Add(-400*24*time.Hour)), archive.NewID(time.Now())
			dir := first.add(t, m, template, "main", id)
			second.add(t, m, template, "main", id)
			first.add(t, m, template, "redis", archive.NewID(time.Now()))
			far := second.add(t, m, template, "redis", onlySecond)
			first.write(t, strings.ReplaceAll(dir, id, unsealed)+"/part", nil)
			c := New([]Named{{"first", first, template}, {"second", second, template}})
			for asked, want := range map[string]string{
				id: "first " + dir + " second", dir: "first " + dir + " second", "/" + dir: "first " + dir + " second", "/" + dir + "/": "first " + dir + " second",
				"second:" + dir: "second " + dir, "second:/" + dir: "second " + dir, "first:" + id: "first " + dir,
				onlySecond: "second " + far, "/" + far: "second " + far, "second:" + onlySecond: "second " + far,
			} {
				p, err := c.Find(t.Context(), asked)
				if got := strings.Join(append([]string{p.Store, p.Dir}, p.Copies...), " "); err != nil || got != want || p.State != StateSealed {
					t.Errorf("Find(%q) = %q (%s), %v; want %q", asked, got, p.State, err, want)
				}
			}
			for _, asked := range []string{
				"", "/", "x", "main", "points/main", archive.NewID(time.Now()), unsealed, "first:" + onlySecond, "third:" + id, "first:", ":" + id + "x",
				"/" + strings.ReplaceAll(dir, "main", "other"), "/../" + dir, "20260102T030405.678Z-ABCDEF",
			} {
				if p, err := c.Find(t.Context(), asked); !fault.Is(err, fault.Missing) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Find(%q) = %+v, %v (%s); want missing", asked, p, err, fault.KindOf(err))
				}
			}
		})
	}
}

// A folder is dated when the point is begun, which may be a moment after its ID was given.
func TestFindAndListAcrossMidnight(t *testing.T) {
	t.Parallel()
	const template = "db/${iso_date()}"
	s, m := newSpy(t), model(t)
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	id, earlier := archive.NewID(midnight.Add(-time.Second)), archive.NewID(midnight.Add(-time.Minute))
	dir := archive.Dir("db/"+midnight.Format("2006-01-02"), "main", id)
	s.write(t, dir+"/"+archive.ManifestName, manifestOf(t, m, dir))
	s.add(t, m, template, "main", earlier)
	c := New([]Named{{"s", s, template}})
	if p, err := c.Find(t.Context(), id); err != nil || p.Dir != dir {
		t.Errorf("found %q, %v; want %q", p.Dir, err, dir)
	}
	for _, q := range []Query{{}, {Limit: 2}, {Limit: 2, Before: archive.NewID(midnight.Add(-time.Millisecond))}} {
		if points, err := c.List(t.Context(), q); err != nil || len(points) != 2 || points[0].ID != id {
			t.Errorf("%+v: %v, %v", q, names(points), err)
		}
	}
}

func TestFindWithFailingStore(t *testing.T) {
	t.Parallel()
	m, id := model(t), archive.NewID(time.Now())
	good, bad := newSpy(t), newSpy(t)
	dir := good.add(t, m, "points", "main", id)
	bad.failing = fault.Wrap(fault.Unavailable, errors.New("connection refused"), "asking")
	c := New([]Named{{"bad", bad, "points"}, {"good", good, "points"}})
	for _, asked := range []string{id, "/" + dir} {
		if p, err := c.Find(t.Context(), asked); err != nil || p.Store != "good" {
			t.Errorf("Find(%q) = %+v, %v; want that of the good store", asked, p, err)
		}
	}
	// It may be on the store that can't be asked: that isn't the same as missing.
	if _, err := c.Find(t.Context(), archive.NewID(time.Now())); !fault.Is(err, fault.Unavailable) {
		t.Errorf("not on the good store: %v (%s), want unavailable", err, fault.KindOf(err))
	}
}

func TestFindCorrupt(t *testing.T) {
	t.Parallel()
	s := newSpy(t)
	id := archive.NewID(time.Now())
	s.write(t, "points/main/"+id+"/"+archive.ManifestName, []byte("x"))
	p, err := New([]Named{{"s", s, "points"}}).Find(t.Context(), id)
	if err != nil || p.State != StateCorrupt || p.ID != id || !strings.Contains(p.Error, "not a manifest") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 23, 6, 7, 0, time.FixedZone("", -7200))
	for template, want := range map[string][2]string{
		"":                               {"points", "points/"},
		"points":                         {"points", "points/"},
		"/a/b/":                          {"a/b", "a/b/"},
		"db/${iso_date()}":               {"db/2026-03-05", "db/"},
		"${iso_date()}":                  {"2026-03-05", ""},
		"a/x-${iso_datetime()}-y/b":      {"a/x-2026-03-05T01-06-07Z-y/b", "a/"},
		"a/${iso_date()}${iso_date()}/b": {"a/2026-03-052026-03-05/b", "a/"},
	} {
		got, err := ExpandPrefix(template, at)
		if err != nil || got != want[0] || StaticPrefix(template) != want[1] {
			t.Errorf("%q: %q under %q, %v; want %q", template, got, StaticPrefix(template), err, want)
		}
	}
	for _, bad := range []string{"a/${uuid()}", "${iso_date}", "a//b", "a/../b", "${", "a\\b"} {
		if got, err := ExpandPrefix(bad, at); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %q, %v; want invalid", bad, got, err)
		}
	}
}
