package archive

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const testID = "20260102T030405.678Z-abc234"

// contents are the plaintexts of the test point's parts. t-0001 has several of
// age's chunks and zstd's blocks.
var contents = map[string][]byte{
	"globals": []byte("CREATE ROLE app;\n"),
	"t-0001":  rows(1 << 20),
	"t-0002":  rows(1000),
	"t-0003":  {},
}

var entries = map[string]surface.Fingerprint{
	"":       {{Kind: "sequence", Name: "public.ids", Count: 7}},
	"t-0001": {{Kind: "table", Name: "public.big", Count: 4000, Digest: "rows:00112233445566778899aabbccddeeff"}},
	"t-0002": {
		{Kind: "table", Name: "public.big", Count: 1000, Digest: "rows:00000000000000000000000000000001"},
		{Kind: "table", Name: `public.o"dd <name>` + "\u2028", Count: 5}, {Kind: "table", Name: "public.empty"},
	},
}

// bundle is a point on a store in memory.
type bundle struct {
	store    *memory
	keys     *seal.Keyring
	dir      string
	writer   PartWriter
	manifest Manifest
}

// newBundle begins a point.
func newBundle(t testing.TB, keys *seal.Keyring, attempt string) *bundle {
	t.Helper()
	b := &bundle{store: newMemory(), keys: keys, dir: Dir("points", "main", testID)}
	encryption, err := NewEncryption(t.Context(), b.store, b.dir, b.keys, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	b.writer = PartWriter{Store: b.store, Dir: b.dir, Recipients: encryption.Recipients, Attempt: attempt}
	b.manifest = Manifest{
		ID: testID, Surface: "main", SurfaceKind: "postgres", Kind: KindSnapshot, Policy: "main-daily",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC), SealedAt: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC),
		Server:      surface.Server{Product: "PostgreSQL", Version: "15.18", Major: 15, Bytes: 1 << 20},
		Compression: CompressionZstd, Encryption: encryption, Tool: "lifeboat test",
	}
	return b
}

func (b *bundle) write(t testing.TB, part surface.Part, data []byte) {
	t.Helper()
	entry, err := b.writer.Write(t.Context(), part, nil, func(w io.Writer) error { _, err := w.Write(data); return err })
	if err != nil {
		t.Fatal(err)
	}
	b.manifest.Parts = append(b.manifest.Parts, entry)
}

func (b *bundle) writePiece(t testing.TB, part string, f surface.Fingerprint) {
	t.Helper()
	piece, err := WritePiece(t.Context(), b.writer, part, f)
	if err != nil {
		t.Fatal(err)
	}
	b.manifest.Parts = append(b.manifest.Parts, piece)
}

// unsealed writes the parts of the test point.
func unsealed(t testing.TB, keys *seal.Keyring) *bundle {
	t.Helper()
	b := newBundle(t, keys, "")
	for name, data := range contents {
		part := surface.Part{Name: name, Role: surface.RoleMeta, Format: "sql"}
		if strings.HasPrefix(name, "t-") {
			part = surface.Part{Name: name, Role: surface.RoleData, Format: "sql", Estimate: int64(len(data)), Spec: []byte(`{"oids":[16384],"note":"a<b"}`)}
		}
		b.write(t, part, data)
	}
	for part, f := range entries {
		b.writePiece(t, part, f)
	}
	return b
}

// sealed is the whole test point.
func sealed(t testing.TB, keys *seal.Keyring) *bundle {
	t.Helper()
	b := unsealed(t, keys)
	var err error
	if b.manifest, err = SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
		t.Fatal(err)
	}
	return b
}

func newKeys(t testing.TB, c seal.Config) *seal.Keyring {
	t.Helper()
	keys, err := seal.NewKeyring(c)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// schemes are the ways a point can be encrypted.
var schemes = map[string]seal.Config{
	"identity":   {Identity: testIdentity},
	"passphrase": {Passphrase: "correct horse battery staple"},
	"clear":      {Unencrypted: true},
}

func readPart(ctx context.Context, p *Point, name string) ([]byte, error) {
	r, err := p.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
