package postgres_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	src := newSource(t, oddName)
	dst := servers.Postgres(t)
	run(t, dst.URL, `CREATE ROLE "Owner, the 1st"; CREATE ROLE reader; CREATE ROLE writer IN ROLE reader`)
	surfacetest.Run(t, surfacetest.Harness{
		Surface:   src.surface,
		Fill:      func(t testing.TB) { run(t, src.url(), fillSQL) },
		Change:    func(t testing.TB) { run(t, src.url(), "UPDATE app.hashed SET v = 'changed' WHERE id = 7") },
		NewTarget: func(t testing.TB) surface.Target { return newTarget(t, dst) },
		Occupy: func(t testing.TB, target surface.Target) {
			config, err := pgx.ParseConfig(target.URL.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			run(t, dst.URL, "CREATE DATABASE "+pgx.Identifier{config.Database}.Sanitize())
			run(t, target.URL.Reveal(), "CREATE TABLE precious AS SELECT 1 AS x")
		},
		Left: func(t testing.TB) []string {
			conn := connect(t, src.URL)
			defer conn.Close(context.Background())
			rows, err := conn.Query(t.Context(), "SELECT pid || ' ' || state || ' ' || query FROM pg_stat_activity WHERE application_name = 'lifeboat'")
			if err != nil {
				t.Fatal(err)
			}
			left, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			return left
		},
	})
}

func TestRestoredSchemaIsTheSameText(t *testing.T) {
	t.Parallel()
	src := newSource(t, oddName)
	run(t, src.url(), fillSQL)
	point := surfacetest.Take(t, src.surface)
	dst := servers.Postgres(t)
	target := newTarget(t, dst)
	target.Throwaway = true
	restore(t, src, target, point)
	want, got := schemaText(t, src.PG, src.url()), schemaText(t, dst, target.URL.Reveal())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// restore is surfacetest.Restore that shows which lines of the catalog differ.
func restore(t *testing.T, src *source, target surface.Target, point *surfacetest.Point) {
	t.Helper()
	defer func() {
		if !t.Failed() {
			return
		}
		got, err := src.surface.Fingerprint(context.Background(), target)
		if err != nil {
			return
		}
		for _, d := range point.Fingerprint().Compare(got) {
			if d.Kind != "schema" {
				continue
			}
			want, have := postgres.CatalogLines(t, src.url(), d.Name), postgres.CatalogLines(t, target.URL.Reveal(), d.Name)
			slices.Sort(want)
			slices.Sort(have)
			t.Logf("%s:\n%s", d.Name, cmp.Diff(want, have))
		}
	}()
	surfacetest.Restore(t, src.surface, target, point)
}
