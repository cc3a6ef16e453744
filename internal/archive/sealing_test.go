package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestSealPointCompletesTheManifest(t *testing.T) {
	t.Parallel()
	b := unsealed(t, newKeys(t, schemes["identity"]))
	b.manifest.CreatedAt = time.Date(2026, 1, 2, 5, 4, 5, 678_901_234, time.FixedZone("", 7200))
	b.manifest.SealedAt = time.Time{}
	before := time.Now().Truncate(time.Millisecond)
	m, err := SealPoint(t.Context(), b.store, b.dir, b.manifest)
	if err != nil {
		t.Fatal(err)
	}
	var bytes, plain int64
	for i, p := range m.Parts {
		bytes, plain = bytes+p.Bytes, plain+p.PlainBytes
		if i > 0 && p.Name <= m.Parts[i-1].Name {
			t.Errorf("%s comes after %s", p.Name, m.Parts[i-1].Name)
		}
	}
	if m.Bytes != bytes || m.PlainBytes != plain || m.Entries != 5 {
		t.Errorf("sums %d, %d and %d entries; want %d, %d and 5", m.Bytes, m.PlainBytes, m.Entries, bytes, plain)
	}
	if want := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC); m.CreatedAt != want {
		t.Errorf("created at %v, want %v", m.CreatedAt, want)
	}
	if m.SealedAt.Before(before) || m.SealedAt.After(time.Now()) {
		t.Errorf("sealed at %v, want now", m.SealedAt)
	}
	got, err := ReadManifest(t.Context(), b.store, b.dir)
	if diff := cmp.Diff(m, got); err != nil || diff != "" {
		t.Errorf("%v; -sealed +read:\n%s", err, diff)
	}
}

func TestSealPointAgain(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["identity"]))
	again := b.manifest
	again.SealedAt, again.Tool = time.Now(), "a later version"
	got, err := SealPoint(t.Context(), b.store, b.dir, again)
	if diff := cmp.Diff(b.manifest, got); err != nil || diff != "" {
		t.Errorf("the same point: %v; -first +again:\n%s", err, diff)
	}
	again.Reason = "another one"
	if _, err := SealPoint(t.Context(), b.store, b.dir, again); !fault.Is(err, fault.Conflict) {
		t.Errorf("another point: %v, want a conflict", err)
	}
	b.store.set(b.dir+"/"+ManifestName, []byte("{}"))
	if _, err := SealPoint(t.Context(), b.store, b.dir, again); !fault.Is(err, fault.Corrupt) {
		t.Errorf("over a damaged one: %v, want corrupt", err)
	}
}

// The store keeps the manifest and then answers with an error.
func TestSealPointAfterTheStoreFailedHavingAccepted(t *testing.T) {
	t.Parallel()
	b := unsealed(t, newKeys(t, schemes["identity"]))
	cut := errors.New("connection reset")
	b.store.put = func(ctx context.Context, _ string, r io.Reader, keep keepFunc) (store.Object, error) {
		_, err := readAndKeep(ctx, r, keep)
		return store.Object{}, errors.Join(err, fault.Wrap(fault.Unavailable, cut, "writing"))
	}
	if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("first attempt: %v (%s), want unavailable", err, fault.KindOf(err))
	}
	b.store.put = nil
	b.manifest.SealedAt = b.manifest.SealedAt.Add(time.Minute)
	m, err := SealPoint(t.Context(), b.store, b.dir, b.manifest)
	if err != nil || !m.SealedAt.Equal(b.manifest.SealedAt.Add(-time.Minute)) {
		t.Errorf("second attempt: %v, sealed at %v; want what the first one wrote", err, m.SealedAt)
	}
	if _, err := OpenPoint(t.Context(), b.store, b.dir, b.keys); err != nil {
		t.Error(err)
	}
}

func TestSealPointRefuses(t *testing.T) {
	t.Parallel()
	object := func(b *bundle, name string) string { e, _ := b.manifest.part(name); return b.dir + "/" + e.Object }
	cases := map[string]struct {
		change func(b *bundle)
		kind   fault.Kind
		want   string
	}{
		"object gone":        {func(b *bundle) { _ = b.store.Delete(context.Background(), object(b, "t-0001")) }, fault.Corrupt, `part "t-0001" is not on the store`},
		"object cut":         {func(b *bundle) { b.store.set(object(b, "t-0001"), []byte("x")) }, fault.Corrupt, `part "t-0001" has 1 bytes on the store`},
		"identity file gone": {func(b *bundle) { b.manifest.Encryption.IdentityFile = IdentityFileName }, fault.Corrupt, "identity file is not on the store"},
		"another surface":    {func(b *bundle) { b.manifest.Surface = "redis" }, fault.Invalid, "from another surface"},
		"another point":      {func(b *bundle) { b.manifest.ID = NewID(time.Now()) }, fault.Invalid, "of another point"},
		"no folder of one":   {func(b *bundle) { b.dir = "points/main" }, fault.Invalid, "doesn't end in an ID"},
		"no fingerprint":     {func(b *bundle) { b.manifest.Parts = b.manifest.Parts[:len(contents)] }, fault.Invalid, "it has no fingerprint"},
		"no parts":           {func(b *bundle) { b.manifest.Parts = nil }, fault.Invalid, "it has no fingerprint"},
		"part twice":         {func(b *bundle) { b.manifest.Parts = append(b.manifest.Parts, b.manifest.Parts[0]) }, fault.Invalid, "is listed twice"},
		"no kind":            {func(b *bundle) { b.manifest.Kind = "" }, fault.Invalid, "none of snapshot and base"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := unsealed(t, newKeys(t, schemes["identity"]))
			c.change(b)
			_, err := SealPoint(t.Context(), b.store, b.dir, b.manifest)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v (%s), want %s: …%s…", err, fault.KindOf(err), c.kind, c.want)
			}
			if _, found := b.store.objects[b.dir+"/"+ManifestName]; found {
				t.Error("a manifest was written")
			}
		})
	}
}

func TestReadManifestElsewhere(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["clear"]))
	_, data := b.store.object(t, "/"+ManifestName)
	other := NewID(time.Now())
	for dir, want := range map[string]string{
		"points/redis/" + testID: `a manifest from another surface: it is of "main", the folder of "redis"`,
		"points/main/" + other:   "a manifest of another point: it is of " + testID,
	} {
		b.store.set(dir+"/"+ManifestName, data)
		if _, err := ReadManifest(t.Context(), b.store, dir); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v (%s), want corrupt: %s", dir, err, fault.KindOf(err), want)
		}
	}
	if _, err := ReadManifest(t.Context(), b.store, "points/main/20260102T030405.678Z-zzzzzz"); !fault.Is(err, fault.Missing) {
		t.Errorf("no manifest: %v, want missing", err)
	}
	b.store.set(b.dir+"/"+ManifestName, bytes.Repeat([]byte(" "), maxManifest+1))
	if _, err := ReadManifest(t.Context(), b.store, b.dir); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a huge one: %v, want corrupt", err)
	}
}

func TestOpenUnsealedReadsParts(t *testing.T) {
	t.Parallel()
	for name, config := range schemes {
		b := unsealed(t, newKeys(t, config))
		p, err := OpenUnsealed(t.Context(), b.store, b.dir, b.manifest, b.keys)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := readPart(t.Context(), p, "t-0001"); err != nil || !bytes.Equal(got, contents["t-0001"]) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	b := unsealed(t, newKeys(t, schemes["identity"]))
	if _, err := OpenUnsealed(t.Context(), b.store, b.dir, b.manifest, newKeys(t, seal.Config{Unencrypted: true})); !fault.Is(err, fault.Denied) {
		t.Errorf("without a key: %v, want denied", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 7, 8, 9, 10, 11, 12_999_999, time.FixedZone("", 3600))
	id := NewID(moment)
	if !strings.HasPrefix(id, "20260708T081011.012Z-") || len(id) != 27 {
		t.Errorf("ID of %v is %s", moment, id)
	}
	if at, err := ParseID(id); err != nil || !at.Equal(moment.Truncate(time.Millisecond)) {
		t.Errorf("ID %s is of %v, %v", id, at, err)
	}
	for _, bad := range []string{"", "x", id + "x", id[1:], "20261308T081011.012Z-abcdef", "20260708T081011.012Z-ABCDEF", "20260708T081011.012Z_abcdef", "../" + id} {
		if _, err := ParseID(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseID(%q) = %v, want invalid", bad, err)
		}
	}
	for prefix, want := range map[string]string{"points": "points/main/" + id, "": "main/" + id, "/a/b/": "a/b/main/" + id} {
		dir := Dir(prefix, "main", id)
		surfaceName, gotID, err := ParseDir("/" + dir)
		if dir != want || surfaceName != "main" || gotID != id || err != nil {
			t.Errorf("Dir(%q) = %q, which parses as %s, %s, %v; want %q", prefix, dir, surfaceName, gotID, err, want)
		}
	}
	for _, bad := range []string{"", "/", id, "/" + id, "main/x", "points//" + id, "points/.hidden/" + id, "../main/" + id, "a//main/" + id} {
		if _, _, err := ParseDir(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseDir(%q) = %v, want invalid", bad, err)
		}
	}
}

func TestWritePieceOfNothing(t *testing.T) {
	t.Parallel()
	b := unsealed(t, newKeys(t, schemes["clear"]))
	w := b.writer
	w.Attempt = "x"
	piece, err := WritePiece(t.Context(), w, "", surface.Fingerprint{})
	if err != nil || piece.Entries != 0 || piece.Counts != nil || piece.Role != RoleFingerprint || piece.Object != "fingerprint.x.json.zst" {
		t.Errorf("piece %+v, %v", piece, err)
	}
}
