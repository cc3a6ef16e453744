//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// listGoal is how long listing 10,000 points may take.
const listGoal = 2 * time.Second

// BenchmarkList shows how long `snapshot list` takes from a local store.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("%d-points", n), func(b *testing.B) { listing(b, n) })
	}
}

func listing(b *testing.B, n int) {
	s := newSite(b, "postgres://127.0.0.1:1/none", "")
	makePoints(b, s.storeDir, n)
	for _, query := range []struct {
		limit string
		want  int
	}{{"50", 50}, {"0", n}} {
		var took []usage
		for range rounds {
			var points []point
			began := time.Now()
			s.ask(b, &points, "snapshot", "list", "--limit", query.limit)
			took = append(took, usage{wall: time.Since(began)})
			if len(points) != query.want {
				b.Fatalf("listed %d points, want %d", len(points), query.want)
			}
		}
		wall := medians(took).wall
		verdict := "reached"
		if wall >= listGoal {
			verdict = "MISSED"
		}
		fmt.Fprintf(os.Stdout, "snapshot list --limit %s of %d points, median of %d: %.2f s [under 2 s: %s]\n", query.limit, n, rounds, wall.Seconds(), verdict)
		b.ReportMetric(wall.Seconds(), "s-limit-"+query.limit)
	}
	b.ReportMetric(0, "ns/op")
}

// makePoints seals n points of two surfaces, an hour apart.
func makePoints(b *testing.B, dir string, n int) {
	b.Helper()
	st, err := local.Open(b.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(8)
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		name := []string{"main", "other"}[i%2]
		group.Go(func() error { return makePoint(b.Context(), st, name, first.Add(time.Duration(i)*time.Hour)) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

func makePoint(ctx context.Context, st store.Store, surfaceName string, at time.Time) error {
	id := archive.NewID(at)
	w := archive.PartWriter{Store: st, Dir: archive.Dir("points", surfaceName, id)}
	piece, err := archive.WritePiece(ctx, w, "", surface.Fingerprint{{Kind: "table", Name: "t", Count: 1, Digest: "none"}})
	if err != nil {
		return err
	}
	_, err = archive.SealPoint(ctx, st, w.Dir, archive.Manifest{
		ID: id, Surface: surfaceName, SurfaceKind: "postgres", Kind: archive.KindSnapshot, CreatedAt: at, SealedAt: at,
		Server: surface.Server{Product: "PostgreSQL", Version: "15.0", Major: 15}, Compression: archive.CompressionZstd,
		Encryption: archive.Encryption{Scheme: "none"}, Parts: []archive.PartEntry{piece}, Tool: "lifeboat bench",
	})
	return err
}
