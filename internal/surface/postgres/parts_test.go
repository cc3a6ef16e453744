package postgres_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const largeSQL = `
CREATE TABLE large (id bigint PRIMARY KEY, at timestamptz, amount numeric(12,2), doc jsonb, tags text[], raw bytea);
INSERT INTO large SELECT i, 'epoch'::timestamptz + i * interval '1 hour', i / 7.0, jsonb_build_object('i', i), ARRAY['a', NULL, i::text],
	decode(md5(i::text), 'hex') FROM generate_series(1, 20000) i;
DELETE FROM large WHERE id % 10 = 0;
UPDATE large SET amount = -amount WHERE id % 3 = 0;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE large_enum AS SELECT i AS id, (ARRAY['red', 'green'])[1 + i % 2]::colour AS c, repeat('\N ' || i, 20) AS t FROM generate_series(1, 20000) i;
CREATE TABLE toasted AS SELECT i AS id, (SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, 200) j) AS t FROM generate_series(1, 300) i;
CREATE TABLE small AS SELECT 1 AS id;
CREATE TABLE small_enum AS SELECT 'red'::colour AS c;
`

// A database of a few megabytes, cut as one of many gigabytes would be.
func TestLargeTablesAreCutIntoRanges(t *testing.T) {
	t.Parallel()
	src := newSource(t, "large")
	run(t, src.url(), largeSQL)
	postgres.SetLimits(src.surface, 64<<10, 512<<10, 256<<10)
	point := surfacetest.Take(t, src.surface)

	formats := map[string]int{}
	for _, part := range point.Parts() {
		if part.Role == surface.RoleData {
			formats[part.Format]++
		}
	}
	if formats[postgres.FormatBinary] < 5 || formats[postgres.FormatSQL] < 5 {
		t.Errorf("parts by format: %v, want several ranges of each", formats)
	}
	for _, e := range point.Fingerprint() {
		if e.Kind == "table" && e.Name == `"public"."large"` && (e.Count != 18000 || !strings.HasPrefix(e.Digest, "b:")) {
			t.Errorf("the ranges of a table add up to %+v", e)
		}
	}

	dst := servers.Postgres(t, "wal_level = minimal", "max_wal_senders = 0")
	for _, throwaway := range []bool{false, true} {
		target := newTarget(t, dst)
		target.Throwaway = throwaway
		restore(t, src, target, point)
		// What is cut in another way, and in text, has another digest only
		// where nobody says what to compare with.
		whole := newSurface(t, src.url())
		surfacetest.RequireSame(t, whole, target, point)
		unaware, err := whole.Fingerprint(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if len(point.Fingerprint().Compare(unaware)) == 0 {
			t.Error("digests in text and in binary are equal")
		}
	}
}

// Parts are restored with what Debian ships: pg_restore and psql.
func TestPartsAreRestoredByHand(t *testing.T) {
	t.Parallel()
	src := newSource(t, oddName)
	run(t, src.url(), fillSQL)
	run(t, src.url(), largeSQL)
	postgres.SetLimits(src.surface, 64<<10, 512<<10, 256<<10)
	point := surfacetest.Take(t, src.surface)
	dir := t.TempDir()
	for name, plain := range point.Data {
		if err := os.WriteFile(filepath.Join(dir, name), plain, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dst := servers.Postgres(t)
	run(t, dst.URL, `CREATE DATABASE "by hand" TEMPLATE template0`)
	url := dst.DatabaseURL("by hand")
	hand := func(args ...string) {
		t.Helper()
		cmd := exec.Command(dst.Tool(args[0]), args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	psql := func(args ...string) {
		t.Helper()
		hand(append([]string{"psql", "-X", "-q", "-d", url}, args...)...)
	}
	psql("-f", "globals") // which says that the role postgres exists, and goes on
	hand("pg_restore", "-e", "--section=pre-data", "-d", url, "schema")
	psql("-v", "ON_ERROR_STOP=1", "-f", "database")
	for _, part := range point.Parts() {
		switch {
		case part.Role != surface.RoleData:
		case part.Format == postgres.FormatSQL:
			psql("-v", "ON_ERROR_STOP=1", "-f", part.Name)
		case part.Format == postgres.FormatBinary:
			psql("-c", `\copy `+tableOf(t, point.Data[part.Name])+` from '`+part.Name+`' with (format binary)`)
		default:
			hand("pg_restore", "-e", "-d", url, part.Name)
		}
	}
	hand("pg_restore", "-e", "--section=post-data", "-d", url, "schema")

	got, err := src.surface.Fingerprint(t.Context(), surface.Target{URL: secret.String(url), Expected: point.Fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range point.Fingerprint().Compare(got) {
		// By hand, sequences and materialized views are left to the reader.
		if d.Kind != "sequence" && d.Kind != "materialized-view" {
			t.Error(d)
		}
	}
}

// tableOf reads the table and its columns from the header of a binary part.
func tableOf(t *testing.T, plain []byte) string {
	t.Helper()
	head, _, _ := strings.Cut(string(plain), " FROM stdin")
	_, name, found := strings.Cut(head, "\nCOPY ")
	if !found {
		t.Fatalf("a binary part does not say whose rows it has: %q", head)
	}
	return name
}

// Rows that are larger than any buffer are passed on in pieces, and have the
// same digest as in one.
func TestHugeRows(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), `CREATE TABLE huge AS SELECT i, repeat('a\b', i * 100000) AS t, convert_to(repeat('x', i), 'UTF8') AS b FROM generate_series(0, 12) i;
		CREATE TABLE first AS SELECT repeat('first', 1000000) AS t`)
	for _, single := range []int64{1, 1 << 40} { // in binary, and in text
		postgres.SetLimits(src.surface, single, 1<<40, 1<<40)
		point := surfacetest.Take(t, src.surface)
		restore(t, src, newTarget(t, src.PG), point)
		for _, e := range point.Fingerprint() {
			if e.Name == `"public"."first"` && single == 1<<40 {
				row := append(bytes.Repeat([]byte("first"), 1000000), '\n')
				if want := postgres.SumOf(row); e.Digest != want {
					t.Errorf("a huge row has digest %s, want %s", e.Digest, want)
				}
			}
		}
	}
}

func TestInvalidIndexesAreLeftOutAndNoted(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT 1 AS i FROM generate_series(1, 2)")
	conn := connect(t, src.url())
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY broken ON t (i)"); err == nil {
		t.Fatal("an index over equal values is unique")
	}
	view := hold(t, src)
	noted, ok := view.(interface{ Notes() []string })
	if !ok || len(noted.Notes()) != 1 || !strings.Contains(noted.Notes()[0], "public.broken is invalid") {
		t.Errorf("notes: %v", noted)
	}
	restore(t, src, newTarget(t, src.PG), surfacetest.Dump(t, src.surface, view))
}
