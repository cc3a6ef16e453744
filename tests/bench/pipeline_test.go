//go:build bench

package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/zstd"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const (
	// sampleSize is how many bytes of rows there are, pipelineSize how many go through.
	sampleSize   = 64 << 20
	pipelineSize = 1 << 30
	// pipelineGoal is how much longer than its slowest stage the whole may take.
	pipelineGoal = 1.10
)

// BenchmarkPipeline compares compressing, encrypting, digesting and handing
// over to a store that keeps nothing with the slowest of these alone.
func BenchmarkPipeline(b *testing.B) {
	sample := make([]byte, sampleSize)
	rows := newRowMaker(1)
	if _, err := io.ReadFull(&rowReader{size: 2 * sampleSize, row: rows.event}, sample); err != nil {
		b.Fatal(err)
	}
	_, recipient, err := seal.GenerateIdentity()
	if err != nil {
		b.Fatal(err)
	}
	packed := compressed(b, sample)
	stages := []string{"zstd", "age", "digest"}
	run := map[string]func() error{
		"zstd":   func() error { return intoZstd(io.Discard, sample, 1) },
		"age":    func() error { return intoAge(packed, recipient, len(sample)) },
		"digest": func() error { return feed(seal.NewDigest(), packed, pipelineSize/len(sample)) },
		"all":    func() error { return throughPipeline(b.Context(), sample, recipient) },
	}
	took := map[string][]usage{}
	for range rounds {
		for _, name := range append(slices.Clone(stages), "all") {
			began := time.Now()
			if err := run[name](); err != nil {
				b.Fatal(err)
			}
			took[name] = append(took[name], usage{wall: time.Since(began)})
		}
	}
	slowest := slices.MaxFunc(stages, func(x, y string) int { return int(medians(took[x]).wall - medians(took[y]).wall) })
	for _, name := range append(slices.Clone(stages), "all") {
		wall := medians(took[name]).wall.Seconds()
		fmt.Fprintf(os.Stdout, "  %-8s %6.2f s for 1 GiB of rows: %6.0f MB/s\n", name, wall, pipelineSize/wall/1e6)
	}
	ratio := medians(took["all"]).wall.Seconds() / medians(took[slowest]).wall.Seconds()
	verdict := "reached"
	if ratio > pipelineGoal {
		verdict = "MISSED"
	}
	fmt.Fprintf(os.Stdout, "pipeline to its slowest stage, %s, medians of %d: %.2f [at most %.2f, %s]\n", slowest, rounds, ratio, pipelineGoal, verdict)
	b.ReportMetric(ratio, "wall-ratio")
	b.ReportMetric(0, "ns/op")
}

// feed writes data so many times, in pieces as a database's rows come.
func feed(w io.Writer, data []byte, times int) error {
	for range times {
		for piece := range slices.Chunk(data, 256<<10) {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
	}
	return nil
}

func intoZstd(w io.Writer, sample []byte, level int) error {
	zw := zstd.NewWriterLevel(w, level)
	if err := feed(zw, sample, pipelineSize/len(sample)); err != nil {
		return err
	}
	return zw.Close()
}

// compressed is the sample as the stages after zstd see it.
func compressed(b *testing.B, sample []byte) []byte {
	b.Helper()
	packed, err := zstd.CompressLevel(nil, sample, 1)
	if err != nil {
		b.Fatal(err)
	}
	return packed
}

func intoAge(packed []byte, recipient string, plain int) error {
	w, err := seal.Encrypt(io.Discard, []string{recipient})
	if err != nil {
		return err
	}
	if err := feed(w, packed, pipelineSize/plain); err != nil {
		return err
	}
	return w.Close()
}

func throughPipeline(ctx context.Context, sample []byte, recipient string) error {
	w := archive.PartWriter{Store: nullStore{}, Dir: archive.Dir("points", "main", archive.NewID(time.Now())), Recipients: []string{recipient}, Level: 1}
	part := surface.Part{Name: "t-0001", Role: surface.RoleData, Format: "sql"}
	_, err := w.Write(ctx, part, nil, func(out io.Writer) error { return feed(out, sample, pipelineSize/len(sample)) })
	return err
}

// nullStore takes everything and keeps nothing. Nothing but Put is called.
type nullStore struct{ store.Store }

func (nullStore) Put(_ context.Context, key string, r io.Reader, _ store.PutOptions) (store.Object, error) {
	n, err := io.Copy(io.Discard, r)
	return store.Object{Key: key, Size: n}, err
}
