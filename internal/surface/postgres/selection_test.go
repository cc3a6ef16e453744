package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// restoreSelection restores a part of a point and compares what was selected.
func restoreSelection(t *testing.T, src *source, target surface.Target, point *surfacetest.Point) {
	t.Helper()
	s := src.surface
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Fatalf("begin: %v", err)
	}
	if err := surfacetest.Load(t.Context(), s, target, point); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Finish(t.Context(), target, point); err != nil {
			t.Fatalf("finish: %v", err)
		}
	}
	target.Expected = point.Fingerprint()
	got, err := s.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	want := s.Scope(point.Fingerprint(), target.Selection)
	if len(want) == 0 {
		t.Fatal("the selection answers for nothing")
	}
	for _, d := range want.Compare(got) {
		t.Errorf("selected, but %s", d)
	}
}

func TestRestoreOfASelection(t *testing.T) {
	t.Parallel()
	src := newSource(t, oddName)
	run(t, src.url(), fillSQL)
	point := surfacetest.Take(t, src.surface)
	dst := servers.Postgres(t)
	run(t, dst.URL, `CREATE ROLE "Owner, the 1st"; CREATE ROLE reader; CREATE ROLE writer IN ROLE reader`)
	tables := func(t *testing.T, target surface.Target) []string {
		t.Helper()
		return value[[]string](t, target.URL.Reveal(), `SELECT coalesce(array_agg(oid::regclass::text ORDER BY oid::regclass::text COLLATE "C"), '{}')
			FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
			AND relnamespace::regnamespace::text NOT LIKE 'pg_%'`)
	}

	t.Run("a table", func(t *testing.T) {
		t.Parallel()
		target := newTarget(t, dst)
		target.Selection.Tables = []string{"app.people"}
		restoreSelection(t, src, target, point)
		url := target.URL.Reveal()
		if diff := cmp.Diff([]string{"app.people"}, tables(t, target)); diff != "" {
			t.Error(diff)
		}
		for what, sql := range map[string]string{
			"indexes":     "SELECT count(*) = 3 FROM pg_index WHERE indrelid = 'app.people'::regclass",
			"a policy":    "SELECT count(*) = 1 FROM pg_policy WHERE polrelid = 'app.people'::regclass",
			"a trigger":   "SELECT count(*) = 1 FROM pg_trigger WHERE tgname = 'touch'",
			"constraints": "SELECT count(*) = 3 FROM pg_constraint WHERE conrelid = 'app.people'::regclass AND contype IN ('p', 'c', 'f')",
			"its owner":   "SELECT relowner::regrole::text = '\"Owner, the 1st\"' FROM pg_class WHERE oid = 'app.people'::regclass",
			"its grants":  "SELECT has_column_privilege('writer', 'app.people', 'note', 'UPDATE')",
			"sequence":    "SELECT last_value > 100 FROM app.people_id_seq",
			"a comment":   "SELECT obj_description('app.people'::regclass) LIKE 'a comment%'",
		} {
			if !value[bool](t, url, sql) {
				t.Errorf("restored without %s", what)
			}
		}
		if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
			t.Errorf("the table is there already: %v", err)
		}
		run(t, url, "CREATE TABLE app.mine AS SELECT 1 AS x; UPDATE app.people SET name = 'broken'")
		target.Replace = true
		restoreSelection(t, src, target, point)
		if diff := cmp.Diff([]string{"app.mine", "app.people"}, tables(t, target)); diff != "" {
			t.Error(diff)
		}
		run(t, url, "CREATE VIEW app.depends AS SELECT id FROM app.people")
		if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
			t.Errorf("a view depends on the table: %v", err)
		}
	})
	t.Run("a partitioned table and another", func(t *testing.T) {
		t.Parallel()
		target := newTarget(t, dst)
		target.Selection.Tables = []string{"app.events", "app.dropped"}
		restoreSelection(t, src, target, point)
		want := []string{"app.dropped", "app.events", "app.events_2024", "app.events_2025", "app.events_rest", "app.events_rest_a", "app.events_rest_other"}
		if diff := cmp.Diff(want, tables(t, target)); diff != "" {
			t.Error(diff)
		}
		if n := value[int](t, target.URL.Reveal(), "SELECT count(*) FROM app.events"); n != 1000 {
			t.Errorf("%d rows in the partitioned table, want 1000", n)
		}
	})
	t.Run("a schema", func(t *testing.T) {
		t.Parallel()
		target := newTarget(t, dst)
		target.Selection.Schemas = []string{`Odd "schema".x`}
		restoreSelection(t, src, target, point)
		if n := len(tables(t, target)); n != 2 {
			t.Errorf("%d tables, want 2", n)
		}
		target.Replace = true
		run(t, target.URL.Reveal(), `CREATE TABLE outside AS SELECT 1 AS x`)
		restoreSelection(t, src, target, point)
		run(t, target.URL.Reveal(), `CREATE TYPE "Odd ""schema"".x".e AS ENUM ('a'); ALTER TABLE outside ADD COLUMN e "Odd ""schema"".x".e`)
		if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
			t.Errorf("a column depends on the schema: %v", err)
		}
		if !value[bool](t, target.URL.Reveal(), "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = 'outside'::regclass AND attnum > 0 AND NOT attisdropped") {
			t.Error("the column outside of the schema is gone")
		}
	})
	t.Run("all of a schema with everything", func(t *testing.T) {
		t.Parallel()
		target := newTarget(t, dst)
		target.Throwaway = true
		target.Selection.Schemas = []string{"app"}
		restoreSelection(t, src, target, point)
		if n := value[int](t, target.URL.Reveal(), "SELECT total FROM app.aa_second"); n != 2000 {
			t.Errorf("a materialized view on a materialized view says %d, want 2000", n)
		}
	})
	t.Run("nothing that exists", func(t *testing.T) {
		t.Parallel()
		for _, sel := range []surface.Selection{{Tables: []string{"app.gone"}}, {Schemas: []string{"gone"}}} {
			target := newTarget(t, dst)
			target.Selection = sel
			if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Missing) {
				t.Errorf("%+v: %v", sel, err)
			}
		}
		target := newTarget(t, dst)
		target.Selection.Tables = []string{"people"}
		if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Invalid) {
			t.Errorf("a table without its schema: %v", err)
		}
	})
}
