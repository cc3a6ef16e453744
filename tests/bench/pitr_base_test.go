//go:build bench

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The other side of base backups.
const (
	backRestSame    = "pgBackRest, zst 1, aes, 2 processes"
	backRestDefault = "pgBackRest, zst 3 (its default), aes, 2 processes"
)

// bases compares full base backups to a folder on the same disk.
func (r *rescue) bases(b *testing.B) {
	stored := map[string]int64{}
	results := contest(b,
		contender{"lifeboat", func(int) usage {
			made, took := r.base(b)
			stored["lifeboat"] = bytesIn(b, filepath.Join(r.site.storeDir, "points"))
			fmt.Fprintf(os.Stdout, "  %d parts, %.2f GB before compression\n", made.Parts, float64(made.PlainBytes)/1e9)
			r.dropBases(b)
			return took
		}},
		contender{backRestSame, func(int) usage { return r.backRest(b, 1, stored, backRestSame) }},
		contender{backRestDefault, func(int) usage { return r.backRest(b, 3, stored, backRestDefault) }})
	compare(b, "base backup", results["lifeboat"], results[backRestDefault], backRestDefault, goal{wall: 0.6})
	compare(b, "base backup", results["lifeboat"], results[backRestSame], backRestSame, goal{0.75, 0.75})
	share := float64(stored["lifeboat"]) / float64(stored[backRestSame])
	fmt.Fprintf(os.Stdout, "stored: lifeboat %.1f MB, %s %.1f MB, %s %.1f MB; ratio at the same level %.3f [at most 1.05: %s]\n",
		float64(stored["lifeboat"])/1e6, backRestSame, float64(stored[backRestSame])/1e6,
		backRestDefault, float64(stored[backRestDefault])/1e6, share, verdict(share <= 1.05))
	b.ReportMetric(share, "stored-ratio")
	r.forget(b)
	r.base(b)
	r.peak(b, "base backup")
	r.dropBases(b)
}

// base takes a base backup with Lifeboat.
func (r *rescue) base(b *testing.B) (made point, took usage) {
	b.Helper()
	took = watch(b, []int{r.engine, r.worker, postmaster(b, r.source.PG)}, func() time.Duration {
		return r.site.ask(b, &made, "snapshot", "create", "main", "--kind", "base", "--wait")
	})
	return made, took
}

func (r *rescue) dropBases(b *testing.B) {
	b.Helper()
	if err := os.RemoveAll(filepath.Join(r.site.storeDir, "points")); err != nil {
		b.Fatal(err)
	}
}

// backRest takes a full backup with pgBackRest, and removes the one before.
func (r *rescue) backRest(b *testing.B, level int, stored map[string]int64, name string) usage {
	b.Helper()
	took := watch(b, []int{postmaster(b, r.source.PG)}, func() time.Duration {
		return r.peer.run(b, "backup", "--type=full", fmt.Sprintf("--compress-level=%d", level))
	})
	r.peer.run(b, "expire")
	if stored != nil {
		stored[name] = bytesIn(b, filepath.Join(r.peer.repo, "backup"))
	}
	return took
}
