package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/DataDog/zstd"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const ageChunk = 64<<10 + 16

// damages are what can happen to the object of part t-0001.
var damages = map[string]func(b *bundle, data []byte) []byte{
	"empty":              func(*bundle, []byte) []byte { return nil },
	"header alone":       func(_ *bundle, data []byte) []byte { return data[:100] },
	"cut in the middle":  func(_ *bundle, data []byte) []byte { return data[:len(data)/2] },
	"one byte short":     func(_ *bundle, data []byte) []byte { return data[:len(data)-1] },
	"one byte long":      func(_ *bundle, data []byte) []byte { return append(data, 0) },
	"twice in a row":     func(_ *bundle, data []byte) []byte { return append(data, data...) },
	"first bit":          func(_ *bundle, data []byte) []byte { data[0] ^= 0x80; return data },
	"bit in the header":  func(_ *bundle, data []byte) []byte { data[90] ^= 1; return data },
	"bit in the middle":  func(_ *bundle, data []byte) []byte { data[len(data)/2] ^= 4; return data },
	"last bit":           func(_ *bundle, data []byte) []byte { data[len(data)-1] ^= 1; return data },
	"reordered":          reorder,
	"another part":       func(b *bundle, _ []byte) []byte { return b.object("t-0002") },
	"zeroes":             func(_ *bundle, data []byte) []byte { return make([]byte, len(data)) },
	"same size, another": func(_ *bundle, data []byte) []byte { slices.Reverse(data); return data },
}

// reorder exchanges the second and the third of age's chunks.
func reorder(_ *bundle, data []byte) []byte {
	end := len(data) - ageChunk
	second, third := data[end-2*ageChunk:end-ageChunk], data[end-ageChunk:end]
	return slices.Concat(data[:end-2*ageChunk], third, second, data[end:])
}

func (b *bundle) object(part string) []byte {
	entry, _ := b.manifest.part(part)
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return bytes.Clone(b.store.objects[b.dir+"/"+entry.Object])
}

func TestDamagedPart(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"identity", "clear"} {
		for name, damage := range damages {
			t.Run(scheme+", "+name, func(t *testing.T) {
				t.Parallel()
				b := sealed(t, newKeys(t, schemes[scheme]))
				entry, _ := b.manifest.part("t-0001")
				b.store.set(b.dir+"/"+entry.Object, damage(b, b.object("t-0001")))
				b.requireCorrupt(t, "t-0001")
			})
		}
	}
}

// requireCorrupt reads a part, verifies the point, and wants the same clear error of both.
func (b *bundle) requireCorrupt(t *testing.T, part string) {
	t.Helper()
	p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	_, errRead := readPart(t.Context(), p, part)
	for how, err := range map[string]error{"read": errRead, "verify": p.Verify(t.Context(), nil)} {
		if !fault.Is(err, fault.Corrupt) {
			t.Fatalf("%s: got %v (%s), want corrupt", how, err, fault.KindOf(err))
		}
		if want := `part "` + part + `" of point main/` + testID + ": "; !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), want) > 1 ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q should be one line, begin with %q and say it once", how, err, want)
		}
	}
}

func TestMissingPart(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["identity"]))
	key, _ := b.store.object(t, "/t-0001.sql.zst.age")
	if err := b.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	b.requireCorrupt(t, "t-0001")
}

// A store that says one size and gives another, or fails, must not be believed.
func TestStoreThatLies(t *testing.T) {
	t.Parallel()
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		body func(io.Reader) io.Reader
		kind fault.Kind
		want string
	}{
		"gives less": {func(r io.Reader) io.Reader { return io.LimitReader(r, 1000) }, fault.Corrupt, "truncated"},
		"gives more": {func(r io.Reader) io.Reader { return io.MultiReader(r, strings.NewReader("more")) }, fault.Corrupt, "more than the"},
		"never ends": {func(r io.Reader) io.Reader { return io.MultiReader(r, endless{}) }, fault.Corrupt, "more than the"},
		"is cut off": {func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, 200_000), iotest.ErrReader(cut)) }, fault.Internal, "connection reset"},
		"cut at the end": {func(r io.Reader) io.Reader {
			return io.MultiReader(r, iotest.ErrReader(fault.Wrap(fault.Unavailable, cut, "reading")))
		}, fault.Unavailable, "connection reset"},
	} {
		b := sealed(t, newKeys(t, schemes["identity"]))
		p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
		if err != nil {
			t.Fatal(err)
		}
		b.store.get = func(_ context.Context, _ string, body io.ReadCloser) io.ReadCloser { return io.NopCloser(c.body(body)) }
		if _, err := readPart(t.Context(), p, "t-0001"); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v (%s), want %s: …%s…", name, err, fault.KindOf(err), c.kind, c.want)
		}
	}
}

// What the compressed data claims is not believed: a part with a right digest
// that decompresses to something else than the manifest says.
func TestManifestThatContradictsItsParts(t *testing.T) {
	t.Parallel()
	bomb := func(t *testing.T, size int) []byte {
		data, err := zstd.Compress(nil, make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	good := bomb(t, 1000)
	for name, c := range map[string]struct {
		data  []byte
		plain int64
	}{
		"bomb":             {bomb(t, 64<<20), 1000},
		"more by one":      {good, 999},
		"less by one":      {good, 1001},
		"nothing expected": {good, 0},
		"not zstd":         {[]byte("plain text"), 10},
		"cut frame":        {good[:len(good)-2], 1000},
		"frame and dirt":   {append(bytes.Clone(good), "dirt"...), 1000},
		"nothing":          {[]byte{0}, 0},
	} {
		st := newMemory()
		entry := PartEntry{Object: "t.rows.zst", Bytes: int64(len(c.data)), PlainBytes: c.plain, Digest: seal.DigestOf(c.data)}
		entry.Name = "t"
		st.set("points/main/"+testID+"/t.rows.zst", c.data)
		r, err := openPart(t.Context(), st, "points/main/"+testID, entry, &seal.Opener{}, newMeter(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if !fault.Is(err, fault.Corrupt) || int64(len(got)) > c.plain+1 {
			t.Errorf("%s: read %d bytes, %v; want at most %d and corrupt", name, len(got), err, c.plain+1)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The parts of one point moved under the manifest of another, encrypted for
// the same or for other keys.
func TestPartOfAnotherPoint(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][2]seal.Config{
		"same key":    {schemes["identity"], schemes["identity"]},
		"another key": {schemes["identity"], schemes["passphrase"]},
		"unencrypted": {schemes["identity"], schemes["clear"]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, other := sealed(t, newKeys(t, keys[0])), sealed(t, newKeys(t, keys[1]))
			entry, _ := b.manifest.part("t-0001")
			b.store.set(b.dir+"/"+entry.Object, other.object("t-0001"))
			b.requireCorrupt(t, "t-0001")
		})
	}
}

func TestDamagedFingerprint(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "no array": "{}", "not JSON": "[x]", "cut": `[{"kind":"table","name":"a","count":1}`, "more": `[{"kind":"table","name":"a","count":1}][]`,
		"unknown field": `[{"kind":"table","name":"a","count":1,"x":2}]`, "no kind": `[{"name":"a","count":1}]`, "negative": `[{"kind":"t","name":"a","count":-1}]`,
		"too few": "[\n]\n", "too many": `[{"kind":"table","name":"a","count":1},{"kind":"table","name":"b","count":1}]`, "wrong type": `[[]]`,
	} {
		b := unsealed(t, newKeys(t, schemes["identity"]))
		var err error
		for i, p := range b.manifest.Parts {
			if p.Name != "fingerprint" {
				continue
			}
			w := b.writer
			w.Attempt = "other"
			b.manifest.Parts[i], err = w.Write(t.Context(), p.Part, nil, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
			if err != nil {
				t.Fatal(err)
			}
			b.manifest.Parts[i].Entries, b.manifest.Parts[i].Counts = p.Entries, p.Counts
		}
		if b.manifest, err = SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
			t.Fatal(err)
		}
		_, err = OpenPoint(t.Context(), b.store, b.dir, b.keys)
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), `part "fingerprint" of point main/`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v (%s), want corrupt", name, err, fault.KindOf(err))
		}
	}
}

func TestFingerprintTooLarge(t *testing.T) {
	t.Parallel()
	b := unsealed(t, newKeys(t, schemes["clear"]))
	for i := range b.manifest.Parts {
		if b.manifest.Parts[i].Role == RoleFingerprint {
			b.manifest.Parts[i].PlainBytes = maxFingerprint/2 + 1
		}
	}
	if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPoint(t.Context(), b.store, b.dir, b.keys); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "its fingerprint has more than") {
		t.Errorf("got %v, want corrupt", err)
	}
}

func TestDamagedIdentityFile(t *testing.T) {
	t.Parallel()
	b, other := sealed(t, newKeys(t, schemes["passphrase"])), sealed(t, newKeys(t, schemes["passphrase"]))
	key, file := b.store.object(t, "/identity.age")
	_, foreign := other.store.object(t, "/identity.age")
	for name, data := range map[string][]byte{"cut": file[:len(file)-1], "of another point": foreign, "too long": make([]byte, maxIdentityFile+1)} {
		b.store.set(key, data)
		if _, err := OpenPoint(t.Context(), b.store, b.dir, b.keys); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v (%s), want corrupt", name, err, fault.KindOf(err))
		}
	}
	if err := b.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPoint(t.Context(), b.store, b.dir, b.keys); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "identity file is gone") {
		t.Errorf("gone: %v (%s), want corrupt", err, fault.KindOf(err))
	}
}
