package archive

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// FuzzManifest: whatever is accepted can be written again as it was, and
// whatever isn't gives one line of a known kind.
func FuzzManifest(f *testing.F) {
	for _, name := range []string{"encrypted", "passphrase", "clear"} {
		data, err := os.ReadFile(filepath.Join(vectorDir, name, ManifestName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[103 : len(data)-1])
	}
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"id":"20260102T030405.678Z-abc234","parts":[{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, point []byte) {
		// The raw bytes are mostly refused by the digest, so that the point within is what is tried.
		for _, data := range [][]byte{point, encodeEnvelope(FormatVersion, seal.DigestOf(point), point)} {
			m, err := decodeManifest(data)
			if err != nil {
				if k := fault.KindOf(err); k != fault.Corrupt && k != fault.Unsupported || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v (%s)", err, k)
				}
				continue
			}
			again, err := encodeManifest(m)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeManifest(again); err != nil || back.ID != m.ID || len(back.Parts) != len(m.Parts) {
				t.Errorf("accepted, yet not written again: %v", err)
			}
		}
	})
}

// FuzzPart: a part whose digest is right, for whoever can write to a store can
// write a manifest too, must never give more than its size nor end well with less.
func FuzzPart(f *testing.F) {
	for _, name := range []string{"encrypted", "clear"} {
		objects, err := filepath.Glob(filepath.Join(vectorDir, name, "*.zst*"))
		if err != nil || len(objects) == 0 {
			f.Fatal(err, objects)
		}
		for _, object := range objects {
			data, err := os.ReadFile(object)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, int64(1000))
		}
	}
	keys, recipients := benchKeys(f)
	opener, err := keys.Opener(recipients, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, plain int64) {
		if plain < 0 || plain > 1<<20 {
			return
		}
		st := newMemory()
		st.set("points/main/"+testID+"/object", data)
		entry := PartEntry{Object: "object", Bytes: int64(len(data)), PlainBytes: plain, Digest: seal.DigestOf(data)}
		for _, o := range []*seal.Opener{opener, {}} {
			r, err := openPart(t.Context(), st, "points/main/"+testID, entry, o, newMeter(nil))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if int64(len(got)) > plain+1 || (err == nil && int64(len(got)) != plain) {
				t.Errorf("read %d bytes of %d, %v", len(got), plain, err)
			}
			if err != nil && !fault.Is(err, fault.Corrupt) {
				t.Errorf("%v (%s), want corrupt", err, fault.KindOf(err))
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzFingerprint: no input makes it panic or read more entries than asked for.
func FuzzFingerprint(f *testing.F) {
	var out bytes.Buffer
	if err := writeFingerprint(&out, entries["t-0002"]); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes(), 3)
	f.Add([]byte("[]"), 0)
	f.Add([]byte(`[{"kind":"t","name":"","count":-0}]`), 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if got, err := readFingerprint(bytes.NewReader(data), n); err == nil && len(got) != n {
			t.Errorf("%d entries, want %d", len(got), n)
		}
	})
}
