package archive

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/DataDog/zstd"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// benchBytes is how much plaintext one iteration moves.
const benchBytes = 256 << 20

// rows makes about n bytes that look like a table copied out as text: always
// the same ones, which compress to about a third.
func rows(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		word := make([]byte, 3+rng.IntN(8))
		for j := range word {
			word[j] = "etaoinshrdlcumwfgypbvk"[rng.IntN(22)]
		}
		words[i] = string(word)
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	out := make([]byte, 0, n+512)
	for id := 1; len(out) < n; id++ {
		start = start.Add(time.Duration(rng.IntN(90_000)) * time.Millisecond)
		out = fmt.Appendf(out, "%d\t%s.%s@example.com\t%s\t%d.%02d\t%08x%08x\t", id, words[rng.IntN(2000)], words[rng.IntN(2000)],
			start.Format("2006-01-02 15:04:05.000"), rng.IntN(5000), rng.IntN(100), rng.Uint32(), rng.Uint32())
		for range 4 + rng.IntN(12) {
			out = append(append(out, words[int(rng.ExpFloat64()*200)%2000]...), ' ')
		}
		out = append(out, "\\N\tt\n"...)
	}
	return out
}

// feed writes the rows again and again, in pieces as a database sends them.
func feed(w io.Writer, sample []byte) error {
	const piece = 64 << 10
	for sent := 0; sent < benchBytes; sent += piece {
		at := sent % (len(sample) - piece)
		if _, err := w.Write(sample[at : at+piece]); err != nil {
			return err
		}
	}
	return nil
}

// nullStore takes everything and keeps nothing.
type nullStore struct{ *memory }

func (nullStore) Put(_ context.Context, key string, r io.Reader, _ store.PutOptions) (store.Object, error) {
	n, err := io.Copy(io.Discard, r)
	return store.Object{Key: key, Size: n}, err
}

func benchKeys(b testing.TB) (*seal.Keyring, []string) {
	b.Helper()
	keys, err := seal.NewKeyring(seal.Config{Identity: secret.String(testIdentity)})
	if err != nil {
		b.Fatal(err)
	}
	key, err := keys.NewPointKey()
	if err != nil {
		b.Fatal(err)
	}
	return keys, key.Recipients
}

// testIdentity was made for these tests and opens nothing else.
const testIdentity = "AGE-SECRET-KEY-1P6AV893YF94XKF27KUYS3MSYAKVMC52NL4Y3DLE6DYDAHE64RXAQG94MQ9"

func BenchmarkPipeline(b *testing.B) {
	sample := rows(64 << 20)
	_, recipients := benchKeys(b)
	w := PartWriter{Store: nullStore{newMemory()}, Dir: "points/main/x", Recipients: recipients}
	b.SetBytes(benchBytes)
	for b.Loop() {
		entry, err := w.Write(b.Context(), surface.Part{Name: "t", Role: surface.RoleData, Format: "rows"}, nil,
			func(out io.Writer) error { return feed(out, sample) })
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(entry.PlainBytes)/float64(entry.Bytes), "ratio")
	}
}

// BenchmarkFrames compares how a part is compressed with one frame over all of it.
func BenchmarkFrames(b *testing.B) {
	sample := rows(64 << 20)
	for _, level := range []int{1, 3, -1, -5} {
		b.Run(fmt.Sprintf("frames/%d", level), func(b *testing.B) {
			b.SetBytes(benchBytes)
			for b.Loop() {
				p := newPacker(level, 1, newMeter(nil))
				go func() { p.End(feed(p, sample)) }()
				if _, err := io.Copy(io.Discard, p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("stream/%d", level), func(b *testing.B) {
			b.SetBytes(benchBytes)
			for b.Loop() {
				w := zstd.NewWriterLevel(io.Discard, level)
				if err := feed(w, sample); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAge(b *testing.B) {
	sample := rows(64 << 20)
	_, recipients := benchKeys(b)
	b.SetBytes(benchBytes)
	for b.Loop() {
		w, err := seal.Encrypt(io.Discard, recipients)
		if err != nil {
			b.Fatal(err)
		}
		if err := feed(w, sample); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	sample := rows(64 << 20)
	b.SetBytes(benchBytes)
	for b.Loop() {
		if err := feed(seal.NewDigest(), sample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	sample := rows(64 << 20)
	keys, recipients := benchKeys(b)
	st := newMemory()
	w := PartWriter{Store: st, Dir: "points/main/x", Recipients: recipients}
	entry, err := w.Write(b.Context(), surface.Part{Name: "t", Role: surface.RoleData, Format: "rows"}, nil,
		func(out io.Writer) error { return feed(out, sample) })
	if err != nil {
		b.Fatal(err)
	}
	opener, err := keys.Opener(recipients, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchBytes)
	for b.Loop() {
		r, err := openPart(b.Context(), st, w.Dir, entry, opener, newMeter(nil))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
