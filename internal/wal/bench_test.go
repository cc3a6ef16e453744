package wal_test

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// BenchmarkScanner reads WAL that a real server wrote, in the pieces in which a
// server streams it.
func BenchmarkScanner(b *testing.B) {
	pg := cluster(b, 16)
	query(b, pg, "CREATE TABLE numbers (n int PRIMARY KEY, filler text)", "INSERT INTO numbers SELECT i, md5(i::text) FROM generate_series(1, 300000) i",
		"UPDATE numbers SET filler = 'x'", "SELECT pg_switch_wal()")
	data := shippedBytes(b, pg)
	start := data.start()
	b.SetBytes(int64(len(data.data)))
	b.ReportAllocs()
	for b.Loop() {
		scanner := wal.NewScanner(start, data.size)
		write(b, scanner, data.data, 128<<10)
		if index := scanner.Cut(); index.Commits == 0 {
			b.Fatal("nothing was read")
		}
	}
}
