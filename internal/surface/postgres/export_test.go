package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// CatalogLines are the lines behind the digest of an aspect, for tests that
// must show what differs.
func CatalogLines(t testing.TB, url, aspect string) []string {
	t.Helper()
	at, err := parseAddress(secret.String(url), surface.Config{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := at.connect(t.Context(), "UTF8")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, a := range aspects {
		if a.name != aspect {
			continue
		}
		rows, err := conn.Query(t.Context(), a.sql)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if a.printed {
			for i := range lines {
				lines[i] = canonical(lines[i])
			}
		}
		return lines
	}
	t.Fatalf("no aspect %s", aspect)
	return nil
}

// SetLimits cuts small tables as if they were large: alone, and in ranges, from
// these sizes in bytes on.
func SetLimits(s *Surface, single, split, slice int64) {
	s.limits.single, s.limits.split, s.limits.slice = single, split, slice
	s.limits.groupBytes, s.limits.groupTables = single, 3
}

// SetLockWait bounds how long to wait for any lock.
func SetLockWait(s *Surface, wait time.Duration) {
	s.limits.lockWait, s.limits.dumpLockWait = wait, wait
}

// SumOf is the digest of one row in text.
func SumOf(row []byte) string {
	var sum rowSum
	sum.add(row)
	return sum.entry(entryTable, "", textSum).Digest
}
