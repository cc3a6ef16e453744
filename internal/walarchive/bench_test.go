package walarchive

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// BenchmarkWriter stores segments of 16 MiB, encrypted, in a local folder.
func BenchmarkWriter(b *testing.B) {
	const size = wal.DefaultSegmentSize
	l := newLog(1, 0, 1)
	l.cluster.SegmentSize = size
	l.upTo(4 * int(size))
	a := Open(newLocal(b), "main", newKeys(b, seal.Config{Identity: testIdentity}), 1)
	b.SetBytes(4 * size)
	timeline := uint32(0)
	for b.Loop() {
		timeline++
		w, err := a.Writer(b.Context(), WriterOptions{Cluster: l.cluster, Timeline: timeline, From: 0})
		if err != nil {
			b.Fatal(err)
		}
		for at := 0; at < 4*int(size); at += 128 << 10 {
			if err := w.WAL(wal.LSN(at), l.data[at:at+128<<10]); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
